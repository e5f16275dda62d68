// Health: whether the store is sound, what it holds, and where that comes from.

import { call } from "../api.js";
import { failed, h, show, table } from "../dom.js";
import { day, minute } from "../state.js";

const SOURCES = 500; // shown at most

export function health(place) {
  const [found, held, read, told] = [h("div", {}, "Examining …"), h("div", {}), h("div", {}), h("div", { class: "sources" })];
  const section = (title, content) => h("section", {}, h("h3", {}, title), content);
  show(place, h("h2", {}, "Health"), found, section("What it holds", held), section("Ingestions", read), section("Sources", told));
  call("doctor").then(
    (report) => show(found, h("p", { class: report.sound ? "sound" : "error" }, report.sound ? "The store is sound." : "Something is wrong with the store."), table("What was looked at", ["check", "status", "found", "remedy"], report.findings.map((each) => h("tr", { class: each.status }, h("td", {}, each.check), h("td", {}, each.status), h("td", {}, each.detail), h("td", {}, each.remedy))))),
    (error) => show(found, failed(error)),
  );
  call("stats").then(
    (stats) => {
      const facts = { file: stats.path, size: `${(stats.bytes / 1e6).toFixed(1)} MB`, entities: stats.entities, associations: stats.associations, passages: stats.passages, documents: stats.documents, sources: stats.sources, aliases: stats.aliases, "first told": stats.first_seen && day(stats.first_seen), "last told": stats.last_seen && day(stats.last_seen), extractor: stats.extractor, "time constants": `${stats.time_constants.fast.toFixed(1)} and ${stats.time_constants.slow.toFixed(0)} days, ${(100 * stats.time_constants.slow_share).toFixed(1)} % of what is told is slow` };
      show(held, h("dl", {}, Object.entries(facts).map(([name, value]) => [h("dt", {}, name), h("dd", {}, typeof value === "number" ? value.toLocaleString("en") : value ?? "—")])));
    },
    (error) => show(held, failed(error)),
  );
  call("reports").then(
    ({ reports }) => show(read, reports.length ? table("The last ingestions of files", ["when", "read", "added", "changed", "unchanged", "moved", "left out"], reports.map(reported)) : h("p", {}, "None that found something new.")),
    (error) => show(read, failed(error)),
  );
  call("sources").then(
    (answer) => show(told, answer.sources.length ? table("Sources", ["source", "documents or events"], answer.sources.slice(0, SOURCES).map((each) => h("tr", {}, h("td", {}, each.name || "(none)"), h("td", { class: "count" }, each.count.toLocaleString("en"))))) : h("p", {}, "Nothing has been told yet."), answer.sources.length > SOURCES && h("p", { class: "quiet" }, `and ${(answer.sources.length - SOURCES).toLocaleString("en")} more`)),
    (error) => show(told, failed(error)),
  );
}

/** An ingestion as a row: what it took in, and what it left out and why. */
function reported(each) {
  const left = each.left_out.map(({ why, count, such_as }) => h("li", {}, `${count.toLocaleString("en")} ${why}: ${such_as.join(", ")}${count > such_as.length ? ", …" : ""}`));
  if (each.more) left.push(h("li", {}, `${each.more.toLocaleString("en")} for other reasons`));
  if (each.failure) left.push(h("li", { class: "error" }, `It ended before all was read: ${each.failure}`));
  const counts = ["added", "changed", "unchanged", "moved"].map((name) => h("td", { class: "count" }, each[name].toLocaleString("en")));
  return h("tr", {}, h("td", {}, h("time", {}, minute(each.time))), h("td", {}, each.read.join(", ")), counts, h("td", {}, left.length ? h("ul", { class: "paths" }, left) : "nothing"));
}
