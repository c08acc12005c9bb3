// SPDX-License-Identifier: Apache-2.0
//
// Frames of native code: nodes with a kind, "c", "internal" or "kernel" (see
// format_write_tree()). Most of them say how the interpreter calls, so these are hidden
// unless one asks for them. A hidden frame's time is its caller's. Where no caller is
// left, the thread is "(native)", as in what `podflame convert --hide native` writes.

import { element } from "./dom.js";
import { percent } from "./numbers.js";

// What can be shown, and the kinds that are hidden then.
const views = [
  { label: "Everything", title: "All frames of Python, C and the kernel", hidden: [] },
  {
    label: "Hide interpreter internals",
    title: "Without the frames of C by which the interpreter calls functions and starts programs",
    hidden: ["internal"],
    usual: true,
  },
  { label: "Python only", title: "Without frames of C and the kernel", hidden: ["internal", "c", "kernel"] },
];

// Hue, lightness and chroma in light and dark.
const tones = {
  c: { hue: 325, light: [0.85, 0.085], dark: [0.73, 0.085] },
  kernel: { hue: 55, light: [0.75, 0.05], dark: [0.65, 0.05] },
};

const labels = { c: "C code", kernel: "the kernel" };

// "c" or "kernel"; undefined for Python.
export function nativeKind(node) {
  return node.kind === "internal" ? "c" : node.kind;
}

// The parts of OKLCH.
export function nativeTone(kind, dark) {
  const { hue, light, dark: night } = tones[kind];
  return [...(dark ? night : light), hue];
}

// ---- views ------------------------------------------------------------------

function identity(node) {
  return `${node.name}\n${node.file ?? ""}\n${node.line ?? ""}\n${node.kind ?? ""}`;
}

function ownTime(node) {
  return (node.children ?? []).reduce((rest, { value }) => rest - value, node.value);
}

// The children of several nodes as one list of groups: equal ones together. Those of hidden nodes stand in their places.
// Only frames have files: what is hidden below a container, a process or a thread has no caller.
function visibleChildren(nodes, hidden) {
  const found = new Map();
  const add = (node) => {
    const key = identity(node);
    if (found.has(key)) found.get(key).push(node);
    else found.set(key, [node]);
  };
  const orphaned = nodes.every(({ file, kind, shares }) => !file && !kind && !shares);
  const stack = nodes.flatMap((node) => node.children ?? []).reverse();
  while (stack.length) {
    const node = stack.pop();
    if (hidden.has(node.kind)) {
      stack.push(...[...(node.children ?? [])].reverse());
      if (orphaned && ownTime(node)) add({ name: "(native)", value: ownTime(node) });
    } else {
      add(node);
    }
  }
  return [...found.values()];
}

// One node of several equal ones. Those of a comparison have more than a value: see difference.js.
function joined(nodes) {
  const sum = (of) => nodes.reduce((all, node) => all + of(node), 0);
  const { children: _, ...node } = nodes[0];
  node.value = sum(({ value }) => value);
  if (!node.shares) return node;
  return {
    ...node,
    base: sum(({ base }) => base),
    now: sum(({ now }) => now),
    shares: node.shares.map((_share, side) => sum(({ shares }) => shares[side])),
  };
}

// The tree without the nodes of hidden kinds. It is another tree: this one stays as it is. Values are kept: what a
// hidden node had for itself is its caller's.
export function without(tree, kinds) {
  const hidden = new Set(kinds);
  const root = joined([tree]);
  const todo = [[root, [tree]]];
  while (todo.length) {
    const [parent, nodes] = todo.pop();
    const groups = visibleChildren(nodes, hidden);
    if (!groups.length) continue;
    parent.children = groups.map((group) => {
      const child = joined(group);
      todo.push([child, group]);
      return child;
    });
  }
  return root;
}

// ---- controls ---------------------------------------------------------------

// The time of each kind's own code.
export function nativeSums(tree) {
  const found = new Map();
  const stack = [tree];
  while (stack.length) {
    const node = stack.pop();
    const children = node.children ?? [];
    const kind = nativeKind(node);
    if (kind) found.set(kind, (found.get(kind) ?? 0) + ownTime(node));
    stack.push(...children);
  }
  return found;
}

// A list of the kinds that the tree has, with the shares of their own time; empty if it has none, or if colours stand
// for something else.
export function nativeLegend(tree, paint) {
  const sums = tree.shares ? new Map() : nativeSums(tree);
  const items = Object.keys(labels)
    .filter((kind) => sums.has(kind))
    .map((kind) => {
      const share = element("b", {}, percent(sums.get(kind), tree.value));
      const item = element("li", {}, labels[kind], " ", share);
      item.style.cssText = `--swatch: ${paint(kind)}`;
      return item;
    });
  return element("ul", { class: "flame-legend", "aria-label": "Native code", hidden: !items.length }, ...items);
}

// The switch. @onChange gets the label of the view that was chosen. set(label) shows a view as chosen, the usual one if
// there is none of that name, and returns the kinds that it hides.
export function makeNativeSwitch(onChange) {
  const group = element("div", { class: "flame-switch flame-native", role: "group", "aria-label": "Native code" });
  const buttons = views.map(({ label, title }) => {
    const button = element("button", { type: "button", title }, label);
    button.addEventListener("click", () => onChange(label));
    return button;
  });
  group.hidden = true;
  group.append(...buttons);
  return {
    group,
    set(wanted) {
      const view = views.find(({ label }) => label === wanted) || views.find(({ usual }) => usual);
      buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(views[i] === view)));
      return view.hidden;
    },
  };
}
