// SPDX-License-Identifier: Apache-2.0
//
// The flame graph: a tree of {name, value, file, line, children} in an element,
// with its toolbar. Click zooms, Ctrl-F searches, Esc clears the search, then the
// zoom. Used by the html format and by the collector's page.
//
//   const graph = flame(element, tree, { noun: "sample" });
//   graph.update(otherTree);  // keeps the search and, as far as it goes, the zoom
//   graph.zoomTo(nodes);      // of the tree, from below the root to the one that is shown whole
//   graph.destroy();
//
// A tree of two profiles has been prepared by difference.js. What native.js hides is left out of what is drawn.

import flamegraph from "d3-flame-graph";
import { select } from "d3-selection";
import { colour, dimmed, matched, nativeColour, waitingColour } from "./colours.js";
import * as difference from "./difference.js";
import { element } from "./dom.js";
import { makeNativeSwitch, nativeKind, nativeLegend, nativeSums, without } from "./native.js";
import { counted, percent } from "./numbers.js";
import { legend } from "./waiting.js";

const cellHeight = 22;
const minWidth = 0.5; // pixels; narrower frames are not drawn
const searchDelay = 120; // milliseconds without a key before searching
const zoomTime = 260;

const darkQuery = window.matchMedia("(prefers-color-scheme: dark)");
const stillQuery = window.matchMedia("(prefers-reduced-motion: reduce)");

// ---- search -----------------------------------------------------------------

// What is no regular expression is looked for as it stands.
function pattern(term) {
  try {
    return new RegExp(term, "i");
  } catch {
    return new RegExp(term.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i");
  }
}

// Marks the nodes that match; returns the samples in them, each counted once.
function mark(root, wanted) {
  let sum = 0;
  const stack = [[root, false]];
  while (stack.length) {
    const [node, within] = stack.pop();
    node.highlight = Boolean(wanted) && wanted.test(`${node.data.name} ${node.data.file || ""}`);
    if (node.highlight && !within) sum += node.data.value;
    for (const child of node.children || []) stack.push([child, within || node.highlight]);
  }
  return sum;
}

// ---- the tip ----------------------------------------------------------------

function place(file, line) {
  return line ? `${file}:${line}` : file;
}

function self(node) {
  return node.data.value - (node.data.children || []).reduce((sum, child) => sum + child.value, 0);
}

function rows(node, noun) {
  const all = node.ancestors().at(-1).data.value;
  const cell = (text) => element("td", {}, text);
  const row = (label, n) =>
    element("tr", {}, element("th", {}, label), cell(percent(n, all)), cell(counted(n, noun)));
  return [row("Total", node.data.value), row("Self", self(node))];
}

function describe(node, noun) {
  const { name, file, line, shares } = node.data;
  return [
    element("strong", {}, name),
    file ? element("span", { class: "flame-place" }, place(file, line)) : null,
    element("table", {}, element("tbody", {}, ...(shares ? difference.rows(node.data) : rows(node, noun)))),
  ].filter(Boolean);
}

// d3-flame-graph wants a function with show() and hide().
function makeTip(parent, noun) {
  const box = parent.appendChild(element("div", { class: "flame-tip", role: "tooltip", hidden: true }));
  const move = (event) => {
    const gap = 14;
    const { offsetWidth: width, offsetHeight: height } = box;
    const left = event.clientX + gap + width > window.innerWidth ? event.clientX - gap - width : event.clientX + gap;
    const top = event.clientY + gap + height > window.innerHeight ? event.clientY - gap - height : event.clientY + gap;
    box.style.left = `${Math.max(4, left)}px`;
    box.style.top = `${Math.max(4, top)}px`;
  };
  return Object.assign(() => {}, {
    show(event, node) {
      box.replaceChildren(...describe(node, noun));
      box.hidden = false;
      move(event);
    },
    move,
    hide() {
      box.hidden = true;
    },
    destroy() {
      box.remove();
    },
  });
}

// ---- the toolbar ------------------------------------------------------------

function makeBar(parent, native) {
  const bar = {
    search: element("input", {
      type: "search",
      placeholder: "Search functions and files",
      "aria-label": "Search functions and files",
      spellcheck: "false",
      autocomplete: "off",
    }),
    matched: element("output", { class: "flame-matched" }),
    down: element("button", { type: "button", "aria-pressed": "true", title: "Callers above" }, "Icicle"),
    up: element("button", { type: "button", "aria-pressed": "false", title: "Callers below" }, "Flame"),
    reset: element("button", { type: "button", class: "flame-reset", disabled: true }, "Reset zoom"),
  };
  const direction = { class: "flame-switch", role: "group", "aria-label": "Direction" };
  parent.append(
    element(
      "div",
      { class: "flame-bar" },
      bar.search,
      bar.matched,
      element("i"),
      native,
      element("div", direction, bar.down, bar.up),
      bar.reset,
    ),
  );
  return bar;
}

// ---- zoom -------------------------------------------------------------------

// A node's way from the root, so that the zoom outlives the tree it was made in.
function pathTo(node) {
  return node.ancestors().reverse().slice(1).map(key);
}

function key(node) {
  return keyOf(node.data);
}

function keyOf({ name, file, line }) {
  return `${name}\n${file || ""}\n${line || ""}`;
}

// As far along the path as this tree goes.
function follow(root, path) {
  let node = root;
  for (const step of path) {
    const next = (node.children || []).find((child) => key(child) === step);
    if (!next) break;
    node = next;
  }
  return node;
}

// ---- the graph --------------------------------------------------------------

export function flame(parent, tree, { noun = "sample" } = {}) {
  const root = parent.appendChild(element("section", { class: "flame" }));
  const native = makeNativeSwitch((kinds) => {
    hidden = kinds;
    show(whole);
  });
  const bar = makeBar(root, native.group);
  const canvas = root.appendChild(element("div", { class: "flame-chart" }));
  let legends = [root.appendChild(element("div")), root.appendChild(element("div"))];
  const tip = makeTip(root, noun);
  const stop = new AbortController();
  const on = (target, type, handler) => target.addEventListener(type, handler, { signal: stop.signal });
  let chart, timer;
  let zoomed = [];
  let whole = tree;
  let hidden = native.usual;

  function paint(node) {
    const { name, file, shares } = node.data;
    if (node.highlight) return matched(darkQuery.matches);
    if (root.hasAttribute("data-searching")) return dimmed(darkQuery.matches);
    if (shares) return difference.paint(node.data, darkQuery.matches);
    const kind = nativeKind(node.data);
    return kind ? nativeColour(kind, darkQuery.matches, name) : colour(name, file, darkQuery.matches);
  }

  function draw(data) {
    chart?.destroy();
    canvas.replaceChildren();
    const present = [
      legend(data, (kind) => waitingColour(kind, darkQuery.matches)),
      nativeLegend(data, (kind) => nativeColour(kind, darkQuery.matches)),
    ];
    legends.forEach((old, i) => old.replaceWith(present[i]));
    legends = present;
    chart = flamegraph()
      .width(canvas.clientWidth)
      .cellHeight(cellHeight)
      .minFrameSize(minWidth)
      .transitionDuration(stillQuery.matches ? 0 : zoomTime)
      .inverted(bar.down.getAttribute("aria-pressed") === "true")
      .resetHeightOnZoom(true)
      .tooltip(tip)
      .setColorMapper(paint)
      .onClick((node) => {
        zoomed = pathTo(node);
        bar.reset.disabled = !node.parent;
      });
    select(canvas).datum(data).call(chart);
    const node = follow(select(canvas).datum(), zoomed);
    bar.reset.disabled = !node.parent;
    if (node.parent) still(() => chart.zoomTo(node));
    search();
  }

  // Draws what is not hidden. The switch is there if there is something to hide.
  function show(data) {
    whole = data;
    native.group.hidden = !nativeSums(data).size;
    draw(native.group.hidden || !hidden.length ? data : without(data, hidden));
  }

  function still(change) {
    const time = chart.transitionDuration();
    chart.transitionDuration(0);
    change();
    chart.transitionDuration(time);
  }

  function redraw() {
    still(() => chart.width(canvas.clientWidth).update());
  }

  function search() {
    const term = bar.search.value.trim();
    const all = select(canvas).datum();
    const sum = mark(all, term && pattern(term));
    root.toggleAttribute("data-searching", Boolean(term));
    const samples = all.data.shares ? "" : `, ${counted(sum, noun)}`;
    bar.matched.textContent = term ? `${percent(sum, all.data.value)} matched${samples}` : "";
    redraw();
  }

  function turn(inverted) {
    bar.down.setAttribute("aria-pressed", inverted);
    bar.up.setAttribute("aria-pressed", !inverted);
    chart.inverted(inverted);
    redraw();
  }

  function clear() {
    if (bar.search.value) {
      bar.search.value = "";
      search();
    } else {
      chart.resetZoom();
    }
    bar.search.blur();
  }

  on(bar.search, "input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, searchDelay);
  });
  on(bar.reset, "click", () => chart.resetZoom());
  on(bar.down, "click", () => turn(true));
  on(bar.up, "click", () => turn(false));
  on(canvas, "pointermove", tip.move);
  on(window, "keydown", (event) => {
    if (event.key === "Escape") {
      clear();
    } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "f") {
      event.preventDefault();
      bar.search.focus();
      bar.search.select();
    }
  });
  on(darkQuery, "change", redraw);
  const resize = new ResizeObserver(() => {
    if (canvas.clientWidth && canvas.clientWidth !== chart.width()) redraw();
  });

  show(tree);
  resize.observe(canvas);

  return {
    update: show,
    zoomTo(nodes) {
      zoomed = nodes.map(keyOf);
      chart.zoomTo(follow(select(canvas).datum(), zoomed));
      canvas.scrollIntoView({ block: "nearest" });
    },
    destroy() {
      stop.abort();
      resize.disconnect();
      clearTimeout(timer);
      root.remove();
    },
  };
}

