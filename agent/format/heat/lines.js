// SPDX-License-Identifier: Apache-2.0
//
// The lines of a file, with self and total beside them, and below a line what its
// threads wait for. Rows stand in chunks, which the browser lays out only when they are
// near: files have 20 000 lines. One row can be reached by Tab, the others by keys.

import { element } from "../flame/dom.js";
import { percent } from "../flame/numbers.js";
import { heatOf, range, told } from "./shares.js";

const chunkRows = 200;
const rowHeight = 20; // pixels, as in heat.css

function cell(kind, ...children) {
  return element("span", { role: "cell", class: kind }, ...children);
}

function share(kind, samples, low, high, data) {
  const node = cell(kind, percent(samples, data.samples), element("span", { class: "sr" }, ` (${told(kind, samples, low, high, data)})`));
  node.style.setProperty("--heat", heatOf(samples, data));
  return node;
}

function plainRow(number, text) {
  return element("div", { role: "row", class: "line" }, cell("number", String(number)), cell("self"), cell("total"), cell("code", text));
}

function sampledRow([number, counts, name, waits], text, data) {
  const [self, total, selfLow, selfHigh, totalLow, totalHigh] = counts;
  const row = element(
    "div",
    { role: "row", class: "line sampled", tabindex: "-1", "data-line": number },
    cell("number", number ? String(number) : "?"),
    share("self", self, selfLow, selfHigh, data),
    share("total", total, totalLow, totalHigh, data),
    text,
  );
  row.style.setProperty("--heat", heatOf(self, data));
  row.tip = [name ? `in ${name}` : "in several functions", range(counts, data), ...waits.map(([reason, n]) => `${percent(n, data.samples)} ${reason}`)].join("\n");
  row.self = self;
  row.total = total;
  return row;
}

function waitRow([reason, samples], data) {
  return element("div", { role: "row", class: "line wait" }, cell("number"), cell("self", percent(samples, data.samples)), cell("total"), cell("code", reason));
}

// All rows of a file: its source, then lines that it does not have.
function* rows({ source, lines }, data) {
  const sampled = new Map(lines.map((line) => [line[0], line]));
  const note = (text) => cell("code none", text);
  function* of(line, text) {
    yield sampledRow(line, text, data);
    for (const wait of line[3]) yield waitRow(wait, data);
  }
  for (const [index, text] of (source || []).entries()) {
    const line = sampled.get(index + 1);
    if (line) yield* of(line, cell("code", text));
    else yield plainRow(index + 1, text);
  }
  for (const line of lines) {
    if (source && line[0] > 0 && line[0] <= source.length) continue;
    if (line[0] === 0) yield* of(line, note("(the line is not known)"));
    else yield* of(line, source ? note("(not in the file)") : note(line[2] || "(several functions)"));
  }
}

function chunks(all) {
  const found = [];
  let chunk;
  let n = 0;
  for (const row of all) {
    if (n++ % chunkRows === 0) found.push((chunk = element("div", { role: "rowgroup", class: "chunk" })));
    chunk.append(row);
  }
  for (const node of found) node.style.setProperty("--height", `${node.childElementCount * rowHeight}px`);
  return found;
}

function head() {
  const name = (kind, text) => element("span", { role: "columnheader", class: kind }, text);
  return element(
    "div",
    { role: "rowgroup" },
    element("div", { role: "row", class: "line heads" }, name("number", "line"), name("self", "self"), name("total", "total"), name("code", "source")),
  );
}

function makeTip() {
  const box = element("div", { class: "tip", role: "tooltip", hidden: true });
  return {
    box,
    show(row) {
      const { bottom, top } = row.getBoundingClientRect();
      box.textContent = row.tip;
      box.hidden = false;
      const above = bottom + box.offsetHeight + 8 > window.innerHeight;
      box.style.top = `${Math.max(4, above ? top - box.offsetHeight - 4 : bottom + 4)}px`;
    },
    hide() {
      box.hidden = true;
    },
  };
}

// { element, goTo(line) }.
export function showLines(file, data) {
  const tip = makeTip();
  const table = element("div", { role: "table", class: "lines", "aria-label": `Lines of ${file.file}` }, head(), ...chunks(rows(file, data)));
  const inOrder = [...table.querySelectorAll(".sampled")];
  const byHeat = [...inOrder].sort((a, b) => b.self - a.self || b.total - a.total);
  let current = byHeat[0];

  const choose = (row, focus) => {
    if (!row) return;
    current.tabIndex = -1;
    current = row;
    current.tabIndex = 0;
    if (!focus) return;
    current.scrollIntoView({ block: "center" });
    current.focus({ preventScroll: true });
  };
  const step = (list, by) => list[list.indexOf(current) + by];
  const keys = {
    ArrowDown: () => step(inOrder, 1),
    ArrowUp: () => step(inOrder, -1),
    Home: () => inOrder[0],
    End: () => inOrder.at(-1),
    n: () => step(byHeat, 1),
    p: () => step(byHeat, -1),
  };
  choose(current, false);
  table.addEventListener("keydown", (event) => {
    if (event.key === "Escape") tip.hide();
    if (event.ctrlKey || event.altKey || event.metaKey || !keys[event.key]) return;
    event.preventDefault();
    choose(keys[event.key](), true);
  });
  const show = (event) => {
    const row = event.target.closest(".sampled");
    if (row) tip.show(row);
    else tip.hide();
  };
  table.addEventListener("focusin", (event) => {
    choose(event.target.closest(".sampled"), false);
    show(event);
  });
  table.addEventListener("focusout", tip.hide);
  table.addEventListener("mouseover", show);
  table.addEventListener("mouseleave", tip.hide);

  // A line without samples is shown, and the focus stays where it is.
  const goTo = (line) => {
    const row = inOrder.find((sampled) => Number(sampled.dataset.line) === line);
    if (row) choose(row, true);
    else table.querySelectorAll(".line:not(.heads, .wait)")[line - 1]?.scrollIntoView({ block: "center" });
  };
  return { element: element("div", { class: "frame" }, table, tip.box), goTo };
}
