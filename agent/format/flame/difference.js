// SPDX-License-Identifier: Apache-2.0
//
// Two profiles in one flame graph. A node has the samples of both, "base" and
// "value"; it is drawn as wide as the mean of its two shares, so that what is new and
// what is gone both show. Colour says how its share changed: orange grew, blue
// shrank, which all common kinds of colour blindness tell apart.

import { element } from "./dom.js";
import { counted } from "./numbers.js";

const themes = {
  light: { grown: [214, 94, 0], shrunk: [0, 100, 178], same: [232, 232, 236] },
  dark: { grown: [255, 140, 50], shrunk: [82, 166, 236], same: [142, 144, 154] },
};

// The change, relative to the larger of both shares, at which the colour is full.
const full = 0.5;

// Gives every node its width and its shares.
export function prepare(tree, [base, now]) {
  const stack = [tree];
  while (stack.length) {
    const node = stack.pop();
    node.now = node.value;
    node.shares = [base.samples ? node.base / base.samples : 0, now.samples ? node.now / now.samples : 0];
    node.value = (node.shares[0] + node.shares[1]) / 2;
    stack.push(...(node.children || []));
  }
  return tree;
}

export function change(node) {
  return node.shares[1] - node.shares[0];
}

export function paint(node, dark) {
  const theme = dark ? themes.dark : themes.light;
  const largest = Math.max(...node.shares);
  const strength = largest ? Math.min(1, Math.abs(change(node)) / largest / full) : 0;
  const to = change(node) > 0 ? theme.grown : theme.shrunk;
  const mixed = theme.same.map((from, i) => Math.round(from + (to[i] - from) * strength * 0.8));
  return `rgb(${mixed.join(", ")})`;
}

export function swatch(direction, dark) {
  const shares = { grown: [0, 1], shrunk: [1, 0], same: [1, 1] };
  return paint({ shares: shares[direction] }, dark);
}

export function points(difference) {
  const text = (100 * difference).toFixed(2);
  return `${difference >= 0 ? "+" : ""}${text}`;
}

function share(part) {
  return `${(100 * part).toFixed(2)} %`;
}

// The same in words.
export function phrase(node) {
  return `${share(node.shares[0])} to ${share(node.shares[1])}, ${points(change(node))} points`;
}

// Rows of the tip: this node's shares on both sides.
export function rows(node) {
  const row = (label, ...texts) =>
    element("tr", {}, element("th", { scope: "row" }, label), ...texts.map((text) => element("td", {}, text)));
  const state = !node.base ? "new" : !node.now ? "gone" : "";
  return [
    row("Base", share(node.shares[0]), counted(node.base, "sample")),
    row("New", share(node.shares[1]), counted(node.now, "sample")),
    row("Change", `${points(change(node))} points`, state),
  ];
}
