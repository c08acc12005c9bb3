// SPDX-License-Identifier: Apache-2.0
//
// Where the keys lead from a frame. They follow the picture: where callers stand below,
// the arrow up leads to what a frame calls.

function outermost(node, depth, way) {
  const stack = [node];
  while (stack.length) {
    const at = stack.pop();
    if (at.depth === depth) return at;
    const children = way > 0 ? at.children : [...at.children].reverse();
    for (let i = children.length - 1; i >= 0; i--) stack.push(children[i]);
  }
  return null;
}

// The next frame of the same row, not outside of @focus unless that is where one stands.
function beside(node, way, focus) {
  for (let at = node; at.parent && (at !== focus || node === focus); at = at.parent) {
    const row = at.parent.children;
    for (let i = row.indexOf(at) + way; i >= 0 && i < row.length; i += way) {
      const found = outermost(row[i], node.depth, way);
      if (found) return found;
    }
  }
  return null;
}

function last(node, way, focus) {
  let at = node;
  for (let next = at; next; next = beside(at, way, focus)) at = next;
  return at;
}

// The widest child: what one most likely wants to see.
function into(node) {
  return node.children.reduce((most, child) => (most && most.data.value >= child.data.value ? most : child), null);
}

const steps = {
  ArrowLeft: (node, focus) => beside(node, -1, focus),
  ArrowRight: (node, focus) => beside(node, 1, focus),
  Home: (node, focus) => last(node, -1, focus),
  End: (node, focus) => last(node, 1, focus),
  out: (node) => node.parent,
  into,
};

// The node that @key leads to; null if it leads nowhere, undefined if it is no such key.
export function step(node, key, focus, up) {
  const name = { ArrowUp: up ? "into" : "out", ArrowDown: up ? "out" : "into" }[key] || key;
  return Object.hasOwn(steps, name) ? steps[name](node, focus) : undefined;
}
