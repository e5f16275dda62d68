// Ask: what a cue brings to mind, why, and how it stands against its rivals.

import { call, latest } from "../api.js";
import { chart } from "../chart.js";
import { bar, failed, h, labelled, notice, show } from "../dom.js";
import { beginnings, entityLink, passage } from "../parts.js";
import { asked, day, link, number, remember, route, watch } from "../state.js";

const RIVALS = 4;

export function ask(place) {
  const given = route().given;
  const cue = h("input", { type: "search", id: "cue", required: true, placeholder: "A question, a name or some words", value: given.get("cue") ?? "" });
  const count = h("select", {}, [5, 10, 20].map((each) => h("option", { value: each }, each)));
  const source = h("input", { type: "text", list: "sources", placeholder: "all", autocomplete: "off" });
  const sources = h("datalist", { id: "sources" });
  const form = h("form", { class: "ask" }, h("label", { for: "cue" }, "Cue"), cue, h("button", { type: "submit", class: "main" }, "Ask"), labelled("Passages", count), labelled("Source", source), sources);
  const answer = h("div", { "aria-live": "polite", "aria-busy": "false" });
  const drawn = [];
  const only = latest();

  function run() {
    if (!cue.value.trim()) return;
    remember({ cue: cue.value });
    answer.setAttribute("aria-busy", "true");
    only(
      () => call("recall", { cue: cue.value, k: Number(count.value), budget_tokens: 100_000, now: asked(), reasons: true, sources: source.value ? [source.value] : null }),
      (found) => { answered(answer, found, drawn); answer.setAttribute("aria-busy", "false"); },
      (error) => { show(answer, failed(error)); answer.setAttribute("aria-busy", "false"); },
    );
  }
  form.addEventListener("submit", (event) => { event.preventDefault(); run(); });
  count.addEventListener("change", run);
  source.addEventListener("change", run);
  show(place, h("h2", { class: "hidden" }, "Ask"), form, answer);
  call("sources").then((found) => show(sources, found.sources.slice(0, 200).map((each) => h("option", { value: each.name }))), () => {});
  const unwatch = watch((_, settled) => { if (settled) run(); });
  if (cue.value) run();
  else {
    show(answer, beginnings("entity"));
    cue.focus({ preventScroll: true });
  }
  return () => { unwatch(); drawn.forEach((end) => end()); };
}

function answered(place, found, drawn) {
  drawn.splice(0).forEach((end) => end());
  if (!found.passages.length) {
    show(place, h("p", {}, "Nothing in memory answers that."));
    return;
  }
  const copy = h("button", { type: "button", onclick: () => copied(found.context) }, "Copy as context block");
  const rivals = h("div", {});
  const over = h("button", { type: "button", onclick: () => rivalry(rivals, found, drawn) }, "Rivals over time");
  show(
    place,
    h("div", { class: "controls" }, copy, found.entities.length > 0 && over, found.unknown > 0 && h("span", {}, `${found.unknown} associations are of unknown strength then`)),
    brought(found.entities),
    rivals,
    h("ol", { class: "passages" }, found.passages.map((each) => recalled(each, found))),
  );
}

function brought(entities) {
  if (!entities.length) return null;
  return h(
    "div",
    { class: "chips", role: "group", "aria-label": "Entities brought to mind" },
    entities.slice(0, 12).map((each) => h("a", { class: "chip", href: link("entity", { name: each.name }), title: `activation ${number(each.activation)}` }, each.name, " ", h("small", {}, number(each.activation)))),
  );
}

function recalled(each, found) {
  const paths = found.paths.filter((path) => path.passage === each.id && path.source === each.source && path.position === each.position);
  const stems = paths.filter((path) => path.kind === "words").flatMap((path) => path.through);
  const names = found.entities.map((entity) => entity.name);
  return h(
    "li",
    { class: "card" },
    h("div", { class: "score" }, bar(each.score / found.passages[0].score), h("span", {}, number(each.score))),
    passage(each, { stems, names }),
    paths.length > 0 && h("details", { open: true }, h("summary", {}, "Why"), h("ul", { class: "paths" }, paths.map(reason))),
  );
}

function reason(path) {
  if (path.said && path.rival) return standing(path);
  const steps = path.through.map((step, number) => {
    const entity = path.kind === "heading" || ((path.kind === "association" || path.kind === "mention") && number > 0);
    return [number > 0 && (path.kind === "association" || path.kind === "mention" ? " → " : ", "), entity ? entityLink(step) : h("span", {}, step)];
  });
  return h(
    "li",
    {},
    h("span", { class: "kind" }, path.kind),
    " ",
    steps.flat(),
    h("span", { class: "quiet" }, ` ${number(path.score)}`, path.strength !== null && `, strength ${number(path.strength)}`, path.last_seen && `, last seen ${day(path.last_seen)}`),
  );
}

function standing(path) {
  const most = Math.max(path.said.strength, path.rival.strength, 1e-9);
  const side = (name, each, kind) =>
    h("div", { class: "side" }, h("span", {}, name), bar(each.strength / most, kind), h("span", {}, `${number(each.strength)}, said ${each.times}×, ${day(each.first)} to ${day(each.last)}`));
  return h("li", {}, h("span", { class: "kind" }, "standing"), ` against passage ${path.rival.passage} `, h("span", { class: "quiet" }, number(path.score)), side("this", path.said, ""), side("rival", path.rival, "slow"));
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    notice("Copied.");
  } catch {
    const area = h("textarea", { rows: 8, readonly: true, "aria-label": "Context block" }, text);
    show(document.getElementById("notice"), h("span", {}, "The browser does not let this page copy; here it is:"), area);
    area.select();
  }
}

function rivalry(place, found, drawn) {
  show(place, h("p", {}, "Asking at many moments …"));
  call("rivals", { entity: found.entities[0].name, cue: found.cue, k: RIVALS, now: asked() }).then(
    (rivals) => {
      const lines = rivals.answers.map((each, number) => ({ name: each.target, kind: `s${number}`, time: each.time, value: each.fast }));
      const first = rivals.first.map((answer, number) => ({ from: rivals.time[number], to: rivals.time[number + 1] ?? rivals.time[number], kind: answer < 0 ? "none" : `s${answer}` }));
      const made = chart({ lines, first, said: `Strengths of what answers “${rivals.cue}”; the band above shows which answer recall put first` });
      drawn.push(made.end);
      show(place, made.box);
    },
    (error) => show(place, failed(error)),
  );
}
