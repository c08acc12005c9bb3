// SPDX-License-Identifier: Apache-2.0
//
// The page of the html format: what was profiled and how well, then the graph.
// The profile stands in the page as {meta, tree}; see html.c for what meta holds, and
// report_html.c for what it holds of two profiles.

import { coverageFact, coverageWarning } from "./coverage.js";
import { prepare } from "./difference.js";
import { element } from "./dom.js";
import { flame } from "./flame.js";
import { grownList } from "./grown.js";
import { count, duration, percent } from "./numbers.js";
import { putView, viewOf } from "./view.js";

const modes = { cpu: "CPU time", wall: "Wall time", gil: "GIL holder", blame: "Waiting for the GIL" };

// What a frame's width stands for, where it is not the time of the stack itself.
const widths = { blame: "Width: the time for which other threads waited for the GIL while this held it" };

// Of ticks with a native stack.
const unmerged = "Native stacks that did not fit their Python stacks: these samples are Python only";

// Ticks of a target that gave no stack.
const lost = ["torn", "late", "gone", "failed"];

function namesOf(resources) {
  const names = new Set();
  for (const r of resources) {
    const name = r["container.name"] || r["k8s.pod.name"] || r["service.name"] || r["process.executable.name"];
    if (name) names.add(name);
  }
  return [...names];
}

function title(resources) {
  const names = namesOf(resources);
  if (names.length === 0) return "Python profile";
  return names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
}

function about(resources) {
  if (resources.length !== 1) return resources.length ? `${resources.length} processes` : "";
  const r = resources[0];
  return [
    r["process.executable.name"],
    r["process.pid"] && `PID ${r["process.pid"]}`,
    r["process.runtime.version"] && `Python ${r["process.runtime.version"]}`,
    r["container.image.name"],
    r["host.name"],
  ]
    .filter(Boolean)
    .join(" · ");
}

function lostTicks({ counters }) {
  const sum = lost.reduce((all, name) => all + counters[name], 0);
  const parts = lost.filter((name) => counters[name]).map((name) => `${count(counters[name])} ${name}`);
  return { sum, title: parts.join(", ") || "every tick gave a stack" };
}

// What a thread of podflame gil can do.
const doings = ["running", "holding", "waiting", "idle", "unknown"];

// What it means that there are no samples, by mode.
const nothing = {
  cpu: "no Python thread ran on a CPU in this time. Mode cpu counts no sleeping or waiting threads; -m wall does",
  wall: "there was no Python thread to be seen in this time",
  gil: "nobody held the GIL in this time. -m wall counts sleeping and waiting threads, too",
  blame: "no thread is known to have waited for the GIL in this time",
};

function whyEmpty(meta) {
  if (meta.coverage) return `No samples, although it ran. Coverage ${meta.coverage.sentence}.`;
  const { sum, title: detail } = lostTicks(meta);
  return `No samples: ${sum ? `no tick gave a stack (${detail})` : nothing[meta.mode] || "nothing was counted"}.`;
}

function facts(meta) {
  const { sum, title: detail } = lostTicks(meta);
  const format = { dateStyle: "medium", timeStyle: "medium" };
  const started = meta.start_ms && new Date(meta.start_ms).toLocaleString([], format);
  return [
    ["Samples", count(meta.samples)],
    ["Duration", meta.duration_ms && duration(meta.duration_ms)],
    ["Rate", meta.period_ns && `${count(Math.round(1e9 / meta.period_ns))} Hz`],
    ["Measured", modes[meta.mode] || meta.mode],
    ["Ticks", meta.engine],
    ["Lost", meta.counters.ticks && percent(sum, meta.counters.ticks), detail],
    coverageFact(meta.coverage),
    ["Unmerged", meta.counters.mixed && `${count(meta.counters.unmerged)} of ${count(meta.counters.mixed)}`, unmerged],
    ["Started", started],
  ].filter(([, value]) => value);
}

// Of both sides, as far as they are known.
function comparedCoverage(sides) {
  const known = sides.map(({ coverage }) => coverageFact(coverage));
  return [
    "Coverage",
    known.some(([, value]) => value) && known.map(([, value]) => value || "unknown").join(" → "),
    known.map(([, , detail], i) => detail && `${sides[i].name}:\n${detail}`).filter(Boolean).join("\n"),
    known.some(([, , , low]) => low),
  ];
}

// What was judged, or only compared.
function comparedFacts({ sides, verdict, scope }) {
  const of = ({ samples, runs }) => `${count(samples)} in ${count(runs)} run${runs === 1 ? "" : "s"}`;
  const both = (text) => sides.map(text).join(" → ");
  return [
    ["Verdict", verdict],
    ["Scope", scope],
    ["Samples", sides[0].runs && both(of)],
    ["Lost", both(({ lost }) => percent(lost, 1))],
    comparedCoverage(sides),
  ].filter(([, value]) => value);
}

function showHeader(parent, heading, text, facts, warnings) {
  const list = facts.map(([label, value, detail, low]) =>
    element("div", { title: detail }, element("dt", {}, label), element("dd", { class: low && "low" }, value)),
  );
  parent.append(
    element("div", { class: "brand" }, "podflame"),
    element("h1", {}, heading),
    element("p", { class: "about" }, text),
    element("dl", { class: "facts" }, ...list),
    ...warnings.filter(Boolean).map((warning) => element("p", { class: "about low" }, warning)),
  );
  document.title = `${heading} · podflame`;
}

function warnings(sides) {
  return sides.map(({ coverage, name }) => coverage?.low && `${name}: ${coverageWarning(coverage)}`);
}

function showFooter(parent, meta) {
  const width = meta.sides ? "Width: the mean of both shares" : widths[meta.mode];
  const keys = (...texts) => texts.map((text) => element("kbd", {}, text));
  parent.append(
    width ? element("span", {}, width) : "",
    element("span", {}, "Click a frame to zoom"),
    element("span", {}, ...keys("Ctrl F"), " search, ", ...keys("Esc"), " back, ", ...keys("Tab"), " to the graph, ",
      ...keys("←", "↑", "↓", "→"), " from frame to frame, ", ...keys("Enter"), " zooms"),
    element("span", {}, `podflame ${meta.version}`),
  );
}

// What each thread did, by shares of its time. A thread has the times of doings in seconds.
function threadTable(threads) {
  const row = (thread) => {
    const whole = doings.reduce((sum, doing) => sum + thread[doing], 0);
    const shares = doings.map((doing) => element("td", { class: "number" }, percent(thread[doing], whole)));
    return element("tr", {}, element("td", {}, thread.tid ? `${thread.name} (tid ${thread.tid})` : thread.name), ...shares);
  };
  const heads = doings.map((doing) => element("th", { class: "number", scope: "col" }, doing));
  return element(
    "table",
    { class: "threads" },
    element("caption", {}, "Threads"),
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "thread"), ...heads)),
    element("tbody", {}, ...threads.map(row)),
  );
}

// The URL's hash says how the graph is looked at, so that a link shows the same.
function showGraph(parent, tree) {
  const read = () => viewOf(new URLSearchParams(location.hash.slice(1)));
  const graph = flame(parent, tree, {
    view: read(),
    onView(view, lasting) {
      const hash = new URLSearchParams();
      putView(view, hash);
      history[lasting ? "pushState" : "replaceState"](null, "", `#${hash}`);
    },
  });
  window.addEventListener("popstate", () => graph.setView(read()));
  return graph;
}

const { meta, tree, threads } = JSON.parse(document.getElementById("profile").textContent);
const header = document.getElementById("header");
if (meta.sides) {
  showHeader(header, meta.sides.map(({ name }) => name).join(" → "), meta.sentence, comparedFacts(meta), warnings(meta.sides));
  prepare(tree, meta.sides);
} else {
  showHeader(header, title(meta.resources), about(meta.resources), facts(meta), [coverageWarning(meta.coverage)]);
}
const main = document.getElementById("flame");
if (meta.samples === 0) main.append(element("p", { class: "empty" }, whyEmpty(meta)));
else {
  const graph = showGraph(main, tree);
  if (meta.grown?.length) main.prepend(grownList(meta.grown, tree, (way) => graph.zoomTo(way)));
}
if (threads?.length) main.after(threadTable(threads));
showFooter(document.getElementById("footer"), meta);
