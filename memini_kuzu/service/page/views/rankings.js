// Time: the strongest associations of the whole store, moving with the slider.

import { latest } from "../api.js";
import { failed, h, labelled, show, table } from "../dom.js";
import { countUntil, course } from "../dynamics.js";
import { associationRows, neighbourhoods } from "../parts.js";
import { asked, minute, moment, watch } from "../state.js";

const READ = 400;

export function rankings(place) {
  const count = h("select", {}, [10, 25, 50].map((each) => h("option", { value: each }, each)));
  const list = h("div", { "aria-busy": "true" });
  const only = latest();
  let found = null;

  function load() {
    const at = asked();
    only(
      () => neighbourhoods({ k: READ }, at),
      (answers) => {
        const associations = answers.flatMap((answer) => answer.associations.map((each) => ({
          ...each,
          from: answer.entities[each.source].name,
          to: answer.entities[each.target].name,
          asked: Date.parse(answer.now),
        })));
        const [{ now: then, spectrum }] = answers;
        found = { at: Date.parse(then), associations, through: course(associations, spectrum, associations.map((each) => each.asked)) };
        draw(moment());
        list.setAttribute("aria-busy", "false");
      },
      (error) => show(list, failed(error)),
    );
  }
  function draw(time) {
    if (found === null) return;
    const at = time ?? found.at;
    const { fast, slow } = found.through(at);
    const told = found.associations.map((each) => (each.time === null ? each.events : countUntil(each.time, at)));
    const shown = [...fast.keys()].filter((place) => told[place] && !Number.isNaN(fast[place])).sort((a, b) => fast[b] - fast[a]);
    const rows = shown.slice(0, Number(count.value)).map((place) => {
      const each = found.associations[place];
      return { source: each.from, target: each.to, strength: fast[place], consolidated: slow[place], events: told[place], last_seen: each.time === null ? each.last_seen : each.time[told[place] - 1] };
    });
    show(list, rows.length ? table(`Strongest associations as of ${minute(at)}`, ["from", "to", "strength", "consolidated", "events", "last seen"], associationRows(rows)) : h("p", {}, "Nothing was told until then."));
  }
  count.addEventListener("change", () => draw(moment()));
  show(place, h("h2", {}, "What was strong when"), h("div", { class: "controls" }, labelled("Show", count)), list);
  const unwatch = watch((time, settled) => { draw(time); if (settled) load(); });
  load();
  return unwatch;
}
