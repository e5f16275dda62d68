// Changes: what is new, confirmed, displaced and fading; and what the next maintenance would forget.

import { call, latest } from "../api.js";
import { failed, h, labelled, show, table } from "../dom.js";
import { DAY } from "../dynamics.js";
import { entityLink } from "../parts.js";
import { asked, day, moment, number, watch } from "../state.js";

const KINDS = [
  ["new", "New", "first told in this time"],
  ["confirmed", "Confirmed", "told before, and again in this time"],
  ["faded", "Fading", "fell below the threshold of maintenance, and was not told again"],
];

export function changes(place) {
  const days = h("select", {}, [7, 30, 90, 365, 3650].map((each) => h("option", { value: each, selected: each === 30 }, each)));
  const news = h("div", { "aria-busy": "true" });
  const coming = h("div", {});
  const [onlyNews, onlyComing] = [latest(), latest()];

  function load() {
    const since = new Date((moment() ?? Date.now()) - Number(days.value) * DAY).toISOString();
    onlyNews(
      () => call("changes", { since, now: asked(), k: 15 }),
      (found) => { show(news, listed(found)); news.setAttribute("aria-busy", "false"); },
      (error) => show(news, failed(error)),
    );
    onlyComing(
      () => call("consolidate", { now: asked(), dry_run: true }),
      (found) => show(coming, h("p", {}, `Of ${found.edges.toLocaleString("en")} associations, the next maintenance would forget ${found.forgotten.toLocaleString("en")}; ${found.strengthened.toLocaleString("en")} have consolidated further since the last.`)),
      (error) => show(coming, failed(error)),
    );
  }
  days.addEventListener("change", load);
  show(place, h("h2", {}, "Changes"), h("div", { class: "controls" }, labelled("Days back", days)), news, h("section", {}, h("h3", {}, "Maintenance"), coming));
  const unwatch = watch((_, settled) => { if (settled) load(); });
  load();
  return unwatch;
}

function listed(found) {
  const parts = [h("p", {}, `${day(found.since)} to ${day(found.now)}`)];
  parts.push(section("Displaced", "the strongest gave way to a rival", found.counts.displaced, found.displaced.length > 0 && table("Displaced", ["entity", "before", "", "now", ""], found.displaced.map((each) => h("tr", {}, h("td", {}, entityLink(each.entity)), h("td", {}, entityLink(each.former)), h("td", { class: "count" }, `${number(each.former_before)} → ${number(each.former_strength)}`), h("td", {}, entityLink(each.rival)), h("td", { class: "count" }, `${number(each.rival_before)} → ${number(each.rival_strength)}`))))));
  for (const [kind, title, meaning] of KINDS) {
    const rows = found[kind].map((each) => h("tr", {}, h("td", {}, entityLink(each.source)), h("td", {}, entityLink(each.target)), h("td", { class: "count" }, number(each.before)), h("td", { class: "count" }, number(each.strength)), h("td", {}, day(each.first_seen))));
    parts.push(section(title, meaning, found.counts[kind], rows.length > 0 && table(title, ["from", "to", "before", "strength", "first seen"], rows)));
  }
  return parts;
}

const section = (title, meaning, count, content) =>
  h("section", {}, h("h3", {}, `${title}: ${count.toLocaleString("en")}`), h("p", { class: "quiet" }, meaning), content || null);
