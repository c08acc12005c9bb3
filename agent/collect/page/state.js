// SPDX-License-Identifier: Apache-2.0
//
// What the page shows, kept in the URL's hash, so that it can be bookmarked and
// sent to someone: {series, mode, last} or {series, mode, from, to}.

export const ranges = [
  { seconds: 300, label: "5 m" },
  { seconds: 900, label: "15 m" },
  { seconds: 3600, label: "1 h" },
  { seconds: 21600, label: "6 h" },
  { seconds: 86400, label: "24 h" },
];

const modes = ["cpu", "wall", "gil", "blame"];

function number(text) {
  return /^\d{1,10}$/.test(text || "") ? Number(text) : null;
}

export function readState() {
  const hash = new URLSearchParams(location.hash.slice(1));
  const from = number(hash.get("from"));
  const to = number(hash.get("to"));
  const fixed = from !== null && to !== null && from < to;
  return {
    series: number(hash.get("series")),
    mode: modes.includes(hash.get("mode")) ? hash.get("mode") : null,
    last: fixed ? null : number(hash.get("last")) || 900,
    from: fixed ? from : null,
    to: fixed ? to : null,
    live: !fixed && hash.get("live") !== "0",
  };
}

export function writeState(state) {
  const hash = new URLSearchParams();
  if (state.series) hash.set("series", state.series);
  if (state.mode) hash.set("mode", state.mode);
  if (state.last) {
    hash.set("last", state.last);
    if (!state.live) hash.set("live", "0");
  } else {
    hash.set("from", state.from);
    hash.set("to", state.to);
  }
  history.replaceState(null, "", `#${hash}`);
}

// In Unix seconds, now.
export function span(state) {
  if (!state.last) return { from: state.from, to: state.to };
  const to = Math.ceil(Date.now() / 1000);
  return { from: to - state.last, to };
}
