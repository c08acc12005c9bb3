// SPDX-License-Identifier: Apache-2.0
//
// The frames as elements: a tree to those who read it with their ears, in which one
// frame at a time can have the focus. An element stays its frame's from one drawing to
// the next, and so does the focus.

import { drawn, element } from "./dom.js";
import { shortPlace } from "./tip.js";

export const cellHeight = 22;
const labelWidth = 35; // pixels; narrower frames have no label
const letterWidth = 6.4; // of labels, on average; an estimate is enough to see whether a place has room
const labelPadding = 26;

function fillLabel(label, { name, file, line }, width) {
  const where = shortPlace(file, line);
  const room = (name.length + where.length) * letterWidth + labelPadding < width;
  const key = `${name}\n${room ? where : ""}`;
  if (label.key === key) return;
  label.key = key;
  label.replaceChildren(name, ...(where && room ? [" ", element("span", { class: "flame-where" }, where)] : []));
}

function makeFrame(node) {
  const rect = drawn("rect", { height: cellHeight });
  return { group: drawn("g", { role: "treeitem", tabindex: -1, "data-id": node.id }, rect), rect, label: null };
}

// Labels are for those frames that have room; most have not.
function setLabel(frame, node, width) {
  if (width < labelWidth) {
    frame.label?.remove();
    frame.label = null;
    return;
  }
  if (!frame.label) {
    frame.label = drawn("foreignObject", { height: cellHeight }, element("div", { class: "flame-label" }));
    frame.group.append(frame.label);
  }
  frame.label.setAttribute("width", width);
  fillLabel(frame.label.firstChild, node.data, width);
}

// @paint and @describe: the colour of a node, and what is said of it aloud.
export function makeDrawing(canvas, { label, paint, describe }) {
  const svg = canvas.appendChild(drawn("svg", { role: "tree", "aria-label": label }));
  let frames = new Map();
  let nodes = new Map();
  let current = null;

  function setFrame(frame, { node, x, width }, y, focus) {
    const { group, rect } = frame;
    group.style.transform = `translate(${x}px, ${y}px)`;
    rect.style.width = `${width}px`;
    rect.setAttribute("fill", paint(node));
    group.setAttribute("class", node.depth < focus.depth ? "frame fade" : "frame");
    group.setAttribute("name", node.data.name);
    group.setAttribute("aria-level", node.depth + 1);
    group.setAttribute("aria-label", describe(node));
    group.setAttribute("aria-selected", String(node.highlight));
    setLabel(frame, node, width);
  }

  // Draws what layout.js has placed. @up: callers stand below.
  function draw(placed, focus, width, up) {
    const rows = 1 + placed.reduce((most, { node }) => Math.max(most, node.depth), 0);
    const old = frames;
    frames = new Map();
    nodes = new Map();
    svg.setAttribute("width", width);
    svg.setAttribute("height", rows * cellHeight);
    for (const place of placed) {
      const { node } = place;
      const frame = old.get(node.id) || makeFrame(node);
      setFrame(frame, place, cellHeight * (up ? rows - 1 - node.depth : node.depth), focus);
      if (!frame.group.parentNode) svg.append(frame.group);
      frames.set(node.id, frame);
      nodes.set(node.id, node);
      old.delete(node.id);
    }
    for (const { group } of old.values()) group.remove();
    reach(nodes.get(current) || focus);
  }

  // Makes a frame the one that Tab leads to.
  function reach(node) {
    frames.get(current)?.group.setAttribute("tabindex", "-1");
    current = node.id;
    frames.get(current)?.group.setAttribute("tabindex", "0");
  }

  return {
    draw,
    reach,
    svg,
    current: () => nodes.get(current),
    has: (node) => frames.has(node.id),
    group: (node) => frames.get(node.id)?.group,
    // The node that an event is about, if it is about one.
    of: (event) => nodes.get(event.target.closest?.("g.frame")?.dataset.id),
    repaint() {
      for (const [id, { group, rect }] of frames) {
        rect.setAttribute("fill", paint(nodes.get(id)));
        group.setAttribute("aria-selected", String(nodes.get(id).highlight));
      }
    },
  };
}
