// SPDX-License-Identifier: Apache-2.0
//
// Frames that are looked for: by a term that somebody typed, or because a function was
// chosen, which is that function and no other.

import { walk } from "./layout.js";

// What is no regular expression is looked for as it stands.
function pattern(term) {
  try {
    return new RegExp(term, "i");
  } catch {
    return new RegExp(term.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i");
  }
}

// Says of a node's data whether it is looked for; null if nothing is.
export function wanted({ search, picked }) {
  if (picked) return ({ name, file }) => name === picked.name && (file || "") === (picked.file || "");
  if (!search) return null;
  const expression = pattern(search);
  return ({ name, file }) => expression.test(`${name} ${file || ""}`);
}

// Marks the nodes; returns them, and the samples in them, each counted once.
export function mark(root, wants) {
  const found = [];
  const within = new Set();
  let sum = 0;
  for (const node of walk(root)) {
    node.highlight = Boolean(wants) && wants(node.data);
    const inside = within.has(node.parent);
    if (node.highlight) {
      found.push(node);
      if (!inside) sum += node.data.value;
    }
    if (inside || node.highlight) within.add(node);
  }
  return { found, sum };
}
