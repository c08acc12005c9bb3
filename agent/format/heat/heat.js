// SPDX-License-Identifier: Apache-2.0
//
// The page of the heat format: the files by their shares, and the chosen file's lines.
// heat.c says what the data in the page is.
//
// The address ends in #f2 or #f2L17: the file with index 2, and its line 17.

import { coverageFact, coverageWarning } from "../flame/coverage.js";
import { element } from "../flame/dom.js";
import { count, counted, duration, percent } from "../flame/numbers.js";
import { showLines } from "./lines.js";
import { heatOf, range } from "./shares.js";

const data = JSON.parse(document.getElementById("profile").textContent);
const main = document.getElementById("heat");
const hottestShown = 10;

const modes = { cpu: "CPU time", wall: "Wall time", gil: "GIL holder", blame: "Waiting for the GIL" };

// ---- the head ---------------------------------------------------------------

function names() {
  const known = data.meta.resources.map(
    (r) => r["container.name"] || r["k8s.pod.name"] || r["service.name"] || r["process.executable.name"],
  );
  return [...new Set(known.filter(Boolean))];
}

function title() {
  const found = names();
  if (found.length === 0) return "Lines";
  return found.length > 3 ? `${found.slice(0, 3).join(", ")} and ${found.length - 3} more` : found.join(", ");
}

function showHeader() {
  const { meta, samples } = data;
  const facts = [
    ["Samples", count(samples)],
    ["Duration", meta.duration_ms && duration(meta.duration_ms)],
    ["Measured", modes[meta.mode] || meta.mode],
    coverageFact(meta.coverage),
  ].filter(([, value]) => value);
  const notes = [
    data.intervals &&
      "Shares are of all samples. Their intervals are what chance allows in 95 of 100 cases if samples are independent; those of one long wait are not.",
    data.origin,
    data.left_out > 0 && `${counted(data.left_out, "more file")} are shown without source: there were too many.`,
  ];
  document.getElementById("header").append(
    element("div", { class: "brand" }, "podflame"),
    element("h1", {}, title()),
    element(
      "dl",
      { class: "facts" },
      ...facts.map(([label, value, detail]) =>
        element("div", { title: detail }, element("dt", {}, label), element("dd", {}, value)),
      ),
    ),
    ...notes.filter(Boolean).map((text) => element("p", { class: "about" }, text)),
    element("p", { class: "about low" }, coverageWarning(meta.coverage)),
  );
  document.title = `${title()} · lines · podflame`;
}

// ---- lists ------------------------------------------------------------------

function shares([self, total]) {
  const cell = (name, n) => element("span", { class: "share" }, element("span", { class: "sr" }, `${name} `), percent(n, data.samples));
  return [cell("self", self), cell("total", total)];
}

// A button with shares. @interval: its parts, for the tip.
function item(text, counts, attributes, click) {
  const button = element(
    "button",
    { type: "button", title: range(counts, data), ...attributes },
    ...shares(counts),
    element("span", { class: "name" }, text),
  );
  button.style.setProperty("--heat", heatOf(counts[0], data));
  button.addEventListener("click", click);
  return element("li", {}, button);
}

function list(label, items) {
  const head = element("p", { class: "columns", "aria-hidden": "true" }, element("span", { class: "share" }, "self"), element("span", { class: "share" }, "total"));
  return element("nav", { "aria-label": label }, element("h2", {}, label), head, element("ol", {}, ...items));
}

const place = (file, line) => `${file}:${line || "?"}`;

function hottest() {
  const all = data.files.flatMap((file, index) => file.lines.map((line) => ({ index, line })));
  const found = all
    .filter(({ line }) => line[1][0] > 0)
    .sort((a, b) => b.line[1][0] - a.line[1][0] || b.line[1][1] - a.line[1][1])
    .slice(0, hottestShown);
  const text = ({ index, line: [number, , name] }) => {
    const { file, source } = data.files[index];
    return `${place(file, number)}  ${source?.[number - 1]?.trim() || name || ""}`;
  };
  return list("Hottest lines", found.map((hot) =>
    item(text(hot), hot.line[1], { class: "hot-line" }, () => go(hot.index, hot.line[0]))));
}

function fileList() {
  return list("Files", data.files.map((file, index) =>
    item(file.file, file.count, { class: "file", "data-index": index }, () => go(index))));
}

function functionList(index) {
  const { functions, lines } = data.files[index];
  const firstOf = (name, first) => first || lines.find(([, , of]) => of === name)?.[0];
  return list("Functions of this file", functions.map(([name, first, counts]) =>
    item(first ? `${name}, line ${first}` : name, counts, { class: "function" }, () => go(index, firstOf(name, first)))));
}

// ---- the chosen file --------------------------------------------------------

const chosen = element("section", { id: "chosen", "aria-label": "Lines of the chosen file" });
let shown;

function without({ file, why }) {
  if (why) return `No source: ${why}. Only lines with samples are shown.`;
  return file.startsWith("<")
    ? "This is no file, so there is no source. Only lines with samples are shown."
    : "No source was recorded. Only lines with samples are shown; record --source, or convert --source, adds it.";
}

function showFile(index) {
  const file = data.files[index];
  const view = showLines(file, data);
  chosen.replaceChildren(
    element("h2", { id: "file-name" }, file.file),
    element("p", { class: "about" }, file.source ? `${counted(file.source.length, "line")}; ` : "", `self ${percent(file.count[0], data.samples)}, total ${percent(file.count[1], data.samples)}`),
    file.source ? "" : element("p", { class: "about" }, without(file)),
    functionList(index),
    element("p", { class: "about keys" }, "In the lines: ", element("kbd", {}, "↑"), " ", element("kbd", {}, "↓"), " next line with samples, ", element("kbd", {}, "n"), " ", element("kbd", {}, "p"), " next hottest and back, ", element("kbd", {}, "Esc"), " closes the tip"),
    view.element,
  );
  for (const button of main.querySelectorAll("button.file")) {
    if (Number(button.dataset.index) === index) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  shown = { index, view };
}

function go(index, line) {
  const hash = `#f${index}${line ? `L${line}` : ""}`;
  if (window.location.hash === hash) follow();
  else window.location.hash = hash;
}

// Shows what the address says.
function follow() {
  const [, index = "0", line] = /^#f(\d+)(?:L(\d+))?$/.exec(window.location.hash) || [];
  if (!data.files[Number(index)]) return;
  if (shown?.index !== Number(index)) showFile(Number(index));
  if (line) shown.view.goTo(Number(line));
  else if (window.location.hash) chosen.scrollIntoView({ block: "start" });
}

showHeader();
if (data.files.length === 0) {
  main.append(element("p", { class: "empty" }, data.samples ? "No sample is of a line of Python." : "There are no samples."));
} else {
  main.append(element("div", { class: "lists" }, hottest(), fileList()), chosen);
  window.addEventListener("hashchange", follow);
  follow();
}
