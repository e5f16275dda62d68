// Entity: what it leads to and what leads to it, over time; its passages and names; putting it right.

import { call, latest } from "../api.js";
import { chart } from "../chart.js";
import { failed, h, labelled, notice, show, table } from "../dom.js";
import { associationRows, beginnings, entityField, passage } from "../parts.js";
import { asked, link, route, store, watch } from "../state.js";

const open = (name) => { location.hash = link("entity", { name }); };

export function entity(place) {
  const name = route().given.get("name");
  const field = entityField(open);
  field.input.value = name ?? "";
  if (!name) {
    show(place, h("h2", { class: "hidden" }, "Entity"), field.form, beginnings("entity"));
    return undefined;
  }
  const picture = h("div", {});
  const body = h("div", { "aria-busy": "true" });
  const drawn = { end: () => {} };
  const [only, onlyTrace] = [latest(), latest()];
  show(place, field.form, body);

  function trace(other) {
    onlyTrace(
      () => call("trajectory", { entity: name, other, now: asked() }),
      (found) => {
        drawn.end();
        const said = found.target === null ? `All associations of ${found.source} together` : `${found.source} → ${found.target}`;
        const lines = [
          { name: "strength (fast)", kind: "s0", time: found.time, value: found.fast },
          { name: "consolidated (slow)", kind: "s1", time: found.time, value: found.slow },
        ];
        const made = chart({ lines, events: found.event_time, said: `${said}, with a mark for each time it was told` });
        drawn.end = made.end;
        show(picture, made.box);
      },
      (error) => show(picture, h("p", { class: "quiet" }, error.message)),
    );
  }
  function load() {
    only(
      () => call("entity", { entity: name, now: asked(), k: 15 }),
      (found) => { show(body, portrait(found, picture, trace)); body.setAttribute("aria-busy", "false"); },
      (error) => {
        body.setAttribute("aria-busy", "false");
        show(body, failed(error), /has been dropped/.test(error.message) && undoing(name, "Take that back"));
      },
    );
    trace(null);
  }
  const unwatch = watch((_, settled) => { if (settled) load(); });
  load();
  return () => { unwatch(); drawn.end(); };
}

function portrait(found, picture, trace) {
  const over = (other) => h("button", { type: "button", class: "small", onclick: () => trace(other), "aria-label": `Plot ${other}` }, "Plot");
  const heads = (title) => [title, "strength", "consolidated", "events", "last seen"];
  return [
    h("h2", {}, found.name, " ", h("small", {}, found.label)),
    found.aliases.length > 0 && h("p", {}, "Also called ", found.aliases.join(", "), "."),
    h("p", {}, h("a", { href: link("graph", { name: found.name }) }, "Show its neighbourhood"), found.unknown > 0 && ` · ${found.unknown} associations are of unknown strength then`),
    picture,
    h(
      "div",
      {},
      h("section", {}, h("h3", {}, "Leads to"), found.leads_to.length ? table(`What ${found.name} leads to`, [...heads("entity"), "plot"], associationRows(found.leads_to, { ends: ["target"], extra: (each) => over(each.target) })) : h("p", {}, "Nothing.")),
      h("section", {}, h("h3", {}, "Led to by"), found.led_from.length ? table(`What leads to ${found.name}`, heads("entity"), associationRows(found.led_from, { ends: ["source"] })) : h("p", {}, "Nothing.")),
    ),
    h("section", {}, h("h3", {}, "Passages"), h("ol", { class: "passages" }, found.passages.map((each) => h("li", { class: "card" }, passage(each, { names: [found.name, ...found.aliases] }))))),
    editing(found),
  ];
}

function editing(found) {
  if (store.read_only) return h("section", {}, h("h3", {}, "Put it right"), h("p", { class: "quiet" }, "The store is open read-only: nothing can be changed."));
  const name = h("input", { type: "text", required: true, value: found.name });
  const same = h("input", { type: "text", required: true });
  const other = h("input", { type: "text", required: true, value: `${found.name} (2)` });
  const boxes = Object.keys(found.sources).map((source) => h("label", { class: "check" }, h("input", { type: "checkbox", value: source }), ` ${source || "(none)"} (${found.sources[source]})`));
  const form = (title, fields, button, run) => {
    const made = h("form", { class: "edit" }, h("h4", {}, title), fields, h("button", { type: "submit" }, button));
    made.addEventListener("submit", (event) => { event.preventDefault(); run(); });
    return made;
  };
  return h(
    "section",
    {},
    h("h3", {}, "Put it right"),
    h(
      "div",
      { class: "edits" },
      form("Another name", labelled("New name", name), "Rename", () =>
        change("entity_rename", { entity: found.name, name: name.value }, (done) => ({ text: `${done.entity} is called ${done.name} now.`, undo: ["entity_undo", { entity: done.entity }, done.entity], go: done.name }))),
      form("Is another name of", labelled("Entity", same), "Merge", () =>
        change("alias_add", { alias: found.name, entity: same.value }, (done) => ({ text: `${done.name} stands for ${done.entity} now.`, undo: ["alias_remove", { alias: done.name }, done.name], go: done.entity }))),
      boxes.length > 1 && form("Two of one name", [labelled("Name of the other one", other), h("fieldset", {}, h("legend", {}, "Sources that mean the other one"), boxes)], "Split", () =>
        change("entity_split", { entity: found.name, name: other.value, sources: boxes.map((box) => box.firstChild).filter((box) => box.checked).map((box) => box.value) }, (done) => ({ text: `${done.name} is an entity of its own now.`, undo: ["entity_undo", { entity: done.name }, done.entity], go: done.name }))),
      form("No entity at all", h("p", {}, "No answer shows it any more; its passages stay."), "Drop", () =>
        change("entity_drop", { entity: found.name }, (done) => ({ text: `${done.entity} is dropped.`, undo: ["entity_undo", { entity: done.entity }, done.entity], go: null }))),
    ),
  );
}

let changing = false;

/** Do something that can be undone, and offer that. */
async function change(tool, given, told) {
  // a double click asks once: what is said of the second one would stand in the place of what takes it back
  if (changing) return;
  changing = true;
  try {
    const { text, undo, go } = told(await call(tool, given));
    const [back, what, name] = undo;
    if (go === null) location.hash = "#/entity";
    else open(go);
    notice(text, { name: "Undo", run: () => call(back, what).then(() => { open(name); again(); notice("Undone."); }, (error) => notice(error.message)) });
  } catch (error) {
    notice(error.message);
  } finally {
    changing = false;
  }
}

// an address that is the same brings no change of it
const again = () => dispatchEvent(new HashChangeEvent("hashchange"));

function undoing(name, text) {
  const undo = () => call("entity_undo", { entity: name }).then(() => { again(); notice("Undone."); }, (error) => notice(error.message));
  return h("button", { type: "button", onclick: undo }, text);
}
