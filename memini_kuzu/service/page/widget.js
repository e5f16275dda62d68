// The graph in a notebook: what the page draws, in a cell. memini_kuzu/memory/widget.py gives it what it shows.

import { h, show } from "./dom.js";
import { DAY } from "./dynamics.js";
import { canvas } from "./network.js";

const STEPS = 1_000;

export function render({ model, el }) {
  const stage = h("div", { class: "stage" });
  const said = h("p", { role: "status" });
  const slider = h("input", { type: "range", min: 0, max: STEPS, value: STEPS, "aria-label": "Moment shown" });
  let chosen = model.get("entity");
  let answers = [];
  let [first, end] = [0, 0];

  const expand = h("button", { type: "button", onclick: () => model.send({ expand: chosen }) }, "Expand");
  const network = canvas(stage, { centre: chosen, choose, expand: (name) => model.send({ expand: name }) });

  function choose(name) {
    chosen = name;
    network.select(name);
    told();
  }
  function told() {
    const time = moment();
    const when = time === null ? answers[0].now.slice(0, 10) : new Date(time).toISOString().slice(0, 10);
    expand.disabled = chosen === null;
    const own = chosen === null ? [] : network.associationsOf(chosen).slice(0, 5);
    show(said, `${when} · ${network.nodes.size} entities, ${network.associations().length} associations`, chosen !== null && ` · ${chosen}: `, own.map((each) => `${each.out ? "→" : "←"} ${each.name} ${each.state[0].toPrecision(2)} `));
  }
  // at its end the slider stands for the moment that was asked for
  const moment = () => (Number(slider.value) === STEPS ? null : first + ((end - first) * Number(slider.value)) / STEPS);
  function moved() {
    network.update(moment(), { labels: new Set(), kind: "" });
    told();
  }
  function load() {
    answers = model.get("answers");
    network.replace(answers);
    end = Date.parse(answers[0].now);
    first = Math.min(end - DAY, ...answers.flatMap((answer) => answer.associations.map((each) => Date.parse(each.first_seen))));
    moved();
  }
  const wrong = () => show(said, model.get("error"));
  slider.addEventListener("input", moved);
  model.on("change:answers", load);
  model.on("change:error", wrong);
  el.classList.add("memini-graph");
  el.append(h("div", { class: "bar" }, slider, expand), stage, said);
  load();
  return () => {
    model.off("change:answers", load);
    model.off("change:error", wrong);
    network.end();
  };
}
