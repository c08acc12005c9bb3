// SPDX-License-Identifier: Apache-2.0
//
// What grew from one profile to another, as a list above the graph. Each entry leads to its place in the graph.

import { element } from "./dom.js";

// The nodes on a way of [name, file], from below the root as far as the tree has it.
function nodesOn(tree, way) {
  const found = [];
  let node = tree;
  for (const [name, file] of way) {
    node = (node.children || []).find((child) => child.name === name && (child.file || "") === file);
    if (!node) break;
    found.push(node);
  }
  return found;
}

// @zoomTo gets the nodes of the tree that lead to the one to be shown.
export function grownList(grown, tree, zoomTo) {
  const entry = ({ name, growth, functions, path }) => {
    const link = element("a", { href: "#flame" }, name);
    link.addEventListener("click", (event) => {
      event.preventDefault();
      zoomTo(nodesOn(tree, path));
    });
    const folded = functions > 1 ? ` (${functions} functions grew by this)` : "";
    return element("li", {}, link, element("span", {}, `${growth}${folded}`));
  };
  return element("ol", { class: "grown", "aria-label": "What grew" }, ...grown.map(entry));
}
