// Lines over time, as SVG: strengths on a linear or a logarithmic scale.

import { h, show, svg } from "./dom.js";
import { day, moment, number, watch } from "./state.js";

const HEIGHT = 240;
const LEFT = 52;
const BOTTOM = 22;
const TOP = 8;

/** What is too weak to be told from nothing on a logarithmic scale. */
const FLOOR = 1e-4;

/**
 * A chart that is drawn again when its place changes its width.
 *
 * lines: [{name, kind, time: [ms], value: [strength]}]; events: [ms]; said: what it shows, in words.
 */
export function chart({ lines, events = [], said, first = [] }) {
  const place = h("div", { class: "chart" });
  const log = h("input", { type: "checkbox" });
  const box = h("figure", {}, place, legend(lines, log), h("figcaption", {}, said));
  const draw = () => {
    if (place.clientWidth) show(place, drawn(lines, events, first, said, place.clientWidth, log.checked));
  };
  log.addEventListener("change", draw);
  const sized = new ResizeObserver(draw);
  sized.observe(place);
  const unwatch = watch(() => moveLine(place));
  return { box, end: () => { sized.disconnect(); unwatch(); } };
}

function legend(lines, log) {
  return h(
    "div",
    { class: "legend" },
    lines.map((line) => h("span", {}, h("span", { class: `key ${line.kind}` }), line.name)),
    h("label", {}, log, " logarithmic"),
  );
}

function drawn(lines, events, first, said, width, log) {
  const times = lines.flatMap((line) => [line.time[0], line.time.at(-1)]);
  const begin = Math.min(...times);
  const end = Math.max(...times, begin + 1);
  const most = Math.max(FLOOR * 10, ...lines.map((line) => line.value.reduce((a, b) => Math.max(a, b), 0)));
  const x = (time) => LEFT + ((time - begin) / (end - begin)) * (width - LEFT - 6);
  const lowest = Math.log10(FLOOR);
  const highest = Math.log10(most);
  const share = (value) => (log ? (Math.log10(Math.max(value, FLOOR)) - lowest) / (highest - lowest) : value / most);
  const y = (value) => TOP + (1 - share(value)) * (HEIGHT - TOP - BOTTOM);
  const ticks = log
    ? Array.from({ length: Math.floor(highest) - lowest + 1 }, (_, step) => 10 ** (lowest + step))
    : [0, most / 4, most / 2, (3 * most) / 4, most];
  const dates = width > 500 ? 5 : 3;
  const parts = [
    ticks.map((tick) => [
      svg("line", { class: "grid", x1: LEFT, x2: width - 6, y1: y(tick), y2: y(tick) }),
      svg("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, number(tick)),
    ]),
    Array.from({ length: dates }, (_, step) => {
      const time = begin + ((end - begin) * step) / (dates - 1);
      const anchor = step === 0 ? "start" : step === dates - 1 ? "end" : "middle";
      return svg("text", { x: x(time), y: HEIGHT - 5, "text-anchor": anchor }, day(time));
    }),
    events.slice(0, 2_000).map((time) =>
      svg("line", { class: "event", x1: x(time), x2: x(time), y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM + 6 }),
    ),
    first.map(({ from, to, kind }) =>
      svg("rect", { class: `first ${kind}`, x: x(from), width: Math.max(1, x(to) - x(from)), y: 0, height: 5 }),
    ),
    lines.map((line) => {
      const points = line.time.map((time, place) => `${x(time).toFixed(1)} ${y(line.value[place]).toFixed(1)}`);
      return svg("path", { class: `line ${line.kind}`, d: `M${points.join("L")}` });
    }),
    svg("line", { class: "at", y1: TOP, y2: HEIGHT - BOTTOM }),
  ];
  const picture = svg("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": said }, parts.flat(2));
  picture.span = { begin, end, x };
  placeLine(picture);
  return picture;
}

function moveLine(place) {
  if (place.firstElementChild) placeLine(place.firstElementChild);
}

function placeLine(picture) {
  const { begin, end, x } = picture.span;
  const time = moment();
  const line = picture.querySelector(".at");
  const inside = time !== null && time >= begin && time <= end;
  line.setAttribute("visibility", inside ? "visible" : "hidden");
  if (inside) {
    line.setAttribute("x1", x(time));
    line.setAttribute("x2", x(time));
  }
}
