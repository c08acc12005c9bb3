// SPDX-License-Identifier: Apache-2.0
//
// The collector's page: joins its parts and keeps them up to date.
//
// Names come from other people's processes: they are set as text, never as html.

import { ask, askForNews, visible } from "./api.js";
import { makeGroups } from "./groups.js";
import { makeComparing, makeDownloads, makeSharing } from "./menus.js";
import { login, nothingInRange, nothingYet, unseen } from "./messages.js";
import { makeModes, makeProfile, showModes } from "./profile.js";
import { makeProgress } from "./progress.js";
import { makeRange } from "./range.js";
import { absoluteLink, baseQuestion, question, readState, span, writeState } from "./state.js";
import { continued, sinceOf } from "./steps.js";
import { makeTimeline } from "./timeline.js";
import { about, nameOf, valueName } from "./words.js";

const refreshMs = 10000;
const topLimit = 200;

const parts = Object.fromEntries(["notice", "main", "chart", "status"].map((id) => [id, document.getElementById(id)]));
const seen = { by: "container", range: null, series: new Map(), timeline: null, charted: "" };
let state = readState();
let asking = new AbortController();
let timer;
let profile = null; // null while something else is in its place

const progress = makeProgress(parts.status, parts.main);
const showRange = makeRange(document.getElementById("range"), (what) => change(what));
const timeline = makeTimeline(parts.chart, { onRange: (from, to) => change({ last: null, live: false, from, to }) });
const list = makeGroups(document.getElementById("series"), {
  onChoose: (values) => change({ series: null, mode: null, ...chosenOf(values), view: { ...state.view, zoom: null } }),
  onGroup: (by) => change({ by }),
  onFilter: (filter) => note({ filter }),
});
const comparing = makeComparing((base) => change({ base, show: "both", view: { ...state.view, zoom: null } }));
const asked = () => question(state, seen.range);
const actions = [
  ...comparing.nodes,
  makeDownloads(asked, (error) => notice(error.message)),
  makeSharing({
    link: () => absoluteLink(state, seen.range),
    asked,
    base: () => state.base && { ...asked(), ...baseQuestion(state, seen.range, "") },
  }),
];

// What one groups by: as asked, or by the label that tells most.
function byOf() {
  return state.by || seen.by;
}

// ---- what is chosen -----------------------------------------------------------

function chosenOf(values) {
  const by = byOf();
  const { [by]: _, ...others } = state.labels;
  return { labels: values?.length ? { ...others, [by]: values } : values ? others : {} };
}

function unfilter(name, value) {
  const values = state.labels[name].filter((one) => one !== value);
  const { [name]: _, ...others } = state.labels;
  change({ labels: values.length ? { ...others, [name]: values } : others });
}

// The base becomes what is looked at, and the other way round. Both get their times.
function swap() {
  const base = baseQuestion(state, seen.range, "");
  const old = Object.fromEntries(Object.keys(state.base.labels).map((name) => [name, state.labels[name]]));
  const back = Object.fromEntries(Object.entries(old).filter(([, values]) => values));
  change({
    ...(base.from && { last: null, live: false, from: base.from, to: base.to }),
    labels: { ...state.labels, ...state.base.labels },
    base: { ...(base.from && seen.range), ago: null, labels: back },
  });
}

const on = {
  mode: (mode) => change({ mode }),
  apart: (apart) => note({ apart }, true),
  show: (show) => change({ show }),
  sort: (sort, upward) => note({ sort, upward }, true),
  zoom: (name, id, lasting) => note({ zooms: { ...state.zooms, [name]: id } }, lasting),
  pick: ({ name, file }) => change({ view: { ...state.view, search: "", picked: { name, file } }, zooms: {} }),
  open: ({ name, file }) => change({ show: "function", view: { ...state.view, search: "", picked: { name, file } }, zooms: {} }),
  view(view, lasting) {
    if (state.show === "function" && !view.picked) change({ view, show: "both" });
    else note({ view }, lasting);
  },
  unfilter,
  swap,
  stopComparing: () => change({ base: null }),
};

// ---- what can be in the middle ----------------------------------------------

function place(node) {
  profile?.destroy();
  profile = null;
  parts.main.replaceChildren(node);
}

function ensureProfile() {
  if (profile) return;
  profile = makeProfile(parts.main, actions, on);
  profile.set(state);
}

// What is looked at, by name. @groups: those of the list that are chosen.
function subject(groups, all) {
  const filtered = Object.entries(state.labels).flatMap(([name, values]) => values.map((value) => valueName(value, name)));
  const ids = state.series ? [state.series] : groups.length === 1 ? groups[0].series : [];
  const known = ids.map((id) => seen.series.get(id)).filter(Boolean);
  const [series] = known;
  const one = known.length && known.every((other) => about(other) === about(series)) ? about(series) : "";
  if (state.series) return { name: series ? nameOf(series) : `Series ${state.series}`, about: one };
  if (filtered.length) return { name: filtered.join(", "), about: one };
  return { name: all.length === 1 ? valueName(all[0].value, byOf()) : "Everything", about: one };
}

function showEmpty(name, meta) {
  if (meta?.coverage) return place(unseen(name, meta.coverage));
  const modes = meta?.modes.length ? makeModes() : null;
  if (modes) showModes(modes, meta, on.mode);
  return place(nothingInRange(name, modes));
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

// The chart: all of it, or what is new of it.
async function loadTimeline(parameters, signal, again) {
  const { from: _from, to: _to, ...what } = parameters;
  const key = JSON.stringify([what, state.last]);
  const old = again && seen.charted === key ? seen.timeline : null;
  const since = sinceOf(old);
  const news = await ask("timeline", { ...parameters, since, step: old?.meta.step }, signal);
  const whole = old ? continued(old, news) || (await ask("timeline", parameters, signal)) : news;
  Object.assign(seen, { timeline: whole, charted: key });
  return whole;
}

async function loadGroups(range, signal, again) {
  const ofBy = () => {
    const { [byOf()]: _, ...others } = state.labels;
    return ask("groups", { ...question({ ...state, labels: others, series: null }, range), by: byOf() }, signal);
  };
  let [groups, series] = await Promise.all([ofBy(), again ? null : ask("series", range, signal)]);
  if (!state.by && groups.groups.length === 1 && !groups.groups[0].value && seen.by === "container") {
    // Nothing of it runs in a container.
    seen.by = "service";
    groups = await ofBy();
  }
  const chosen = state.labels[byOf()] || [];
  if (series) seen.series = new Map(series.map(readable).map((one) => [one.id, one]));
  const isChosen = ({ value, series: ids }) => (state.series ? ids.includes(state.series) : !chosen.length || chosen.includes(value));
  const taken = groups.groups.filter(isChosen);
  return { groups, taken, chosen: state.series ? taken.map(({ value }) => value) : chosen };
}

async function loadBody(parameters, signal, again, wanted) {
  if (state.base) {
    const answer = await ask("compare", { ...parameters, ...baseQuestion(state, seen.range, "base.") }, signal);
    ensureProfile();
    profile.showHead(wanted.subject, answer.meta.new, wanted.taken);
    profile.showComparison(answer, state);
    return;
  }
  const old = again && Boolean(profile);
  const { picked } = state.view;
  const [tree, top, one] = await Promise.all([
    askForNews("tree", parameters, signal, old),
    askForNews("top", { ...parameters, limit: topLimit }, signal, old),
    picked && state.show === "function" ? ask("function", { ...parameters, ...picked }, signal) : null,
  ]);
  if (tree?.meta.samples === 0) return showEmpty(wanted.subject.name, tree.meta);
  ensureProfile();
  if (tree) {
    profile.showHead(wanted.subject, tree.meta, wanted.taken);
    profile.showTree(tree.tree, state);
  }
  if (top) profile.showTop(top.functions.map(readable));
  if (one) profile.showFunction(one, state.zooms);
}

async function load(signal, again) {
  const range = span(state);
  const filtered = state.series || Object.keys(state.labels).length;
  const { groups, taken, chosen } = await loadGroups(range, signal, again);
  seen.range = range;
  if (!groups.groups.length && !filtered) {
    list.show(groups, chosen, new Set());
    timeline.show(null);
    return place(nothingYet(state.last));
  }
  const all = question(state, range);
  const wanted = { subject: subject(taken, groups.groups), taken };
  document.title = `${wanted.subject.name} · podflame`;
  const chart = loadTimeline({ ...all, by: byOf() }, signal, again).then((answer) => {
    timeline.show(answer);
    list.show(groups, chosen, new Set(answer.groups.filter(({ others }) => !others).map(({ value }) => value)));
  });
  comparing.show(range, byOf(), groups.groups, chosen);
  await Promise.all([chart, loadBody({ ...all, series: state.series || "all" }, signal, again, wanted)]);
  profile?.set(state);
}

// @again: the same question as before, asked by the clock.
async function refresh(again = false) {
  clearTimeout(timer);
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  if (!again) progress.begin();
  try {
    await load(signal, again);
    notice("");
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error.status === 401) {
      place(login(error.message, refresh));
      parts.main.querySelector("input").focus();
    } else {
      notice(error.message);
    }
  }
  progress.end();
  if (!signal.aborted && state.last && state.live) timer = setTimeout(refresh, refreshMs, true);
}

// What only looks otherwise at what is there.
function note(what, lasting = false) {
  state = { ...state, ...what };
  writeState(state, lasting);
  profile?.set(state);
}

function show() {
  showRange(state);
  list.set(state);
  profile?.set(state);
}

// What has to be asked for.
function change(what) {
  state = { ...state, ...what };
  if (what.last) state.live = true;
  writeState(state, true);
  show();
  refresh();
}

// What of the state is a question; the rest is how one looks at the answer.
function asksFor({ series, labels, mode, by, last, from, to, live, base, show: what, view }) {
  return JSON.stringify([series, labels, mode, by, last, from, to, live, base, what === "function" && view.picked]);
}

function reread() {
  const before = asksFor(state);
  state = readState();
  show();
  if (asksFor(state) !== before) refresh();
}

window.addEventListener("popstate", reread);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && state.last && state.live) refresh(true);
  else clearTimeout(timer);
});

show();
refresh();
