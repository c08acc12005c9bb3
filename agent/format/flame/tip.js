// SPDX-License-Identifier: Apache-2.0
//
// What is told of a frame: beside the pointer, beside the focus, and in words for those
// who hear it.

import * as difference from "./difference.js";
import { element } from "./dom.js";
import { counted, percent } from "./numbers.js";

const gap = 14; // pixels between the tip and what it is about

export function place(file, line) {
  return line ? `${file}:${line}` : file;
}

function self(node) {
  return node.children.reduce((rest, { data }) => rest - data.value, node.data.value);
}

function whole(node) {
  let at = node;
  while (at.parent) at = at.parent;
  return at.data.value;
}

function rows(node, noun) {
  const all = whole(node);
  const cell = (text) => element("td", {}, text);
  const row = (label, n) =>
    element("tr", {}, element("th", { scope: "row" }, label), cell(percent(n, all)), cell(counted(n, noun)));
  return [row("Total", node.data.value), row("Self", self(node))];
}

// The end of a path is what tells files apart. "" for what is no file.
export function shortPlace(file, line) {
  const name = file && !file.startsWith("<") ? file.split("/").filter(Boolean).at(-1) || file : "";
  return name && line ? `${name}:${line}` : name;
}

// "hot a.py:9, 12.3 %, 42 samples, /app/a.py": it begins as what is seen on the frame.
export function sentence(node, noun) {
  const { name, file, line, shares, value } = node.data;
  const share = shares ? difference.phrase(node.data) : `${percent(value, whole(node))}, ${counted(value, noun)}`;
  return [`${name} ${shortPlace(file, line)}`.trim(), share, file].filter(Boolean).join(", ");
}

function describe(node, noun, hint) {
  const { name, file, line, shares } = node.data;
  return [
    element("strong", {}, name),
    file ? element("span", { class: "flame-place" }, place(file, line)) : null,
    element("table", {}, element("tbody", {}, ...(shares ? difference.rows(node.data) : rows(node, noun)))),
    hint ? element("span", { class: "flame-hint" }, hint) : null,
  ].filter(Boolean);
}

export function makeTip(parent, noun) {
  const box = parent.appendChild(element("div", { class: "flame-tip", role: "tooltip", hidden: true }));

  function moveTo(x, y, below = gap) {
    const { offsetWidth: width, offsetHeight: height } = box;
    const left = x + gap + width > window.innerWidth ? Math.min(x - gap, window.innerWidth - 4) - width : x + gap;
    const top = y + below + height > window.innerHeight ? y - gap - height : y + below;
    box.style.left = `${Math.max(4, left)}px`;
    box.style.top = `${Math.max(4, top)}px`;
  }

  function show(node, hint) {
    box.replaceChildren(...describe(node, noun, hint));
    box.hidden = false;
  }

  return {
    atPointer(event, node, hint) {
      show(node, hint);
      moveTo(event.clientX, event.clientY);
    },
    atFrame(group, node) {
      const { left, top, height } = group.getBoundingClientRect();
      show(node);
      moveTo(Math.max(0, left), top, height + 4);
    },
    hide() {
      box.hidden = true;
    },
  };
}
