// SPDX-License-Identifier: Apache-2.0
//
// The middle of the page when there is a profile: its head, then the graph and the table
// of functions side by side, one of them, one function, or a comparison.

import { coverageFact, coverageWarning } from "../../format/flame/coverage.js";
import { prepare } from "../../format/flame/difference.js";
import { clickable, element } from "../../format/flame/dom.js";
import { flame } from "../../format/flame/flame.js";
import { without } from "../../format/flame/native.js";
import { count } from "../../format/flame/numbers.js";
import { makeDifferences, makeSides } from "./compare.js";
import { makeFunction } from "./function.js";
import { makeTop } from "./top.js";
import { clock, modeWords, seconds, valueName } from "./words.js";

const waitingHint =
  "Only time on CPUs was recorded. Where threads wait and sleep is shown if the agent is run with -m cpu,wall.";
const layouts = { both: "Graph and table", graph: "Graph", table: "Table", function: "Callers and callees" };

// More containers than these are slivers beside each other, so their trees are one.
const apartMax = 12;

// The tree's first row are containers.
function together(tree) {
  return without({ ...tree, children: tree.children.map((child) => ({ ...child, kind: "container" })) }, ["container"]);
}

function makeSwitch(label) {
  return element("div", { class: "switch", role: "group", "aria-label": label });
}

export function showModes(modes, meta, onMode) {
  modes.replaceChildren(
    ...meta.modes.map((mode) => {
      const { label, title } = modeWords[mode];
      const button = element("button", { type: "button", title, "aria-pressed": String(mode === meta.mode) }, label);
      return clickable(button, () => onMode(mode));
    }),
  );
}

export function makeModes() {
  return makeSwitch("What is measured");
}

function fact(label, value, detail, low) {
  return element("div", { title: detail }, element("dt", {}, label), element("dd", { class: low && "low" }, value));
}

// Over the time in which there was something to see.
function average(meta, groups) {
  const first = Math.min(...groups.map(({ first_seen }) => first_seen));
  const time = meta.to - Math.max(meta.from, first);
  return `${(meta.seconds / Math.max(time, 1)).toFixed(2)} ${modeWords[meta.mode].unit}`;
}

// A filter of a label, and a way to take it off.
function chip(name, value, onClear) {
  const button = element("button", { type: "button", "aria-label": `Without ${name} ${valueName(value, name)}` }, "×");
  button.addEventListener("click", onClear);
  return element("li", {}, `${name}: `, element("b", {}, valueName(value, name)), button);
}

// @actions: nodes for the head. @on: what is done when something is chosen: see page.js.
export function makeProfile(place, actions, on) {
  const title = element("h1");
  const detail = element("p", { class: "about" });
  const chips = element("ul", { class: "chips", "aria-label": "Filters" });
  const facts = element("dl", { class: "facts" });
  const warning = element("p", { class: "about low" });
  const hint = element("p", { class: "hint" });
  const modes = makeModes();
  const layout = makeSwitch("What is shown");
  const apart = makeSwitch("Containers in the graph");
  const apartButtons = [["Together", false], ["Apart", true]].map(([label, value]) =>
    clickable(element("button", { type: "button", "data-apart": value }, label), () => on.apart(value)),
  );
  apart.append(...apartButtons);
  const sides = element("section", { class: "sides", hidden: true });
  const panes = Object.fromEntries(["graph", "table", "function"].map((name) => [name, element("section", { class: `pane-${name}` })]));
  const body = element("div", { class: "body" }, panes.table, panes.graph, panes.function);
  const functions = element("div");
  const differences = element("div");
  place.replaceChildren(
    element("div", { class: "head" }, element("div", {}, title, detail, chips), element("div", { class: "actions" }, ...actions)),
    sides,
    facts,
    warning,
    hint,
    element("div", { class: "switches" }, modes, layout, apart),
    body,
  );
  panes.table.append(functions, differences);
  const top = makeTop(functions, { onPick: on.pick, onSort: on.sort });
  const differing = makeDifferences(differences, { onPick: on.pick });
  const compared = makeSides(sides, { onSwap: on.swap, onStop: on.stopComparing });
  const one = makeFunction(panes.function, { onPick: on.open, onZoom: on.zoom, onClose: () => on.show("both") });
  let graph = null;
  let isDifference = false;
  let whole = null; // the tree as it came
  let isApart = null;

  function draw(tree, view, different) {
    if (graph && isDifference !== different) {
      graph.destroy();
      graph = null;
    }
    isDifference = different;
    if (graph) graph.update(tree);
    else graph = flame(panes.graph, tree, { view, onView: on.view, onPick: different ? null : on.open });
  }

  // Draws the profile's tree, with the containers apart or as one.
  function drawTree(state) {
    const containers = whole.children?.length || 0;
    isApart = state.apart ?? containers <= apartMax;
    draw(isApart ? whole : together(whole), state.view, false);
  }

  function showApart(state) {
    const containers = whole?.children?.length || 0;
    apart.hidden = containers < 2 || Boolean(state.base) || panes.graph.hidden;
    for (const button of apartButtons) button.setAttribute("aria-pressed", String(button.dataset.apart === String(isApart)));
    if (whole && !state.base && (state.apart ?? containers <= apartMax) !== isApart) drawTree(state);
  }

  function showLayout(state) {
    const names = Object.keys(layouts).filter((name) => name !== "function" || (state.view.picked && !state.base));
    const shown = names.includes(state.show) ? state.show : "both";
    if (layout.dataset.names !== `${names}`) {
      layout.dataset.names = `${names}`;
      layout.replaceChildren(
        ...names.map((name) => clickable(element("button", { type: "button", "data-show": name }, layouts[name]), () => on.show(name))),
      );
    }
    for (const button of layout.children) button.setAttribute("aria-pressed", String(button.dataset.show === shown));
    body.dataset.show = state.base && shown === "both" ? "stacked" : shown;
    panes.graph.hidden = shown === "table" || shown === "function";
    panes.table.hidden = shown === "graph" || shown === "function";
    panes.function.hidden = shown !== "function";
  }

  return {
    // What follows from the state alone.
    set(state) {
      showLayout(state);
      const filters = Object.entries(state.labels).flatMap(([name, values]) => values.map((value) => [name, value]));
      chips.replaceChildren(...filters.map(([name, value]) => chip(name, value, () => on.unfilter(name, value))));
      chips.hidden = !filters.length;
      sides.hidden = !state.base;
      facts.hidden = Boolean(state.base);
      functions.hidden = Boolean(state.base);
      differences.hidden = !state.base;
      top.set(state.sort, state.upward, state.view.picked);
      one.setZooms(state.zooms);
      graph?.setView(state.view);
      showApart(state);
    },
    showHead({ name, about }, meta, groups) {
      title.textContent = name;
      detail.textContent = about;
      warning.textContent = coverageWarning(meta.coverage);
      warning.hidden = !warning.textContent;
      hint.textContent = `${meta.modes}` === "cpu" ? waitingHint : "";
      hint.hidden = !hint.textContent;
      modes.hidden = meta.modes.length < 2;
      showModes(modes, meta, on.mode);
      const last = Math.max(...groups.map(({ last_seen }) => last_seen));
      facts.replaceChildren(
        fact("Samples", count(meta.samples)),
        fact(modeWords[meta.mode].time, seconds(meta.seconds)),
        fact("On average", groups.length ? average(meta, groups) : "unknown"),
        ...(meta.coverage ? [fact(...coverageFact(meta.coverage))] : []),
        groups.length ? fact("Last seen", clock(last)) : "",
      );
    },
    showTree(tree, state) {
      whole = tree;
      drawTree(state);
    },
    showTop: (list) => top.show(list),
    showFunction: (answer, zooms) => one.show(answer, zooms),
    showComparison(answer, state) {
      compared.show(answer, state);
      differing.show(answer);
      draw(prepare(answer.tree, [answer.meta.base, answer.meta.new]), state.view, true);
    },
    destroy() {
      graph?.destroy();
      one.destroy();
    },
  };
}
