// SPDX-License-Identifier: Apache-2.0
//
// Where frames are. A node stands for one of the tree: {data, parent, children, depth, id}.
// Its id follows from the way that leads to it, so that it is the same in the next answer,
// and in the URL of somebody else.

const seeds = [0x811c9dc5, 0x2545f491];

function mix(h, text) {
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return (h ^ (h >>> 15)) >>> 0;
}

function identify(node, parent, taken) {
  const { name, file = "", line = "", kind = "" } = node.data;
  let text = `${name}\n${file}\n${line}\n${kind}\n`;
  do {
    node.hashes = seeds.map((seed, i) => mix(parent ? parent.hashes[i] : seed, text));
    node.id = node.hashes.map((h) => h.toString(36)).join("-");
    text += "#";
  } while (taken.has(node.id));
  taken.add(node.id);
}

export function makeNodes(tree) {
  const root = { data: tree, parent: null, children: [], depth: 0, highlight: false };
  const stack = [root];
  identify(root, null, new Set());
  while (stack.length) {
    const node = stack.pop();
    const taken = new Set();
    for (const data of node.data.children || []) {
      const child = { data, parent: node, children: [], depth: node.depth + 1, highlight: false };
      identify(child, node, taken);
      node.children.push(child);
      stack.push(child);
    }
  }
  return root;
}

// Every node, those of the left first.
export function* walk(root) {
  const stack = [root];
  while (stack.length) {
    const node = stack.pop();
    yield node;
    for (let i = node.children.length - 1; i >= 0; i--) stack.push(node.children[i]);
  }
}

export function wayTo(node) {
  const way = [];
  for (let at = node; at; at = at.parent) way.unshift(at);
  return way;
}

export function findNode(root, id) {
  for (const node of walk(root)) if (node.id === id) return node;
  return null;
}

// As far along the way as this tree goes. @ids: of the nodes below the root.
export function follow(root, ids) {
  let node = root;
  for (const id of ids) {
    const next = node.children.find((child) => child.id === id);
    if (!next) break;
    node = next;
  }
  return node;
}

// [{node, x, width}] in pixels, when @focus is as wide as @whole. What is narrower than @least is left out.
export function placeNodes(focus, whole, least) {
  const placed = wayTo(focus).map((node) => ({ node, x: 0, width: whole }));
  const stack = [placed.at(-1)];
  const scale = focus.data.value ? whole / focus.data.value : 0;
  while (stack.length) {
    const { node, x } = stack.pop();
    let left = x;
    for (const child of node.children) {
      const width = child.data.value * scale;
      if (width > least) {
        const place = { node: child, x: left, width };
        placed.push(place);
        stack.push(place);
      }
      left += width;
    }
  }
  return placed;
}
