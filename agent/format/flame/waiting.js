// SPDX-License-Identifier: Apache-2.0
//
// Frames that say why a thread does not run: "[waits: GIL]", "[sleeps]". They have no
// file (agent/profile/reasons.c). Each kind has a colour, and the legend below the
// graph says how much of all time each kind takes.

import { element } from "./dom.js";
import { percent } from "./numbers.js";

const form = /^\[(waits for work|waits|sleeps|throttled|stopped|frozen)(?:: (.*))?\]$/s;
const locks = /^(lock(?! or GIL)|event$|event or condition$|barrier$|condition$|semaphore$|thread$|queue$|future$)/;

// Lightness and chroma of OKLCH, by theme; the hue is the kind's.
const tones = { light: [0.8, 0.09], dark: [0.66, 0.09] };

const kinds = {
  work: { label: "waits for work", hue: 265, pale: true },
  sleep: { label: "sleeps", hue: 220, pale: true },
  io: { label: "waits for I/O", hue: 245 },
  lock: { label: "waits for a lock", hue: 305 },
  gil: { label: "waits for the GIL", hue: 350 },
  cpu: { label: "waits for a CPU", hue: 40 },
  throttled: { label: "throttled by a CPU quota", hue: 20 },
  task: { label: "waits for a task", hue: 145 },
  loop: { label: "waits for its event loop", hue: 60 },
  other: { label: "waits for something else", hue: 190 },
  unknown: { label: "waits, not known why", hue: 330, pale: true },
};

const things = { GIL: "gil", CPU: "cpu", sleep: "sleep", unknown: "unknown", "lock or GIL": "unknown", task: "task", tasks: "task",
  "event loop": "loop", switch: "loop" };
const others = new Set(["child", "signal", "page", "stopped", "frozen"]);

// The kind of a frame; undefined if the frame is none of these.
export function kindOf(name, file) {
  const found = file ? null : form.exec(name);
  if (!found) return undefined;
  const [, state, thing] = found;
  if (state === "waits for work") return "work";
  if (state === "sleeps") return "sleep";
  if (state === "throttled") return "throttled";
  if (others.has(state) || others.has(thing)) return "other";
  return things[thing] || (locks.test(thing) ? "lock" : "io");
}

// The parts of OKLCH.
export function toneOf(kind, dark) {
  const [lightness, chroma] = dark ? tones.dark : tones.light;
  return [kinds[kind].pale ? lightness + 0.08 : lightness, kinds[kind].pale ? chroma / 2 : chroma, kinds[kind].hue];
}

function sums(tree) {
  const found = new Map();
  const stack = [tree];
  while (stack.length) {
    const node = stack.pop();
    const kind = kindOf(node.name, node.file);
    if (kind) found.set(kind, (found.get(kind) || 0) + node.value);
    stack.push(...(node.children || []));
  }
  return found;
}

// A list of the kinds that the tree has, with their shares; empty if it has none. @paint: the colour of a kind.
export function legend(tree, paint) {
  const found = sums(tree);
  const items = Object.keys(kinds)
    .filter((kind) => found.has(kind))
    .map((kind) => {
      const item = element("li", {}, kinds[kind].label, " ", element("b", {}, percent(found.get(kind), tree.value)));
      item.style.cssText = `--swatch: ${paint(kind)}`;
      return item;
    });
  return element("ul", { class: "flame-legend", "aria-label": "Why threads do not run", hidden: !items.length }, ...items);
}
