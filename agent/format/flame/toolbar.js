// SPDX-License-Identifier: Apache-2.0
//
// What stands above a flame graph: the search, the chosen function, the direction, and
// where one is zoomed to.

import { element } from "./dom.js";

export function makeToolbar(parent, native, bare) {
  const bar = {
    search: element("input", {
      type: "search",
      placeholder: "Search functions and files",
      "aria-label": "Search functions and files",
      spellcheck: "false",
      autocomplete: "off",
    }),
    picked: element("span", { class: "flame-picked", hidden: true }),
    matched: element("output", { class: "flame-matched" }),
    next: element("button", { type: "button", title: "The next frame that is found (Enter in the search)", hidden: true }, "Next"),
    down: element("button", { type: "button", "aria-pressed": "true", title: "Callers above" }, "Icicle"),
    up: element("button", { type: "button", "aria-pressed": "false", title: "Callers below" }, "Flame"),
    reset: element("button", { type: "button", class: "flame-reset", disabled: true }, "Reset zoom"),
    at: element("div", { class: "flame-at", hidden: true }),
  };
  const direction = { class: "flame-switch", role: "group", "aria-label": "Direction" };
  const left = [bar.search, bar.picked, bar.matched, bar.next, element("i")];
  const tools = bare ? [bar.reset] : [...left, native, element("div", direction, bar.down, bar.up), bar.reset];
  bar.box = parent.appendChild(element("div", { class: bare ? "flame-bar bare" : "flame-bar" }, ...tools, bar.at));
  return bar;
}

// The chosen function, and a way to let go of it.
export function showPicked(bar, picked, onClear) {
  bar.picked.hidden = !picked;
  if (!picked) return bar.picked.replaceChildren();
  const close = element("button", { type: "button", "aria-label": `Let go of ${picked.name}`, title: "Show all again" }, "×");
  close.addEventListener("click", onClear);
  bar.picked.title = picked.file ? `${picked.name}\n${picked.file}` : picked.name;
  return bar.picked.replaceChildren(element("b", {}, picked.name), close);
}
