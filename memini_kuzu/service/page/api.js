// The JSON API of the server that this page came from.

import { h, show } from "./dom.js";

const KEY = "memini-token";

const GET = new Set(["timeline", "stats", "doctor", "reports", "sources"]);

export class Failure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** A token that came with the address is kept for this tab, and taken out of the address. */
export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!location.hash.startsWith("#/") && given) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", `${location.pathname}#/ask`);
  }
}

export async function call(name, given = {}) {
  const token = sessionStorage.getItem(KEY);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const body = GET.has(name) ? undefined : JSON.stringify(without(given));
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(`/v1/${name}`, { method: body === undefined ? "GET" : "POST", headers, body });
  } catch {
    throw new Failure(0, "The server does not answer. Start it again and reload this page.");
  }
  if (answer.status === 401) {
    await askForToken(token !== null);
    return call(name, given);
  }
  // a proxy before the server has words of its own, and an answer may break off
  const result = await answer.json().catch(() => null);
  if (!answer.ok || result === null) {
    const unread = `The server, or a proxy before it, gave status ${answer.status} and nothing that this page reads. Try again.`;
    throw new Failure(answer.status, result?.error?.message ?? unread);
  }
  return result;
}

const without = (given) =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined && value !== null && value !== ""));

let asking = null; // where a token is asked for: the form, and who waits for it

/** Ask for a token in the place of the view, which comes back with it: its answers are still to come. */
function askForToken(refused) {
  const place = document.getElementById("view");
  asking ??= tokenForm(refused, place);
  // who goes to another view meanwhile is asked there
  if (!asking.form.isConnected) {
    asking.view = [...place.childNodes];
    show(place, asking.form);
    asking.form.querySelector("input").focus();
  }
  return asking.given;
}

function tokenForm(refused, place) {
  const input = h("input", { type: "password", id: "token", autocomplete: "off", required: true });
  const form = h(
    "form",
    { class: "card" },
    h("h2", {}, "Token"),
    h("p", {}, refused ? "The server did not accept that token." : "This server asks for a token."),
    h("label", { for: "token" }, "Bearer token"),
    input,
    h("button", { type: "submit" }, "Go on"),
  );
  const given = new Promise((resolve) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      sessionStorage.setItem(KEY, input.value.trim());
      show(place, asking.view);
      asking = null;
      resolve();
    });
  });
  return { form, given, view: [] };
}

/** Runs calls of one kind such that only the answer of the latest counts. */
export function latest() {
  let number = 0;
  return async (work, done, wrong) => {
    const own = (number += 1);
    try {
      const result = await work();
      if (own === number) done(result);
    } catch (error) {
      if (own !== number) return;
      if (error instanceof Failure) wrong(error);
      else throw error;
    }
  };
}
