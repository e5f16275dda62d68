// The page: which view is shown. Each view is a function of its place, which gives what to do when it is left.

import { call, Failure, takeToken } from "./api.js";
import { failed, h, show } from "./dom.js";
import { adopt, link, route, store } from "./state.js";
import { timebar } from "./timebar.js";
import { ask } from "./views/ask.js";
import { changes } from "./views/changes.js";
import { entity } from "./views/entity.js";
import { graph } from "./views/graph.js";
import { health } from "./views/health.js";
import { rankings } from "./views/rankings.js";

const VIEWS = {
  ask: ["Ask", ask],
  time: ["Time", rankings],
  graph: ["Graph", graph],
  entity: ["Entity", entity],
  changes: ["Changes", changes],
  health: ["Health", health],
};

let leave = () => {};
let current = "";
let showMoment = () => {};

function navigation(view) {
  const items = Object.entries(VIEWS).map(([name, [title]]) =>
    h("a", { href: link(name), "aria-current": name === view ? "page" : null }, title),
  );
  show(document.getElementById("nav"), items);
}

function arrive() {
  // the link to the content is none to a view
  if (location.hash === "#view") return;
  adopt();
  showMoment();
  const { view } = route();
  const name = view in VIEWS ? view : "ask";
  const place = document.getElementById("view");
  leave();
  show(place);
  document.title = `${VIEWS[name][0]} · memini`;
  leave = VIEWS[name][1](place) ?? (() => {});
  navigation(name);
  // who came by a link hears and goes on from here
  if (current && current !== name) {
    place.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  current = name;
  place.dataset.view = name;
}

async function begin() {
  takeToken();
  try {
    Object.assign(store, await call("timeline"));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    show(document.getElementById("view"), failed(error));
    return;
  }
  show(document.getElementById("store"), store.name, store.read_only && " (read-only)");
  showMoment = timebar(document.getElementById("time"));
  addEventListener("hashchange", arrive);
  arrive();
  document.body.dataset.ready = "true";
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("view").focus();
});
begin();
