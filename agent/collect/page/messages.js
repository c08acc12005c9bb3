// SPDX-License-Identifier: Apache-2.0
//
// What stands in the middle where there is nothing to draw.

import { element } from "../../format/flame/dom.js";
import { hasToken, setToken } from "./api.js";

function text(...children) {
  return element("p", {}, ...children);
}

function message(title, ...lines) {
  return element("section", { class: "empty" }, element("h1", {}, title), ...lines);
}

// @live: the range ends now.
export function nothingYet(live) {
  return message(
    live ? "No profiles yet" : "No profiles in this time range",
    text("Point an agent here; what it sees appears within seconds:"),
    element("pre", { tabindex: 0 }, `podflame agent --collector ${location.origin}`),
    text("It needs no change to any container. To look further back, choose a longer time range."),
  );
}

// Nothing to draw is not nothing that ran.
export function unseen(name, coverage) {
  return message(
    "No samples in this time range",
    text(`${name} ran, but no sample was taken of it.`),
    text(`Coverage ${coverage.sentence}.`),
  );
}

// @modes: a switch to other measures that there are of it, or null.
export function nothingInRange(name, modes) {
  const node = message(
    "Nothing in this time range",
    text(`${name} was not on a CPU then, or was not sampled.`),
    text("Choose another time range, or something else in the list."),
  );
  if (modes) node.append(text("There is another measure of it:"), modes);
  return node;
}

export function login(sentence, onToken) {
  const token = element("input", { type: "password", "aria-label": "Token", autocomplete: "current-password" });
  const form = element("form", { class: "login" }, token, element("button", {}, "Open"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    setToken(token.value.trim());
    onToken();
  });
  return message("This collector wants a token", text("The one in its token file."), form, text(hasToken() ? sentence : ""));
}
