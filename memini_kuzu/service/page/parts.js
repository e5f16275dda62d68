// Parts of several views.

import { call, latest } from "./api.js";
import { bar, fresh, h, show } from "./dom.js";
import { link, minute, number } from "./state.js";

/** What is strongest at present, of what was told later than the moment that is shown, so that it comes in when that moves on. */
const LATER = 1_000;

/**
 * A neighbourhood as of a moment, and of the present one what was not told yet then; `given` is as the server takes it.
 * Without a moment it is the present one alone.
 */
export async function neighbourhoods(given, at) {
  const now = call("neighbourhood", { ...given, now: at });
  if (at === null) return [await now];
  const [then, present] = await Promise.all([now, call("neighbourhood", { ...given, k: Math.min(given.k, LATER) })]);
  const later = present.associations.filter((each) => Date.parse(each.first_seen) > Date.parse(at));
  return [then, { ...present, associations: later }];
}

export const entityLink = (name) => h("a", { href: link("entity", { name }), class: "entity" }, name);

/** The rows of associations, each with its strengths as bars. */
export function associationRows(found, { ends = ["source", "target"], extra = null } = {}) {
  const most = Math.max(1e-9, ...found.map((each) => each.strength));
  const slow = Math.max(1e-9, ...found.map((each) => each.consolidated));
  return found.map((each) =>
    h(
      "tr",
      {},
      ends.map((end) => h("td", {}, entityLink(each[end]))),
      h("td", { class: "value" }, bar(each.strength / most), h("span", {}, number(each.strength))),
      h("td", { class: "value" }, bar(each.consolidated / slow, "slow"), h("span", {}, number(each.consolidated))),
      h("td", { class: "count" }, each.events),
      h("td", {}, h("time", {}, minute(each.last_seen).slice(0, 10))),
      extra && h("td", {}, extra(each)),
    ),
  );
}

/** A passage with its origin, words and names in it marked. */
export function passage(each, { stems = [], names = [] } = {}) {
  return [
    h("p", { class: "origin" }, h("time", { datetime: each.time }, minute(each.time)), each.source && ` · ${each.source}`, each.title && ` · ${each.title}`),
    h("p", { class: "text" }, marked(each.text, stems, names)),
  ];
}

/** Text as nodes, with the words that begin like one of the stems, and the names, marked. */
export function marked(text, stems, names) {
  const spans = [];
  for (const name of names.filter((each) => each.length > 1)) {
    // small letters may be more than the capitals were (İ), so the text is left as it is
    const sought = new RegExp(name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "giu");
    for (const said of text.matchAll(sought)) spans.push([said.index, said.index + said[0].length]);
  }
  for (const word of text.matchAll(/[\p{L}\p{N}]+/gu)) {
    const said = word[0].toLowerCase();
    if (stems.some((stem) => said === stem || (stem.length > 2 && said.startsWith(stem)))) {
      spans.push([word.index, word.index + word[0].length]);
    }
  }
  spans.sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  const nodes = [];
  let done = 0;
  for (const [from, to] of spans) {
    if (from < done) continue;
    nodes.push(text.slice(done, from), h("mark", {}, text.slice(from, to)));
    done = to;
  }
  nodes.push(text.slice(done));
  return nodes;
}

/** A field for the name of an entity, with the names that fit while one types. */
export function entityField(chosen, label = "Entity") {
  const list = h("datalist", { id: fresh("names") });
  const input = h("input", { type: "search", list: list.id, id: fresh("entity"), autocomplete: "off", spellcheck: "false" });
  const ask = latest();
  let waiting = 0;
  input.addEventListener("input", (event) => {
    // a name that was taken from the list, and was not typed
    if (event.inputType === "insertReplacementText" || event.inputType === undefined) {
      chosen(input.value);
      return;
    }
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      ask(
        () => call("entities", { like: input.value || undefined, k: 12 }),
        (found) => show(list, found.entities.map((each) => h("option", { value: each.name }, `${each.label}, ${each.mentions}`))),
        () => show(list),
      );
    }, 120);
  });
  const form = h("form", { class: "search", role: "search" }, h("label", { for: input.id }, label), input, list, h("button", { type: "submit" }, "Show"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.value.trim()) chosen(input.value.trim());
  });
  return { form, input };
}

/** The entities that are mentioned most, to begin with. */
export function beginnings(view) {
  const place = h("div", { class: "chips" });
  call("entities", { k: 24 }).then(
    (found) => show(place, found.entities.map((each) => h("a", { class: "chip", href: link(view, { name: each.name }) }, each.name))),
    (error) => show(place, error.message),
  );
  return h("section", {}, h("h2", {}, "Mentioned most"), place);
}
