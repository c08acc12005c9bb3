// SPDX-License-Identifier: Apache-2.0
//
// The table of functions. A click on a row chooses its function.

import { element } from "../../format/flame/dom.js";
import { percent } from "../../format/flame/numbers.js";
import { shortFile } from "./words.js";

const columns = [
  { key: "self", label: "Self", title: "Share of samples in the function itself" },
  { key: "total", label: "Total", title: "Share of samples in the function or what it called" },
  { key: "name", label: "Function", title: "" },
];

function compare(a, b) {
  return typeof a === "string" ? a.localeCompare(b) : b - a;
}

export function shareCell(value) {
  const fill = element("i");
  fill.style.width = `${(100 * Math.min(1, value)).toFixed(2)}%`;
  return element("td", { class: "number" }, percent(value, 1), element("span", { class: "bar" }, fill));
}

// The name as a button, and the file's end.
export function functionCell({ name, file }, onPick) {
  const button = element("button", { type: "button", title: `${name}\n${file}` }, name);
  button.addEventListener("click", onPick);
  return element("td", {}, element("div", {}, button, element("span", { class: "file" }, shortFile(file))));
}

function keyOf({ name, file, kind }) {
  return `${name}\n${file}\n${kind || ""}`;
}

// @onPick({name, file, kind}), @onSort(key, upward).
export function makeTop(parent, { onPick, onSort }) {
  const body = element("tbody");
  const head = element("tr");
  const rows = new Map();
  let functions = [];
  let order = { key: "self", upward: false };
  let picked = null;

  const heads = columns.map(({ key, label, title }) => {
    const button = element("button", { type: "button", title }, label);
    const cell = element("th", { scope: "col", class: key === "name" ? "" : "number" }, button);
    button.addEventListener("click", () => onSort(key, order.key === key && !order.upward));
    head.append(cell);
    return [key, cell];
  });
  parent.append(element("table", { class: "functions", "aria-label": "Functions" }, element("thead", {}, head), body));

  // A function's row stays its row, so that who stands on it keeps standing there.
  function rowOf(f) {
    const key = keyOf(f);
    if (!rows.has(key)) rows.set(key, element("tr", {}, element("td"), element("td"), functionCell(f, () => onPick(f))));
    const row = rows.get(key);
    row.children[0].replaceWith(shareCell(f.self_share));
    row.children[1].replaceWith(shareCell(f.total_share));
    const chosen = picked && picked.name === f.name && (picked.file || "") === f.file;
    if (chosen) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
    return row;
  }

  function draw() {
    for (const [key, cell] of heads) {
      const descending = (key === "name") === order.upward;
      if (key === order.key) cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    const way = order.upward ? -1 : 1;
    const sorted = [...functions].sort((a, b) => way * compare(a[order.key], b[order.key]) || b.self - a.self);
    const focused = document.activeElement;
    body.replaceChildren(...sorted.map(rowOf));
    if (focused !== document.activeElement && body.contains(focused)) focused.focus({ preventScroll: true });
    const present = new Set(functions.map(keyOf));
    for (const key of rows.keys()) if (!present.has(key)) rows.delete(key);
  }

  return {
    show(list) {
      functions = list;
      draw();
    },
    set(key, upward, chosen) {
      order = { key, upward };
      picked = chosen;
      draw();
    },
  };
}
