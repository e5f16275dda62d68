// The moment that is shown: a slider over the store's life, with marks where things were told.

import { h, show, svg } from "./dom.js";
import { DAY } from "./dynamics.js";
import { day, minute, moment, setMoment, store, watch } from "./state.js";

const STEPS = 2_000;

const PLAYED = 20_000; // milliseconds that playing all of it takes

/** Put it up; gives what shows the moment anew. */
export function timebar(place) {
  if (store.first === null) {
    show(place);
    return () => {};
  }
  const first = Date.parse(store.first);
  const last = Date.parse(store.last);
  // what was told last is seen to fade too
  const end = Math.max(first + DAY, Math.min(last + Math.max(0.05 * (last - first), 30 * DAY), Math.max(Date.now(), last)));
  const at = (step) => Math.round(first + ((end - first) * step) / STEPS);
  const stepOf = (time) => Math.round(((time - first) / (end - first)) * STEPS);

  const slider = h("input", { type: "range", min: 0, max: STEPS, step: 1, "aria-label": "Moment shown", class: "slider" });
  const date = h("input", { type: "date", "aria-label": "As of the end of this day", min: day(first) });
  const now = h("button", { type: "button", class: "small" }, "Now");
  const play = h("button", { type: "button", class: "small", "aria-pressed": "false" }, "Play");
  const text = h("output", { class: "moment" });

  let settling = 0;
  function move(time) {
    setMoment(time, false);
    clearTimeout(settling);
    settling = setTimeout(() => setMoment(time, true), 250);
  }
  slider.addEventListener("input", () => { stop(); move(at(Number(slider.value))); });
  date.addEventListener("change", () => {
    if (date.value) { stop(); setMoment(Date.parse(`${date.value}T23:59:59.999Z`)); }
  });
  now.addEventListener("click", () => { stop(); setMoment(null); });

  let playing = 0;
  function stop() {
    // what was still to settle is not where one wants to be any more
    clearTimeout(settling);
    cancelAnimationFrame(playing);
    playing = 0;
    play.textContent = "Play";
    play.setAttribute("aria-pressed", "false");
  }
  play.addEventListener("click", () => {
    if (playing) { stop(); setMoment(moment()); return; }
    play.textContent = "Stop";
    play.setAttribute("aria-pressed", "true");
    const from = moment() === null || stepOf(moment()) >= STEPS ? 0 : Math.max(0, stepOf(moment()));
    const began = performance.now();
    const frame = (time) => {
      const step = Math.min(STEPS, from + ((time - began) / PLAYED) * STEPS);
      setMoment(at(step), false);
      if (step < STEPS) playing = requestAnimationFrame(frame);
      else { stop(); setMoment(at(STEPS), true); }
    };
    playing = requestAnimationFrame(frame);
  });

  function shown() {
    const time = moment();
    slider.value = time === null ? STEPS : Math.max(0, Math.min(STEPS, stepOf(time)));
    const words = time === null ? "now" : minute(time);
    slider.setAttribute("aria-valuetext", words);
    text.textContent = time === null ? "as of now" : `as of ${words}`;
    date.value = day(time ?? Date.now());
  }
  show(place, h("div", { class: "controls" }, play, now, date, text), h("div", { class: "life" }, marks(last, first, end), slider), h("div", { class: "ends", "aria-hidden": "true" }, h("span", {}, day(first)), h("span", {}, day(end))));
  watch(shown);
  shown();
  return shown;
}

/** How much was told when, on a logarithmic scale. */
function marks(last, first, end) {
  const most = Math.log1p(Math.max(...store.counts));
  const width = (last - first + 1) / (end - first) / store.counts.length;
  const bars = store.counts.map((count, place) => {
    if (!count) return null;
    const height = 4 + (16 * Math.log1p(count)) / most;
    return svg("rect", { x: place * width * 1000, y: 20 - height, width: Math.max(width * 1000, 1.5), height });
  });
  return svg("svg", { viewBox: "0 0 1000 20", preserveAspectRatio: "none", class: "marks", "aria-hidden": "true" }, bars);
}
