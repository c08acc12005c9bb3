// SPDX-License-Identifier: Apache-2.0
//
// The table of functions. A click on a row looks for its function in the graph.

import { element } from "../../format/flame/dom.js";
import { percent } from "../../format/flame/numbers.js";

const columns = [
  { key: "self", label: "Self", title: "Share of samples in the function itself", first: -1 },
  { key: "total", label: "Total", title: "Share of samples in the function or what it called", first: -1 },
  { key: "name", label: "Function", title: "", first: 1 },
];

function compare(a, b) {
  return typeof a === "string" ? a.localeCompare(b) : a - b;
}

function share(value) {
  const fill = element("i");
  fill.style.width = `${(100 * value).toFixed(2)}%`;
  return element("td", { class: "number" }, percent(value, 1), element("span", { class: "bar" }, fill));
}

// The end of a path is what tells files apart.
function shortFile(file) {
  const parts = file.split("/").filter(Boolean);
  return parts.length > 3 ? `…/${parts.slice(-3).join("/")}` : file;
}

export function makeTop(parent, onPick) {
  const body = element("tbody");
  const head = element("tr");
  let functions = [];
  let order = { key: "self", way: -1 };

  const heads = columns.map(({ key, label, title, first }) => {
    const button = element("button", { type: "button", title }, label);
    const cell = element("th", { scope: "col", class: key === "name" ? "" : "number" }, button);
    button.addEventListener("click", () => {
      order = { key, way: order.key === key ? -order.way : first };
      draw();
    });
    head.append(cell);
    return [key, cell];
  });
  parent.append(
    element("table", { class: "functions" }, element("thead", {}, head), body),
  );

  function row(f) {
    const button = element("button", { type: "button", title: `${f.name}\n${f.file}` }, f.name);
    const where = element("span", { class: "file" }, shortFile(f.file));
    const what = element("td", {}, element("div", {}, button, where));
    const line = element("tr", {}, share(f.self_share), share(f.total_share), what);
    line.addEventListener("click", () => onPick(f.name));
    return line;
  }

  function draw() {
    for (const [key, cell] of heads) {
      if (key === order.key) cell.setAttribute("aria-sort", order.way < 0 ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    const sorted = [...functions].sort((a, b) => order.way * compare(a[order.key], b[order.key]) || b.self - a.self);
    body.replaceChildren(...sorted.map(row));
  }

  return function show(list) {
    functions = list;
    draw();
  };
}
