// SPDX-License-Identifier: Apache-2.0
//
// What the page shows, all of it, as it stands in the URL's hash: so it can be sent to
// someone, and Back goes back.

import { putView, viewOf } from "../../format/flame/view.js";

export const ranges = [
  { seconds: 300, label: "5 m" },
  { seconds: 900, label: "15 m" },
  { seconds: 3600, label: "1 h" },
  { seconds: 21600, label: "6 h" },
  { seconds: 86400, label: "24 h" },
  { seconds: 604800, label: "7 d" },
];

// What one can group and filter by, and how it is called when there are several.
export const labels = {
  container: "containers",
  workload: "workloads",
  namespace: "namespaces",
  pod: "pods",
  service: "services",
  version: "versions",
  image: "images",
  node: "nodes",
  process: "programs",
};

const modes = ["cpu", "wall", "gil", "blame"];
const shows = ["both", "graph", "table", "function"];
const sorts = ["self", "total", "name"];

function number(text) {
  return /^\d{1,10}$/.test(text || "") ? Number(text) : null;
}

function oneOf(list, text, otherwise) {
  return list.includes(text) ? text : otherwise;
}

function rangeOf(hash, prefix) {
  const [from, to] = [number(hash.get(`${prefix}from`)), number(hash.get(`${prefix}to`))];
  return from !== null && to !== null && from < to ? { from, to } : null;
}

// {name: [values]}
function labelsOf(hash, prefix) {
  const found = {};
  for (const name of Object.keys(labels)) {
    const values = hash.getAll(`${prefix}label.${name}`);
    if (values.length) found[name] = values;
  }
  return found;
}

// The other side of a comparison. Each part of it that is absent is as on this side.
function baseOf(hash) {
  if (hash.get("compare") !== "1") return null;
  const filters = labelsOf(hash, "base.");
  return { ...rangeOf(hash, "base."), ago: number(hash.get("base.ago")), labels: filters };
}

export function readState() {
  const hash = new URLSearchParams(location.hash.slice(1));
  const range = rangeOf(hash, "");
  return {
    series: number(hash.get("series")),
    labels: labelsOf(hash, ""),
    mode: oneOf(modes, hash.get("mode"), null),
    by: oneOf(Object.keys(labels), hash.get("by"), null), // null: what there is of containers and services
    filter: hash.get("filter") || "",
    last: range ? null : number(hash.get("last")) || 900,
    from: range?.from ?? null,
    to: range?.to ?? null,
    live: !range && hash.get("live") !== "0",
    show: oneOf(shows, hash.get("show"), "both"),
    sort: oneOf(sorts, hash.get("sort"), "self"),
    upward: hash.get("upward") === "1",
    apart: { 0: false, 1: true }[hash.get("apart")] ?? null, // null: containers are apart if they are few
    zooms: { callers: hash.get("callers"), callees: hash.get("callees") },
    base: baseOf(hash),
    view: viewOf(hash),
  };
}

function putLabels(hash, prefix, chosen) {
  for (const [name, values] of Object.entries(chosen)) for (const value of values) hash.append(`${prefix}label.${name}`, value);
}

function putRange(hash, state) {
  if (state.last) {
    hash.set("last", state.last);
    if (!state.live) hash.set("live", "0");
  } else {
    hash.set("from", state.from);
    hash.set("to", state.to);
  }
}

function putBase(hash, base) {
  hash.set("compare", "1");
  if (base.from) {
    hash.set("base.from", base.from);
    hash.set("base.to", base.to);
  }
  if (base.ago) hash.set("base.ago", base.ago);
  putLabels(hash, "base.", base.labels);
}

function hashOf(state) {
  const hash = new URLSearchParams();
  putRange(hash, state);
  if (state.series) hash.set("series", state.series);
  putLabels(hash, "", state.labels);
  if (state.mode) hash.set("mode", state.mode);
  if (state.by) hash.set("by", state.by);
  if (state.filter) hash.set("filter", state.filter);
  if (state.show !== "both") hash.set("show", state.show);
  if (state.sort !== "self") hash.set("sort", state.sort);
  if (state.upward) hash.set("upward", "1");
  if (state.apart !== null) hash.set("apart", Number(state.apart));
  for (const [name, zoom] of Object.entries(state.zooms)) if (zoom) hash.set(name, zoom);
  if (state.base) putBase(hash, state.base);
  putView(state.view, hash);
  return `#${hash}`;
}

// @lasting: a choice that Back undoes; what changes while one types or moves is none.
export function writeState(state, lasting) {
  const hash = hashOf(state);
  if (hash !== location.hash) history[lasting ? "pushState" : "replaceState"](null, "", hash);
}

// In Unix seconds, now.
export function span(state) {
  if (!state.last) return { from: state.from, to: state.to };
  const to = Math.ceil(Date.now() / 1000);
  return { from: to - state.last, to };
}

// The base's time, @range being the other side's.
function spanOfBase(base, range) {
  if (base.from) return { from: base.from, to: base.to };
  return base.ago ? { from: range.from - base.ago, to: range.to - base.ago } : null;
}

function parametersOf(prefix, chosen) {
  return Object.fromEntries(Object.entries(chosen).map(([name, values]) => [`${prefix}label.${name}`, values]));
}

// The selection as the API's parameters.
export function question(state, range) {
  return { ...range, series: state.series, mode: state.mode, ...parametersOf("", state.labels) };
}

// The base's selection as parameters, with or without the prefix of compare.
export function baseQuestion(state, range, prefix) {
  const { base } = state;
  const time = spanOfBase(base, range);
  const chosen = prefix ? base.labels : { ...state.labels, ...base.labels };
  return { ...(time && { [`${prefix}from`]: time.from, [`${prefix}to`]: time.to }), ...parametersOf(prefix, chosen) };
}

// The address of what is seen now, which shows the same tomorrow.
export function absoluteLink(state, range) {
  const base = state.base && { ...state.base, ...spanOfBase(state.base, range), ago: null };
  const fixed = { ...state, ...range, last: null, live: false, base };
  return `${location.origin}${location.pathname}${hashOf(fixed)}`;
}
