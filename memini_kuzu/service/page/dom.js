// Elements. Text becomes text nodes and nothing else: what is stored never becomes markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(2).filter((each) => each !== null && each !== undefined && each !== false));
  return element;
}

export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);

export const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

export const show = (place, ...children) => place.replaceChildren(...children.flat(2).filter(Boolean));

/** As `show`, and who had the focus on a button of that place has it on the one of the same words. */
export function reshow(place, ...children) {
  const words = place.contains(document.activeElement) ? document.activeElement.textContent : null;
  show(place, ...children);
  if (words !== null) [...place.querySelectorAll("button")].find((each) => each.textContent === words)?.focus({ preventScroll: true });
}

let naming = 0;

/** A new id for a label and what it labels. */
export const fresh = (prefix) => `${prefix}-${(naming += 1)}`;

/** A labelled control: [label, control]. */
export function labelled(text, control) {
  control.id ||= fresh("field");
  return h("span", { class: "field" }, h("label", { for: control.id }, text), control);
}

/** A bar whose length is a share from 0 to 1; its value stands beside it as text. */
export function bar(share, kind = "") {
  const inner = h("span", { class: `bar ${kind}` });
  inner.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return h("span", { class: "track", "aria-hidden": "true" }, inner);
}

export function table(caption, heads, rows) {
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h("caption", {}, caption),
      h("thead", {}, h("tr", {}, heads.map((each) => h("th", { scope: "col" }, each)))),
      h("tbody", {}, rows),
    ),
  );
}

let leaving = 0;

/** Say something for a while, perhaps with something to do about it. */
export function notice(text, action = null) {
  const place = document.getElementById("notice");
  const button = action && h("button", { type: "button", onclick: () => { show(place); action.run(); } }, action.name);
  show(place, h("span", {}, text), button);
  clearTimeout(leaving);
  leaving = setTimeout(() => show(place), action ? 60_000 : 8_000);
}

export const failed = (error) => h("p", { class: "error", role: "alert" }, error.message);
