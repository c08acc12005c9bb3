// SPDX-License-Identifier: Apache-2.0
//
// The list of what ran, grouped by a label: containers, versions, nodes.

import { element } from "../../format/flame/dom.js";
import { count, counted, percent } from "../../format/flame/numbers.js";
import { groupColour } from "./palette.js";
import { labels } from "./state.js";
import { clock, fitNames, modeWords, seconds, valueName, widthOf } from "./words.js";

const nameFont = "13px system-ui, sans-serif";
const markFont = "11px system-ui, sans-serif";
const boldRoom = 0.9; // bold letters are wider
const rowParts = 94; // pixels of a row that its name does not get: swatch, share, gaps
const leastRoom = 60;
const silentAfter = 60; // seconds without a sample before the end of the range

function makeControls(parent) {
  const choice = element("select", { "aria-label": "Group by" });
  choice.append(...Object.keys(labels).map((name) => element("option", { value: name }, name)));
  const filter = element("input", {
    type: "search",
    placeholder: "Filter",
    "aria-label": "Filter the list",
    spellcheck: "false",
    autocomplete: "off",
  });
  const sum = element("p", { class: "sum", role: "status" });
  parent.append(element("div", { class: "controls" }, choice, filter), sum);
  return { choice, filter, sum };
}

// What is worth a mark: that a group's containers were replaced, that it is silent, that much of it was not seen.
function marksOf({ instances, last_seen: last, coverage }, to) {
  const marks = [];
  if (instances > 1) marks.push({ short: `×${instances}`, long: `${instances} instances, one after the other or at once` });
  if (last < to - silentAfter) marks.push({ short: "silent", long: `no sample since ${clock(last)}` });
  if (coverage?.low) marks.push({ short: `coverage ${percent(coverage.share, 1)}`, long: "coverage is low", low: true });
  return marks;
}

function titleOf(group, name, words) {
  const starts = (group.starts || []).slice(0, 12).map(clock).join(", ");
  return [
    name,
    `${seconds(group.seconds)} of ${words.time}, ${counted(group.samples, "sample")}`,
    `${clock(group.first_seen)} to ${clock(group.last_seen)}`,
    starts && `started ${starts}`,
    group.coverage && `coverage ${percent(group.coverage.share, 1)}`,
  ]
    .filter(Boolean)
    .join("\n");
}

function makeRow() {
  const row = {
    button: element("button", { type: "button", class: "entry" }),
    heard: element("span", { class: "heard" }),
    swatch: element("i", { class: "swatch" }),
    name: element("span", { class: "name" }),
    marks: element("span", { class: "marks" }),
    share: element("span", { class: "share" }),
  };
  // What is seen may be cut; what is heard is whole.
  const seen = [row.swatch, row.name, row.marks, row.share];
  for (const part of seen) part.setAttribute("aria-hidden", "true");
  row.button.append(row.heard, ...seen);
  return row;
}

// @onChoose(values of the label): null is everything. @onGroup(name of a label). @onFilter(text).
export function makeGroups(parent, { onChoose, onGroup, onFilter }) {
  const { choice, filter, sum } = makeControls(parent);
  const list = element("div", { class: "list" });
  const rows = new Map();
  let shown = { groups: [], meta: null, chosen: [], charted: new Set() };
  parent.append(list);

  function rowOf(key) {
    if (!rows.has(key)) {
      const row = makeRow();
      row.button.addEventListener("click", (event) => choose(key, event.ctrlKey || event.metaKey || event.shiftKey));
      rows.set(key, row);
    }
    return rows.get(key);
  }

  // With a key held down, one more.
  function choose(key, more) {
    if (key === null) return onChoose(null);
    if (!more) return onChoose([key]);
    const left = shown.chosen.filter((value) => value !== key);
    return onChoose(left.length < shown.chosen.length ? left : [...left, key]);
  }

  function fill(row, { key, name, text, share, marks = [], title, colour }) {
    row.button.title = title;
    row.heard.textContent = [name, percent(share, 1), ...marks.map(({ long }) => long)].join(", ");
    if (isChosen(key)) row.button.setAttribute("aria-current", "true");
    else row.button.removeAttribute("aria-current");
    row.swatch.style.background = colour || "none";
    row.name.textContent = text;
    row.name.classList.toggle("whole", text === name && key !== null);
    row.marks.replaceChildren(...marks.map(({ short, long, low }) => element("span", { class: low && "low", title: long }, short)));
    row.share.textContent = percent(share, 1);
    row.button.style.setProperty("--share", key === null ? "0%" : `${Math.min(100, 100 * share).toFixed(2)}%`);
  }

  function isChosen(key) {
    return key === null ? !shown.chosen.length : shown.chosen.includes(key);
  }

  function place(wanted) {
    const focused = list.contains(document.activeElement) ? document.activeElement : null;
    wanted.forEach((node, i) => list.children[i] !== node && list.insertBefore(node, list.children[i] || null));
    while (list.children.length > wanted.length) list.lastChild.remove();
    if (focused && focused !== document.activeElement && list.contains(focused)) focused.focus({ preventScroll: true });
  }

  function draw() {
    const { groups, meta } = shown;
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const taken = groups.filter(({ value }) => words.every((word) => valueName(value, meta.by).toLowerCase().includes(word)));
    const whole = groups.reduce((all, group) => all + group.seconds, 0) || 1;
    tell(taken, words.length > 0, whole);
    if (!meta) return place([]);
    const marks = new Map(taken.map((group) => [valueName(group.value, meta.by), marksOf(group, meta.to)]));
    const chosen = new Set(shown.chosen.map((value) => valueName(value, meta.by)));
    const roomOf = (name) => {
      const used = marks.get(name).reduce((all, { short }) => all + 6 + widthOf(short, markFont), 0);
      return Math.max(leastRoom, list.clientWidth - rowParts - used) * (chosen.has(name) ? boldRoom : 1);
    };
    const texts = fitNames([...marks.keys()], roomOf, nameFont);
    const nodes = [];
    if (groups.length > 1 && !words.length) {
      fill(rowOf(null), { key: null, name: "Everything", text: "Everything", share: 1, title: "All of the list" });
      nodes.push(rowOf(null).button);
    }
    for (const group of taken) {
      const name = valueName(group.value, meta.by);
      const colour = shown.charted.has(group.value) && groupColour(meta.by, group.value);
      const share = group.seconds / whole;
      const title = titleOf(group, name, modeWords[meta.mode]);
      fill(rowOf(group.value), { key: group.value, name, text: texts.get(name), share, marks: marks.get(name), title, colour });
      nodes.push(rowOf(group.value).button);
    }
    return place(nodes);
  }

  // How many the filter takes, and how much they are together.
  function tell(taken, filtered, whole) {
    const { groups, meta } = shown;
    if (!meta) return sum.replaceChildren();
    const time = taken.reduce((all, group) => all + group.seconds, 0);
    const samples = taken.reduce((all, group) => all + group.samples, 0);
    const of = filtered ? `${count(taken.length)} of ${count(groups.length)}` : count(groups.length);
    const share = filtered ? `, ${percent(time, whole)}` : "";
    const more = meta.groups > groups.length ? ` (${count(meta.groups - groups.length)} smaller ones are not listed)` : "";
    const plural = labels[meta.by];
    const what = groups.length === 1 && !more ? plural.slice(0, -1) : plural;
    return sum.replaceChildren(`${of} ${what}: ${seconds(time)}${share}, ${counted(samples, "sample")}${more}`);
  }

  choice.addEventListener("change", () => onGroup(choice.value));
  filter.addEventListener("input", () => {
    draw();
    onFilter(filter.value);
  });
  new ResizeObserver(() => shown.meta && draw()).observe(list);

  return {
    // @charted: the values that have a colour in the chart.
    show({ groups, meta }, chosen, charted) {
      shown = { groups, meta, chosen, charted };
      choice.value = meta.by;
      for (const key of rows.keys()) if (key !== null && !groups.some(({ value }) => value === key)) rows.delete(key);
      draw();
    },
    set({ filter: text }) {
      if (document.activeElement !== filter && filter.value !== text) {
        filter.value = text;
        if (shown.meta) draw();
      }
    },
  };
}
