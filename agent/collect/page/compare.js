// SPDX-License-Identifier: Apache-2.0
//
// Two selections side by side: what is compared, in words, and the table of functions
// whose shares differ, with what is known of the difference.

import { points } from "../../format/flame/difference.js";
import { element } from "../../format/flame/dom.js";
import { counted } from "../../format/flame/numbers.js";
import { functionCell } from "./top.js";
import { period, valueName } from "./words.js";

const columns = ["Verdict", "Function", "Points", "95 %", "Base", "New", "p"];

function share(part) {
  return `${(100 * part).toFixed(2)} %`;
}

function chance(p) {
  if (p == null) return "";
  return p < 0.0001 ? "< 0.0001" : p.toFixed(4);
}

function row(f, onPick) {
  const numbers = [
    points(f.points / 100),
    f.low == null ? "" : `${points(f.low / 100)} to ${points(f.high / 100)}`,
    share(f.base),
    share(f.new),
    chance(f.p),
  ];
  const picked = { name: f.function, file: f.file };
  const what = functionCell(picked, () => onPick(picked));
  if (f.folded?.length) {
    const names = f.folded.map((one) => one.function || one).join(", ");
    what.append(element("p", { class: "quiet", title: names }, `${counted(f.folded.length, "caller")} changed by this: ${names}`));
  }
  return element(
    "tr",
    {},
    element("td", { class: `verdict ${f.verdict}` }, f.verdict),
    what,
    ...numbers.map((text) => element("td", { class: "number" }, text)),
  );
}

export function makeDifferences(parent, { onPick }) {
  const head = columns.map((label) =>
    element("th", { scope: "col", class: label === "Function" || label === "Verdict" ? "" : "number" }, label),
  );
  const body = element("tbody");
  const sentence = element("p", { class: "about" });
  parent.append(
    sentence,
    element(
      "div",
      { class: "wide", tabindex: 0, role: "region", "aria-label": "What differs" },
      element("table", { class: "functions differences", "aria-label": "What differs" }, element("thead", {}, element("tr", {}, ...head)), body),
    ),
  );
  return {
    show(answer) {
      sentence.textContent = answer.sentence || "";
      body.replaceChildren(...answer.functions.map((f) => row(f, onPick)));
    },
  };
}

// Of one side: its time, and what was chosen of it.
function describe({ from, to }, chosen) {
  const texts = Object.entries(chosen).map(([name, values]) => `${name} ${values.map((value) => valueName(value, name)).join(" or ")}`);
  return [...texts, period(from, to)].join(", ");
}

// A line that says what is compared, with ways out.
export function makeSides(parent, { onSwap, onStop }) {
  const base = element("p", {});
  const now = element("p", {});
  const swap = element("button", { type: "button" }, "Swap");
  const stop = element("button", { type: "button" }, "Stop comparing");
  swap.addEventListener("click", onSwap);
  stop.addEventListener("click", onStop);
  parent.append(element("div", {}, base, now), element("div", { class: "actions" }, swap, stop));
  return {
    show({ meta }, state) {
      const side = (name, one, chosen) => [element("b", {}, name), ` ${describe(one, chosen)}, ${counted(one.samples, "sample")}`];
      base.replaceChildren(...side("Base", meta.base, { ...state.labels, ...state.base.labels }));
      now.replaceChildren(...side("New", meta.new, state.labels));
    },
  };
}
