// SPDX-License-Identifier: Apache-2.0
//
// The colours of groups, in the chart and in the list. A group keeps its colour for as
// long as the page is open.

const hues = [22, 205, 140, 275, 48, 335, 178, 232, 95, 305, 0, 160];
const given = new Map();

export const othersColour = "var(--quiet)";

export function groupColour(by, value) {
  const key = `${by}\n${value}`;
  if (!given.has(key)) given.set(key, given.size);
  const i = given.get(key);
  const lightness = [56, 46, 66][Math.floor(i / hues.length) % 3];
  return `hsl(${hues[i % hues.length]}, 62%, ${lightness}%)`;
}
