// SPDX-License-Identifier: Apache-2.0
//
// How much of the accounted time the samples stand for, and where the rest went: the
// object that format_coverage() makes; undefined where the time was not accounted.

import { percent } from "./numbers.js";

function seconds(n) {
  return `${n.toFixed(2)} s`;
}

// A line for each part of the time, for a title.
function parts({ accounted, sampled, native, left_out: leftOut, losses }) {
  const lines = [
    [accounted, "accounted"],
    [sampled, "samples stand for"],
    [native, "of these, of threads without Python"],
    [leftOut, "left out as asked"],
    ...losses.map(({ seconds: lost, reason }) => [lost, reason]),
  ];
  return lines.filter(([n]) => n >= 0.005).map(([n, text]) => `${seconds(n)} ${text}`).join("\n");
}

// [what it is, how much, its parts, whether it is low]: a fact for the head of a page.
export function coverageFact(coverage) {
  return coverage ? ["Coverage", percent(coverage.share, 1), parts(coverage), coverage.low] : ["Coverage"];
}

// A sentence for where it is low, else "".
export function coverageWarning(coverage) {
  return coverage?.low ? `Coverage ${coverage.sentence}` : "";
}
