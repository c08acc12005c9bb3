// SPDX-License-Identifier: Apache-2.0
//
// Shares as words and as heat. A count is [self, total, low and high of self, low and high of total].

import { counted, percent } from "../flame/numbers.js";

// From 0 to 1: how strongly it is coloured. The root lets small shares be seen.
export function heatOf(samples, data) {
  return data.samples ? Math.sqrt(samples / data.samples).toFixed(3) : 0;
}

export function told(name, samples, low, high, data) {
  const interval = data.intervals ? `, 95 % interval ${percent(low, 1)} to ${percent(high, 1)}` : "";
  return `${name} ${percent(samples, data.samples)}, ${counted(samples, "sample")}${interval}`;
}

export function range([self, total, selfLow, selfHigh, totalLow, totalHigh], data) {
  return `${told("self", self, selfLow, selfHigh, data)}\n${told("total", total, totalLow, totalHigh, data)}`;
}
