// Time: the strongest associations of the whole store, moving with the slider.

import { call, latest } from "../api.js";
import { failed, h, labelled, show, table } from "../dom.js";
import { stateAt } from "../dynamics.js";
import { associationRows } from "../parts.js";
import { asked, minute, moment, watch } from "../state.js";

const READ = 400;

export function rankings(place) {
  const count = h("select", {}, [10, 25, 50].map((each) => h("option", { value: each }, each)));
  const list = h("div", { "aria-busy": "true" });
  const only = latest();
  let found = null;

  function load() {
    const now = moment();
    only(
      () => call("neighbourhood", { now: asked(), k: READ }),
      (answer) => { found = { ...answer, at: Date.parse(answer.now) }; draw(now); list.setAttribute("aria-busy", "false"); },
      (error) => show(list, failed(error)),
    );
  }
  function draw(time) {
    if (found === null) return;
    const at = time ?? found.at;
    const rows = found.associations
      .map((each) => {
        const past = each.time === null ? null : each.time.filter((event) => event <= at);
        const state = stateAt(each, at, found.spectrum, found.at);
        if (state === null || (past !== null && !past.length)) return null;
        return { ...each, source: found.entities[each.source].name, target: found.entities[each.target].name, strength: state[0], consolidated: state[1], events: past === null ? each.events : past.length, last_seen: past === null ? each.last_seen : past.at(-1) };
      })
      .filter((each) => each !== null)
      .sort((a, b) => b.strength - a.strength)
      .slice(0, Number(count.value));
    show(list, rows.length ? table(`Strongest associations as of ${minute(at)}`, ["from", "to", "strength", "consolidated", "events", "last seen"], associationRows(rows)) : h("p", {}, "Nothing was told until then."));
  }
  count.addEventListener("change", () => draw(moment()));
  show(place, h("h2", {}, "What was strong when"), h("div", { class: "controls" }, labelled("Show", count)), list);
  const unwatch = watch((time, settled) => { draw(time); if (settled) load(); });
  load();
  return unwatch;
}
