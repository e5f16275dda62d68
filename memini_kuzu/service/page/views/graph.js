// Graph: the neighbourhood of an entity; strength as width, consolidation as colour.

import { call, latest } from "../api.js";
import { failed, h, labelled, notice, reshow, show } from "../dom.js";
import { canvas } from "../network.js";
import { beginnings, entityField, entityLink, neighbourhoods } from "../parts.js";
import { asked, link, moment, number, remember, route, watch } from "../state.js";

const LISTED = 150;
const EXPANDED = 40; // associations that an expansion adds at most

/** What the width says where one kind of event is chosen. */
function byKind(associations, kind) {
  const unkept = associations.filter((each) => each.time === null);
  const mixed = unkept.filter((each) => each.kinds.includes(kind)).length;
  const notes = [`width: strength by events “${kind}” alone`];
  if (mixed) notes.push(`${mixed.toLocaleString("en")} with events that are not kept: strength by all of them`);
  if (unkept.length > mixed) notes.push(`${(unkept.length - mixed).toLocaleString("en")} of unknown kinds: not shown`);
  return notes.join("; ");
}

export function graph(place) {
  const { given } = route();
  const name = given.get("name");
  const field = entityField((chosen) => { location.hash = link("graph", { name: chosen }); });
  field.input.value = name ?? "";
  const whole = given.get("all") === "1";
  if (!name && !whole) {
    show(place, h("h2", { class: "hidden" }, "Graph"), field.form, h("p", {}, h("a", { href: link("graph", { all: "1" }) }, "Show the strongest associations of the whole store")), beginnings("graph"));
    return undefined;
  }
  const count = h("select", {}, [50, 100, 500, 2000, 5000].map((each) => h("option", { value: each, selected: String(each) === (given.get("k") ?? "100") }, each)));
  const source = h("input", { type: "text", placeholder: "all", autocomplete: "off", list: "graph-sources", value: given.get("source") ?? "" });
  const sources = h("datalist", { id: "graph-sources" });
  const find = h("input", { type: "search", placeholder: "type a name", autocomplete: "off" });
  const labels = h("fieldset", { class: "labels" });
  const kinds = h("select", {});
  const kindField = labelled("Kind of event", kinds);
  const meaning = h("span", {}); // what the width says
  const about = h("div", { class: "about", "aria-live": "polite" });
  const list = h("ul", { class: "names" });
  const said = h("p", { class: "quiet", role: "status" });
  const stage = h("div", { class: "stage", "aria-hidden": "true" });
  const hidden = { labels: new Set(), kind: "" };
  const centres = [name];
  let chosen = name;
  let found = null; // what the server has said of the first centre

  const network = canvas(stage, { centre: name, choose: select, expand });
  const only = latest();

  function load() {
    remember({ k: count.value, source: source.value });
    const from = source.value ? [source.value] : null;
    const at = asked();
    only(
      () => Promise.all(centres.map((each, place) => neighbourhoods({ entity: each, k: place ? EXPANDED : Number(count.value), sources: from }, at))),
      (answers) => {
        network.replace(answers.flat());
        [[found]] = answers;
        if (chosen !== null && chosen === name) chosen = found.entities[0].name;
        choices();
        update();
      },
      (error) => show(said, failed(error)),
    );
  }
  function update(settled = true) {
    network.update(moment(), hidden);
    show(meaning, hidden.kind ? byKind(network.associations(), hidden.kind) : "width: strength");
    details();
    // many names take longer than the drawing
    if (settled) {
      names();
      counts();
    }
  }
  function counts() {
    if (found === null) return;
    const shown = [network.shown().length, network.associations().filter((each) => each.shown).length].map((each) => each.toLocaleString("en"));
    show(said, `${shown[0]} entities, ${shown[1]} associations`, found.left_out > 0 && `; ${found.left_out.toLocaleString("en")} more`, found.unknown > 0 && `; ${found.unknown} of unknown strength then`);
  }
  function select(node) {
    chosen = node;
    network.select(node);
    details();
    names();
  }
  function expand(node) {
    if (!centres.includes(node)) centres.push(node);
    chosen = node;
    load();
  }
  function choices() {
    const seen = [...new Set([...network.nodes.values()].map((each) => each.label))].sort();
    show(labels, h("legend", {}, "Kinds of entities"), seen.map((label) => {
      const box = h("input", { type: "checkbox", checked: !hidden.labels.has(label) });
      box.addEventListener("change", () => { hidden.labels[box.checked ? "delete" : "add"](label); update(); });
      return h("label", { class: "check" }, box, ` ${label.toLowerCase()}`);
    }));
    const told = network.associations().flatMap((each) => each.kinds);
    const events = [...new Set(hidden.kind ? [...told, hidden.kind] : told)].sort();
    kindField.hidden = events.length === 0;
    show(kinds, h("option", { value: "" }, "all"), events.map((each) => h("option", { value: each, selected: each === hidden.kind }, each)));
  }
  function names() {
    const typed = find.value.trim().toLowerCase();
    const fitting = network.shown().filter((each) => !typed || each.name.toLowerCase().includes(typed));
    reshow(list, fitting.slice(0, LISTED).map((each) =>
      h("li", {}, h("button", { type: "button", class: "plain", "aria-pressed": String(each.name === chosen), onclick: () => { select(each.name); network.look(each.name); } }, each.name))),
      fitting.length > LISTED && h("li", {}, `and ${fitting.length - LISTED} more`));
  }
  function details() {
    const node = network.nodes.get(chosen);
    if (!node) { show(about); return; }
    const pinned = node.fx !== null && node.fx !== undefined;
    const own = network.associationsOf(chosen).slice(0, 14);
    const button = (text, run, pressed = null) => h("button", { type: "button", class: "small", "aria-pressed": pressed, onclick: run }, text);
    reshow(
      about,
      h("h3", {}, node.name, " ", h("small", {}, node.label)),
      h("div", { class: "controls" }, button("Expand", () => expand(chosen)), button("Pin", () => { network.pin(chosen, !pinned); details(); }, String(pinned)), button("Hide", () => { network.hide(chosen); update(); }), h("a", { href: link("entity", { name: chosen }) }, "Open")),
      h("ul", { class: "paths" }, own.map((each) => h("li", {}, each.out ? "→ " : "← ", entityLink(each.name), h("span", { class: "quiet" }, ` ${number(each.state[0])}, consolidated ${number(each.state[1])}`)))),
    );
  }
  count.addEventListener("change", load);
  source.addEventListener("change", load);
  kinds.addEventListener("change", () => { hidden.kind = kinds.value; update(); });
  find.addEventListener("input", () => { names(); network.find(find.value.trim().toLowerCase()); });
  const controls = h("details", { class: "filters", open: matchMedia("(min-width: 50rem)").matches }, h("summary", {}, "Filter"), h("div", { class: "controls" }, labelled("Associations", count), labelled("Source", source), sources, kindField), labels);
  const legend = h("p", { class: "legend" }, h("span", { class: "ramp", "aria-hidden": "true" }), "colour: from fresh to consolidated", meaning);
  const fit = h("button", { type: "button", class: "small over", onclick: () => network.fit() }, "Fit");
  show(
    place,
    h("h2", { class: "hidden" }, name ? `Neighbourhood of ${name}` : "The strongest associations"),
    field.form,
    controls,
    h("div", { class: "split" }, h("div", { class: "frame" }, stage, fit, legend, said), h("aside", { "aria-label": "Entities of the graph" }, about, labelled("Find", find), list)),
  );
  call("sources").then((told) => show(sources, told.sources.slice(0, 200).map((each) => h("option", { value: each.name }))), (error) => notice(error.message));
  const unwatch = watch((_, settled) => { update(settled); if (settled) load(); });
  load();
  return () => { unwatch(); network.end(); };
}
