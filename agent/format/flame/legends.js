// SPDX-License-Identifier: Apache-2.0
//
// What the colours of a flame graph stand for. There are more of them where there is
// waiting (waiting.js) or native code (native.js).

import { colour, gcName, isLibrary, nativeColour, waitingColour } from "./colours.js";
import { swatch } from "./difference.js";
import { element } from "./dom.js";
import { nativeKind, nativeLegend } from "./native.js";
import { kindOf, legend } from "./waiting.js";

// What is in a tree, of the kinds that a name and a file tell.
function kindsOf(tree) {
  const found = new Set();
  const stack = [...(tree.children || [])];
  while (stack.length) {
    const node = stack.pop();
    if (node.file && !nativeKind(node)) found.add(isLibrary(node.file) ? "library" : "own");
    else if (!node.file && node.name === gcName) found.add("gc");
    else if (!node.file && !nativeKind(node) && !kindOf(node.name, "")) found.add("none");
    stack.push(...(node.children || []));
  }
  return found;
}

function key(text, colours) {
  const swatches = colours.map((one) => {
    const node = element("i");
    node.style.background = one;
    return node;
  });
  return element("li", {}, ...swatches, text);
}

function keysOf(tree, dark) {
  if (tree.shares)
    return [
      key("grew", [swatch("grown", dark)]),
      key("shrank", [swatch("shrunk", dark)]),
      key("as before", [swatch("same", dark)]),
    ];
  const kinds = kindsOf(tree);
  const hues = (folder) => ["a.py", "b.py", "c.py"].map((file) => colour("", folder + file, dark));
  return [
    kinds.has("own") && key("the program", hues("/app/")),
    kinds.has("library") && key("libraries", hues("/usr/lib/python3/")),
    kinds.has("gc") && key("garbage collection", [colour(gcName, "", dark)]),
    kinds.has("none") && key("containers, processes, threads", [colour("", "", dark)]),
    element("li", {}, "A colour tells files apart: red is not hotter. Wide is."),
  ].filter(Boolean);
}

// The lists that belong below the graph of @tree.
export function legendsOf(tree, dark) {
  return [
    element("ul", { class: "flame-keys", "aria-label": "Colours" }, ...keysOf(tree, dark)),
    legend(tree, (kind) => waitingColour(kind, dark)),
    nativeLegend(tree, (kind) => nativeColour(kind, dark)),
  ];
}
