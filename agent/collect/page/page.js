// SPDX-License-Identifier: Apache-2.0
//
// The collector's page: joins its parts and keeps them up to date.
//
// Names come from other people's processes: they are set as text, never as html.

import { coverageFact, coverageWarning } from "../../format/flame/coverage.js";
import { element } from "../../format/flame/dom.js";
import { flame } from "../../format/flame/flame.js";
import { count } from "../../format/flame/numbers.js";
import { ask, hasToken, setToken, visible } from "./api.js";
import { makeRange } from "./range.js";
import { about, makeSeries, nameOf, seconds } from "./series.js";
import { readState, span, writeState } from "./state.js";
import { makeTop } from "./top.js";

const refreshMs = 10000;
const topLimit = 100;
const modeUnits = { cpu: "CPUs", wall: "threads", gil: "threads", blame: "threads" };
const modeTimes = { cpu: "CPU time", wall: "Time of threads", gil: "Time of the GIL", blame: "Time others waited" };
const modeChoices = {
  cpu: ["On CPU", "The time in which threads ran on a CPU"],
  wall: ["On CPU and waiting", "The whole time of threads: running, waiting and sleeping"],
  gil: ["Holding the GIL", "The time in which threads held the GIL"],
  blame: ["Making others wait for the GIL", "The time for which other threads waited for the GIL, of what held it meanwhile"],
};

const parts = Object.fromEntries(["notice", "main"].map((id) => [id, document.getElementById(id)]));
let state = readState();
let asking = new AbortController();
let timer;
let view = null; // of a profile; null while something else is in its place

const showRange = makeRange(document.getElementById("range"), change);
const showSeries = makeSeries(document.getElementById("series"), (series) => change({ series, mode: null }));

// ---- what can be in the middle ----------------------------------------------

function place(...nodes) {
  view?.graph.destroy();
  view = null;
  parts.main.replaceChildren(...nodes);
}

function message(title, ...lines) {
  place(element("section", { class: "empty" }, element("h1", {}, title), ...lines));
}

function text(...children) {
  return element("p", {}, ...children);
}

function showNothingYet() {
  message(
    state.last ? "No profiles yet" : "No profiles in this time range",
    text("Point an agent here; what it sees appears within seconds:"),
    element("pre", {}, `podflame agent --collector ${location.origin}`),
    text("It needs no change to any container. To look further back, choose a longer time range."),
  );
}

// Nothing to draw is not nothing that ran.
function showUnseen(series, coverage) {
  message(
    "No samples in this time range",
    text(`${series ? nameOf(series) : "What you chose"} ran, but no sample was taken of it.`),
    text(`Coverage ${coverage.sentence}.`),
  );
}

// @meta: of the answer; what has no samples in this mode may have some in another.
function showNothingInRange(series, meta) {
  message(
    "Nothing in this time range",
    text(`${series ? nameOf(series) : "What you chose"} was not on a CPU then, or was not sampled.`),
    text("Choose another time range, or something else in the list."),
  );
  if (!meta?.modes.length) return;
  const modes = makeModes();
  showModes(modes, meta);
  parts.main.firstElementChild.append(text("There is another measure of it:"), modes);
}

function showLogin(sentence) {
  const token = element("input", { type: "password", "aria-label": "Token", autocomplete: "current-password" });
  const form = element("form", { class: "login" }, token, element("button", {}, "Open"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    setToken(token.value.trim());
    refresh();
  });
  message("This collector wants a token", text("The one in its token file."), form, text(hasToken() ? sentence : ""));
  token.focus();
}

// ---- what is measured -------------------------------------------------------

function makeModes() {
  return element("div", { class: "switch", role: "group", "aria-label": "What is measured" });
}

function showModes(modes, meta) {
  modes.replaceChildren(
    ...meta.modes.map((mode) => {
      const [label, title] = modeChoices[mode];
      const pressed = String(mode === meta.mode);
      const button = element("button", { type: "button", title, "aria-pressed": pressed }, label);
      button.addEventListener("click", () => change({ mode }));
      return button;
    }),
  );
}

// ---- a profile --------------------------------------------------------------

function makeView() {
  const title = element("h1");
  const detail = element("p", { class: "about" });
  const facts = element("dl", { class: "facts" });
  const warning = element("p", { class: "about low" });
  const modes = makeModes();
  const graph = element("div");
  const functions = element("div");
  place(
    element("div", { class: "head" }, element("div", {}, title, detail), modes),
    facts,
    warning,
    graph,
    element("h2", {}, "Functions"),
    functions,
  );
  return { title, detail, facts, warning, modes, functions, parent: graph, graph: null };
}

function fact(label, value, detail, low) {
  return element("div", { title: detail }, element("dt", {}, label), element("dd", { class: low && "low" }, value));
}

// Over the time in which there was something to see.
function average(meta, shown) {
  const first = Math.min(...shown.map(({ first_seen }) => first_seen));
  const time = meta.to - Math.max(meta.from, first);
  return `${(meta.seconds / Math.max(time, 1)).toFixed(2)} ${modeUnits[meta.mode]}`;
}

function showFacts(meta, shown) {
  const last = Math.max(...shown.map(({ last_seen }) => last_seen));
  const covered = meta.coverage ? [fact(...coverageFact(meta.coverage))] : [];
  view.warning.textContent = coverageWarning(meta.coverage);
  view.facts.replaceChildren(
    fact("Samples", count(meta.samples)),
    fact(modeTimes[meta.mode], seconds(meta.seconds)),
    fact("On average", average(meta, shown)),
    ...covered,
    fact("Last seen", new Date(last * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "medium" })),
  );
}

// Looks for exactly this function, as the graph's own search would.
function pick(name) {
  const input = view.parent.querySelector("input[type=search]");
  input.value = `^${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}\\s`;
  input.dispatchEvent(new Event("input"));
  view.parent.scrollIntoView({ block: "nearest", behavior: "smooth" });
}

// Who has zoomed in is looking at something: it does not move away by itself.
function isZoomed() {
  return view.parent.querySelector(".flame-reset")?.disabled === false;
}

// @shown: all series that are in it; @found: the one that was chosen, if one was.
function showProfile({ meta, tree }, top, shown, found, again) {
  if (!view) {
    view = makeView();
    view.showTop = makeTop(view.functions, pick);
  }
  view.title.textContent = found ? nameOf(found) : "Everything";
  view.detail.textContent = found ? about(found) : "";
  showFacts(meta, shown);
  view.modes.hidden = meta.modes.length < 2;
  showModes(view.modes, meta);
  if (!view.graph) view.graph = flame(view.parent, tree);
  else if (!again || !isZoomed()) view.graph.update(tree);
  view.showTop(top.functions);
}

// ---- keeping up to date -----------------------------------------------------

function notice(sentence) {
  parts.notice.hidden = !sentence;
  parts.notice.textContent = sentence || "";
}

// The collector has done so for trees.
function readable(object) {
  const entries = Object.entries(object);
  return Object.fromEntries(entries.map(([key, value]) => [key, typeof value === "string" ? visible(value) : value]));
}

async function load(signal, again) {
  const range = span(state);
  const series = (await ask("series", range, signal)).map(readable);
  const found = series.length === 1 && !state.series ? series[0] : series.find(({ id }) => id === state.series);
  showSeries(series, found ? found.id : null);
  if (!series.length && !state.series) return showNothingYet();
  if (state.series && !found) return showNothingInRange(null);

  const question = { ...range, series: state.series || "all", mode: state.mode };
  const [tree, top] = await Promise.all([
    ask("tree", question, signal),
    ask("top", { ...question, limit: topLimit }, signal),
  ]);
  if (tree.meta.samples === 0)
    return tree.meta.coverage ? showUnseen(found, tree.meta.coverage) : showNothingInRange(found, tree.meta);
  top.functions = top.functions.map(readable);
  showProfile(tree, top, found ? [found] : series, found, again);
}

// @again: the same question as before, asked by the clock.
async function refresh(again = false) {
  clearTimeout(timer);
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  try {
    await load(signal, again);
    notice("");
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error.status === 401) showLogin(error.message);
    else notice(error.message);
  }
  if (!signal.aborted && state.last && state.live) timer = setTimeout(refresh, refreshMs, true);
}

function change(what) {
  state = { ...state, ...what };
  if (what.last) state.live = true;
  writeState(state);
  showRange(state);
  refresh();
}

window.addEventListener("hashchange", () => {
  state = readState();
  showRange(state);
  refresh();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && state.last && state.live) refresh(true);
  else clearTimeout(timer);
});

showRange(state);
refresh();
