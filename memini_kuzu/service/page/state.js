// What all views share: the moment that is shown, and what is known of the store. Both stand in the address.

export const store = { first: null, last: null, counts: [], read_only: true, name: "" };

/** The view and its arguments in the address: #/entity?name=Ada&at=2025-03-01T00:00:00.000Z */
export function route() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { view: path || "ask", given: new URLSearchParams(query ?? "") };
}

/** The address of a view; the moment that is shown goes along by itself. */
export function link(view, given = {}) {
  const text = new URLSearchParams(Object.entries(given).filter(([, value]) => value)).toString();
  return `#/${view}${text ? `?${text}` : ""}`;
}

let shown = null;

/** The moment that is shown, in milliseconds; null for the present. */
export const moment = () => shown;

/** Take the moment of an address that has one, or write the one that is shown into it. */
export function adopt() {
  const at = route().given.get("at");
  const time = at === null ? NaN : Date.parse(at);
  if (!Number.isNaN(time)) shown = time;
  remember({ at: asked() });
}

export const asked = () => (shown === null ? null : new Date(shown).toISOString());

const watching = new Set();

/** Be told of the moment: watch(what(moment, settled)); settled is false while it moves. */
export function watch(told) {
  watching.add(told);
  return () => watching.delete(told);
}

export function setMoment(time, settled = true) {
  shown = time === null ? null : Math.round(time);
  // browsers allow so many changes of the address in a time, fewer than a slider makes
  if (settled) remember({ at: asked() });
  for (const told of watching) told(shown, settled);
}

/** Keep something of a view in the address, without a new entry of the history. */
export function remember(values) {
  const { view, given } = route();
  for (const [name, value] of Object.entries(values)) {
    if (value) given.set(name, value);
    else given.delete(name);
  }
  const text = given.toString();
  history.replaceState(null, "", `#/${view}${text ? `?${text}` : ""}`);
}

export const day = (time) => new Date(time).toISOString().slice(0, 10);

export const minute = (time) => new Date(time).toISOString().slice(0, 16).replace("T", " ");

export function number(value) {
  if (value === null || value === undefined) return "unknown";
  if (value === 0) return "0";
  if (Math.abs(value) >= 0.1) return value.toFixed(value >= 100 ? 0 : 2);
  return Math.abs(value) >= 1e-4 ? value.toFixed(4).replace(/0$/, "") : value.toExponential(0);
}
