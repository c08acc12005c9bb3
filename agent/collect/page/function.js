// SPDX-License-Identifier: Apache-2.0
//
// One function: who calls it, above; what it calls, below; and its lines.

import { element } from "../../format/flame/dom.js";
import { flame } from "../../format/flame/flame.js";
import { counted, percent } from "../../format/flame/numbers.js";
import { shortPlace } from "../../format/flame/tip.js";
import { shareCell } from "./top.js";

function linesTable(lines, file, whole) {
  const head = ["Self", "Total", "Line"].map((label, i) => element("th", { scope: "col", class: i < 2 ? "number" : "" }, label));
  const rows = lines.map(({ line, self, total }) =>
    element("tr", {}, shareCell(whole ? self / whole : 0), shareCell(whole ? total / whole : 0), element("td", {}, shortPlace(file, line))),
  );
  return element(
    "table",
    { class: "functions lines", "aria-label": "Lines" },
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...rows),
  );
}

// @onPick(function), @onZoom("callers" or "callees", id of a frame or null), @onClose().
export function makeFunction(parent, { onPick, onZoom, onClose }) {
  const title = element("h2");
  const close = element("button", { type: "button" }, "Back to all functions");
  const told = element("p", { class: "about" });
  const callers = element("div");
  const callees = element("div");
  const lines = element("div");
  const graphs = {};
  close.addEventListener("click", onClose);
  parent.append(
    element("div", { class: "head" }, element("div", {}, title, told), close),
    element("h3", {}, "Callers"),
    callers,
    element("h3", {}, "Callees"),
    callees,
    element("h3", {}, "Lines"),
    lines,
  );

  function draw(name, place, tree, zoom) {
    const view = { zoom, up: name === "callers" };
    if (graphs[name]) {
      graphs[name].setView(view);
      graphs[name].update(tree);
      return;
    }
    const onView = ({ zoom: id }, lasting) => onZoom(name, id, lasting);
    graphs[name] = flame(place, tree, { bare: true, view, onView, onPick, label: name === "callers" ? "Callers" : "Callees" });
  }

  return {
    show(answer, zooms) {
      const { function: f, meta } = answer;
      title.textContent = f.name;
      const parts = [`total ${percent(answer.total, meta.samples)}`, `self ${percent(answer.self, meta.samples)}`];
      told.textContent = `${f.file} · ${parts.join(", ")} of all, ${counted(answer.total, "sample")}`;
      draw("callers", callers, answer.callers, zooms.callers);
      draw("callees", callees, answer.callees, zooms.callees);
      lines.replaceChildren(
        answer.lines.length ? linesTable(answer.lines, f.file, meta.samples) : element("p", { class: "quiet" }, "No line is known."),
      );
    },
    setZooms(zooms) {
      for (const [name, graph] of Object.entries(graphs)) graph.setView({ zoom: zooms[name], up: name === "callers" });
    },
    destroy() {
      for (const graph of Object.values(graphs)) graph.destroy();
    },
  };
}
