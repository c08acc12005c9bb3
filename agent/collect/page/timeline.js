// SPDX-License-Identifier: Apache-2.0
//
// The chart of time: bars of what each group used, where the collector has gaps, and where
// containers began. A range is chosen by dragging, or by two handles and the arrow keys.

import { drawn, element } from "../../format/flame/dom.js";
import { counted } from "../../format/flame/numbers.js";
import { makeBrush } from "./brush.js";
import { groupColour, othersColour } from "./palette.js";
import { clock, modeWords, period, seconds, valueName } from "./words.js";

const height = 96; // pixels of the bars
const top = 8; // and above them, for marks
const listed = 6; // groups that the tip names

// 1, 2 or 5 times a power of ten, not less than @most.
function ceiling(most) {
  const power = 10 ** Math.floor(Math.log10(most || 1));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= most);
}

function bars({ groups, meta }, from, scaleX, scaleY) {
  const sums = new Map();
  return groups.flatMap((group) =>
    group.seconds.map((value, i) => {
      if (!value) return null;
      const below = sums.get(i) || 0;
      const used = value / meta.step;
      sums.set(i, below + used);
      const left = scaleX(from + i * meta.step);
      const rect = drawn("rect", {
        x: left,
        y: top + height - scaleY(below + used),
        width: Math.max(0.5, scaleX(from + (i + 1) * meta.step) - left - 0.6),
        height: scaleY(used),
      });
      rect.style.fill = group.others ? othersColour : groupColour(meta.by, group.value);
      return rect;
    }),
  );
}

function gapBoxes(gaps, scaleX) {
  return gaps.map(({ from, to }) => {
    const title = drawn("title", {}, `nothing was stored from ${period(from, to)}`);
    const width = Math.max(2, scaleX(to) - scaleX(from));
    return drawn("rect", { class: "gap", x: scaleX(from), y: top, width, height }, title);
  });
}

function markSigns({ marks, meta: { by } }, scaleX) {
  return marks.map(({ at, value }) => {
    const x = scaleX(at);
    const title = drawn("title", {}, `${valueName(value, by)} started at ${clock(at)}`);
    return drawn("path", { class: "start", d: `M${x - 4} 0h8l-4 ${top}z` }, title);
  });
}

function sumAt({ groups }, i) {
  return groups.reduce((all, group) => all + (group.seconds[i] || 0), 0);
}

function number(n) {
  return n >= 10 ? n.toFixed(0) : n >= 1 ? n.toFixed(1) : n.toPrecision(2);
}

function ratesOf(rates) {
  const told = rates.filter(({ share }) => share >= 0.005);
  const one = ({ hz, share }) => `${Math.round(hz)} Hz${told.length > 1 ? ` (${Math.round(100 * share)} %)` : ""}`;
  return told.length ? `sampled at ${told.map(one).join(", ")}` : "";
}

// What the chart shows, in words.
function sentenceOf(answer, from) {
  const { meta, gaps, marks } = answer;
  const steps = Math.max(0, ...answer.groups.map((group) => group.seconds.length));
  const sums = Array.from({ length: steps }, (_, i) => sumAt(answer, i) / meta.step);
  const most = Math.max(0, ...sums);
  const unit = modeWords[meta.mode].unit;
  const peak = most ? `at most ${number(most)} ${unit} at ${clock(from + sums.indexOf(most) * meta.step)}` : "nothing";
  const others = [[gaps, "gap"], [marks, "start"]].filter(([list]) => list.length).map(([list, noun]) => counted(list.length, noun));
  return [`${modeWords[meta.mode].time} by ${meta.by}, ${period(meta.from, meta.to)}: ${peak}`, ...others].join(", ");
}

// What was used in one step, the most first.
function tipOf(answer, from, i) {
  const { meta, groups } = answer;
  const at = from + i * meta.step;
  const unit = modeWords[meta.mode].unit;
  const parts = groups
    .map((group) => [group.others ? "(others)" : valueName(group.value, meta.by), (group.seconds[i] || 0) / meta.step])
    .filter(([, used]) => used > 0)
    .sort(([, a], [, b]) => b - a);
  const lines = parts.slice(0, listed).map(([name, used]) => `${number(used)} ${name}`);
  const more = parts.length > listed ? [`and ${parts.length - listed} more`] : [];
  return [`${clock(at)}, ${seconds(meta.step)}: ${number(sumAt(answer, i) / meta.step)} ${unit}`, ...lines, ...more].join("\n");
}

// @onRange(from, to) in Unix seconds.
export function makeTimeline(parent, { onRange }) {
  const scale = element("p", { class: "scale" });
  const picture = element("div", { class: "bars" });
  const svg = picture.appendChild(drawn("svg", { role: "img", height: top + height }));
  const tip = element("div", { class: "chart-tip", hidden: true });
  const axis = element("div", { class: "axis", "aria-hidden": "true" });
  let answer = null;
  const brush = makeBrush(picture, { onRange, tip, textAt: (at) => textAt(at) });
  picture.append(tip);
  parent.append(scale, picture, axis);

  function textAt(at) {
    const from = answer.meta.start;
    return tipOf(answer, from, Math.floor((at - from) / answer.meta.step));
  }

  function draw() {
    const { meta } = answer;
    const width = picture.clientWidth;
    const from = meta.start;
    const steps = Math.max(0, ...answer.groups.map((group) => group.seconds.length));
    const most = ceiling(Math.max(0, ...Array.from({ length: steps }, (_, i) => sumAt(answer, i) / meta.step)));
    const scaleX = (at) => (width * (at - meta.from)) / (meta.to - meta.from);
    const scaleY = (used) => (height * used) / most;
    svg.setAttribute("width", width);
    svg.setAttribute("aria-label", sentenceOf(answer, from));
    svg.replaceChildren(
      ...[...gapBoxes(answer.gaps, scaleX), ...bars(answer, from, scaleX, scaleY), ...markSigns(answer, scaleX)].filter(Boolean),
    );
    scale.replaceChildren(
      element("span", {}, `${number(most)} ${modeWords[meta.mode].unit}`),
      element("span", {}, [ratesOf(answer.rates), answer.gaps.length && `${counted(answer.gaps.length, "gap")} of the collector`].filter(Boolean).join(" · ")),
    );
    axis.replaceChildren(...[0, 0.25, 0.5, 0.75, 1].map((part) => element("span", {}, clock(meta.from + part * (meta.to - meta.from)))));
    brush.set(meta);
  }

  new ResizeObserver(() => answer && draw()).observe(picture);

  return {
    show(timeline) {
      answer = timeline;
      parent.hidden = !timeline;
      if (timeline) draw();
    },
  };
}
