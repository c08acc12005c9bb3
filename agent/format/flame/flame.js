// SPDX-License-Identifier: Apache-2.0
//
// The flame graph: a tree of {name, value, file, line, children} in an element, with its
// toolbar and legends. Click or Enter zooms, arrows go from frame to frame, Ctrl-F
// searches, Esc clears the search, then the zoom. Used by the html format and by the
// collector's page.
//
//   const graph = flame(element, tree, { noun: "sample", view, onView, onPick });
//   graph.update(otherTree);  // keeps search, focus and, as far as it goes, the zoom
//   graph.setView(view);      // as view.js has it
//   graph.zoomTo(nodes);      // of the tree, from below the root to the one that is shown whole
//   graph.destroy();
//
// A bare one has no search, no direction and no legends: it stands beside others. onView(view, lasting) is told of each change; lasting are those that one would want to
// go back from. With onPick({name, file, kind}) a frame has a button that chooses its function.
//
// A tree of two profiles has been prepared by difference.js. What native.js hides is left out of what is drawn.

import { colour, dimmed, matched, nativeColour } from "./colours.js";
import * as difference from "./difference.js";
import { clickable, element } from "./dom.js";
import { cellHeight, makeDrawing } from "./drawing.js";
import { step } from "./keyboard.js";
import { findNode, follow, makeNodes, placeNodes, wayTo } from "./layout.js";
import { legendsOf } from "./legends.js";
import { makeNativeSwitch, nativeKind, nativeSums, without } from "./native.js";
import { counted, percent } from "./numbers.js";
import { mark, wanted } from "./search.js";
import { makeTip, sentence } from "./tip.js";
import { makeToolbar, showPicked } from "./toolbar.js";
import { usualView } from "./view.js";

const minWidth = 0.5; // pixels; narrower frames are not drawn
const searchDelay = 120; // milliseconds without a key before searching
const zoomTime = 260;

const darkQuery = window.matchMedia("(prefers-color-scheme: dark)");
const stillQuery = window.matchMedia("(prefers-reduced-motion: reduce)");

class Flame {
  constructor(parent, tree, { noun = "sample", view, onView = () => {}, onPick = null, label = "Flame graph", bare = false }) {
    Object.assign(this, { noun, onView, onPick, bare, whole: tree, found: [], hit: -1, touched: null, stop: new AbortController() });
    this.view = { ...usualView, ...view };
    this.root = parent.appendChild(element("section", { class: "flame" }));
    this.native = makeNativeSwitch((label) => this.change({ native: label }, true));
    this.bar = makeToolbar(this.root, this.native.group, bare);
    this.canvas = this.root.appendChild(element("div", { class: "flame-chart" }));
    this.legends = [this.root.appendChild(element("div"))];
    this.tip = makeTip(this.root, noun);
    const describe = (node) => sentence(node, noun);
    this.drawing = makeDrawing(this.canvas, { label, paint: (node) => this.paint(node), describe });
    this.listen();
    this.update(tree);
  }

  // ---- what is seen -----------------------------------------------------------

  paint(node) {
    const dark = darkQuery.matches;
    const { name, file, shares } = node.data;
    if (node.highlight) return matched(dark);
    if (this.root.hasAttribute("data-searching")) return dimmed(dark);
    if (shares) return difference.paint(node.data, dark);
    const kind = nativeKind(node.data);
    return kind ? nativeColour(kind, dark, name) : colour(name, file, dark);
  }

  // Draws what is not hidden. The switch is there if there is something to hide.
  update(tree) {
    this.whole = tree;
    this.native.group.hidden = !nativeSums(tree).size;
    const hidden = this.native.set(this.view.native);
    const data = this.native.group.hidden || !hidden.length ? tree : without(tree, hidden);
    const way = this.focus ? wayTo(this.focus).slice(1).map(({ id }) => id) : null;
    this.nodes = makeNodes(data);
    const zoomed = this.view.zoom && findNode(this.nodes, this.view.zoom);
    this.focus = zoomed || (this.view.zoom && way ? follow(this.nodes, way) : this.nodes);
    const legends = this.bare ? this.legends : legendsOf(data, darkQuery.matches);
    this.legends.slice(1).forEach((old) => old.remove());
    this.legends[0].replaceWith(...legends);
    this.legends = legends;
    this.showDirection();
    this.search(false);
    this.redraw();
  }

  redraw() {
    this.width = this.canvas.clientWidth;
    this.drawing.draw(placeNodes(this.focus, this.width, minWidth), this.focus, this.width, this.view.up);
    this.bar.reset.disabled = !this.focus.parent;
    this.showPlace();
  }

  // Where one is zoomed to, in full: a narrow frame's label has no room for it.
  showPlace() {
    const { at } = this.bar;
    at.hidden = !this.focus.parent;
    at.replaceChildren();
    if (at.hidden) return;
    const { name, file, kind } = this.focus.data;
    at.append(element("span", {}, sentence(this.focus, this.noun)));
    if (!this.onPick || !file) return;
    const pick = element("button", { type: "button" }, "Callers and callees");
    at.append(clickable(pick, () => this.onPick({ name, file, kind })));
  }

  showDirection() {
    this.bar.down.setAttribute("aria-pressed", String(!this.view.up));
    this.bar.up.setAttribute("aria-pressed", String(this.view.up));
  }

  move() {
    if (stillQuery.matches) return;
    clearTimeout(this.moving);
    this.drawing.svg.classList.add("flame-moving");
    this.moving = setTimeout(() => this.drawing.svg.classList.remove("flame-moving"), zoomTime + 50);
  }

  // ---- search -----------------------------------------------------------------

  search(scroll) {
    const { view, bar, nodes } = this;
    const { found, sum } = mark(nodes, wanted(view));
    const searching = Boolean(view.search || view.picked);
    this.found = found;
    this.hit = -1;
    if (document.activeElement !== bar.search || !searching) bar.search.value = view.search;
    showPicked(bar, view.picked, () => this.change({ picked: null }, true));
    this.root.toggleAttribute("data-searching", searching);
    const samples = nodes.data.shares ? "" : `, ${counted(sum, this.noun)}`;
    bar.matched.textContent = searching
      ? `${percent(sum, nodes.data.value)} matched${samples} in ${counted(found.length, "frame")}`
      : "";
    bar.next.hidden = found.length < 2;
    if (scroll && found.length) this.showHit(0);
  }

  // Scrolls to a frame that was found. It gets no focus: somebody is typing.
  showHit(i) {
    const count = this.found.length;
    if (!count) return;
    this.hit = (i + count) % count;
    const node = this.found[this.hit];
    if (!this.drawing.has(node)) this.change({ zoom: node.parent?.parent ? node.parent.id : null }, false);
    if (!this.drawing.has(node)) this.change({ zoom: node.id }, false);
    this.drawing.reach(node);
    this.scrollTo(node);
    for (const group of this.canvas.querySelectorAll(".flame-hit")) group.classList.remove("flame-hit");
    this.drawing.group(node)?.classList.add("flame-hit");
  }

  scrollTo(node) {
    const box = this.drawing.group(node)?.getBoundingClientRect();
    if (!box) return;
    const above = this.bar.box.getBoundingClientRect().bottom;
    if (box.top < Math.max(0, above) || box.bottom > window.innerHeight - cellHeight)
      window.scrollBy(0, box.top - Math.max(above, window.innerHeight / 3));
  }

  // ---- changes ------------------------------------------------------------------

  // @lasting: as in onView().
  change(what, lasting) {
    this.setView({ ...this.view, ...what });
    this.onView(this.view, lasting);
  }

  setView(view) {
    const before = this.view;
    this.view = { ...usualView, ...view };
    const sought = (one) => `${one.search}\n${one.picked?.name}\n${one.picked?.file}`;
    this.tip.hide();
    if (this.view.native !== before.native) return this.update(this.whole);
    if (this.view.zoom !== before.zoom) {
      this.focus = (this.view.zoom && findNode(this.nodes, this.view.zoom)) || this.nodes;
      this.move();
    }
    this.showDirection();
    const other = sought(this.view) !== sought(before);
    if (other) this.search(false);
    this.redraw();
    if (other && this.found.length) this.showHit(0);
    return undefined;
  }

  zoom(node) {
    this.drawing.reach(node);
    this.change({ zoom: node.parent ? node.id : null }, true);
  }

  // @way: nodes of the tree, from below the root to the one that is to be seen whole.
  zoomTo(way) {
    let node = this.nodes;
    for (const { name, file } of way) {
      const next = node.children.find(({ data }) => data.name === name && (data.file || "") === (file || ""));
      if (!next) break;
      node = next;
    }
    this.zoom(node);
    this.scrollTo(node);
  }

  clear() {
    if (this.view.search || this.view.picked) this.change({ search: "", picked: null }, true);
    else if (this.view.zoom) this.change({ zoom: null }, true);
    this.tip.hide();
  }

  // Gives a frame the focus. What is too narrow to be drawn is zoomed to.
  go(node) {
    if (!this.drawing.has(node)) this.change({ zoom: node.id }, true);
    this.drawing.reach(node);
    const group = this.drawing.group(node);
    group?.focus({ preventScroll: true });
    this.scrollTo(node);
    if (group) this.tip.atFrame(group, node);
  }

  // ---- events -------------------------------------------------------------------

  listen() {
    const on = (target, type, handler) => target.addEventListener(type, handler, { signal: this.stop.signal });
    const { bar, drawing } = this;
    on(bar.search, "input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.change({ search: bar.search.value.trim(), picked: null }, false), searchDelay);
    });
    on(bar.search, "keydown", (event) => {
      if (event.key === "Enter") this.showHit(this.hit + (event.shiftKey ? -1 : 1));
    });
    on(bar.next, "click", () => this.showHit(this.hit + 1));
    on(bar.reset, "click", () => this.change({ zoom: null }, true));
    on(bar.down, "click", () => this.change({ up: false }, true));
    on(bar.up, "click", () => this.change({ up: true }, true));
    on(drawing.svg, "click", (event) => this.onClick(event));
    on(drawing.svg, "pointermove", (event) => this.onPointer(event));
    on(drawing.svg, "pointerleave", () => this.tip.hide());
    on(drawing.svg, "focusout", () => this.tip.hide());
    on(drawing.svg, "focusin", (event) => {
      const node = drawing.of(event);
      if (node && event.target.matches(":focus-visible")) this.tip.atFrame(drawing.group(node), node);
    });
    on(drawing.svg, "keydown", (event) => this.onKey(event));
    if (!this.bare) on(window, "keydown", (event) => this.onWindowKey(event));
    on(darkQuery, "change", () => this.update(this.whole));
    this.resize = new ResizeObserver(() => {
      if (this.canvas.clientWidth && this.canvas.clientWidth !== this.width) this.redraw();
    });
    this.resize.observe(this.canvas);
  }

  // A finger cannot hover: its first tap on a frame tells, its second zooms.
  onClick(event) {
    const node = this.drawing.of(event);
    if (!node) return;
    if (event.pointerType === "touch" && this.touched !== node.id) {
      this.touched = node.id;
      this.drawing.reach(node);
      this.tip.atPointer(event, node, "Tap again to zoom");
      return;
    }
    this.touched = null;
    this.zoom(node);
  }

  onPointer(event) {
    if (event.pointerType === "touch") return;
    const node = this.drawing.of(event);
    if (node) this.tip.atPointer(event, node);
    else this.tip.hide();
  }

  onKey(event) {
    const node = this.drawing.of(event);
    if (!node || event.ctrlKey || event.metaKey || event.altKey) return undefined;
    if (event.key === "Enter" || event.key === " ") {
      this.zoom(node);
      this.drawing.group(node)?.focus({ preventScroll: true });
    } else {
      if (event.key === "Escape" && this.bare) return this.clear();
      const next = step(node, event.key, this.focus, this.view.up);
      if (next === undefined) return undefined;
      if (next) this.go(next);
    }
    return event.preventDefault();
  }

  onWindowKey(event) {
    if (event.key === "Escape" && !event.defaultPrevented) {
      this.clear();
    } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "f") {
      event.preventDefault();
      this.bar.search.focus();
      this.bar.search.select();
    }
  }

  destroy() {
    this.stop.abort();
    this.resize.disconnect();
    clearTimeout(this.timer);
    clearTimeout(this.moving);
    this.root.remove();
  }
}

export function flame(parent, tree, options = {}) {
  return new Flame(parent, tree, options);
}
