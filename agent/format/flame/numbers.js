// SPDX-License-Identifier: Apache-2.0
//
// Numbers as people read them.

const grouped = new Intl.NumberFormat("en-US");

export function count(n) {
  return grouped.format(n);
}

// "1 sample", "2 samples".
export function counted(n, noun) {
  return `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
}

// Two significant digits where there is little, one decimal otherwise.
export function percent(part, whole) {
  if (!whole || !part) return "0 %";
  const share = (100 * part) / whole;
  if (share >= 99.95 || share === 0) return `${Math.round(share)} %`;
  return `${share >= 1 ? share.toFixed(1) : share.toPrecision(2)} %`;
}

export function duration(ms) {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 120000) return `${(ms / 1000).toFixed(ms % 1000 ? 1 : 0)} s`;
  const minutes = Math.round(ms / 60000);
  return minutes < 120 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}
