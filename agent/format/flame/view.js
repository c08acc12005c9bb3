// SPDX-License-Identifier: Apache-2.0
//
// How a flame graph is looked at, and the part of a URL's hash that says it:
// {search, picked: {name, file}, zoom: an id of layout.js, up, native: the label of a view}.

export const usualView = { search: "", picked: null, zoom: null, up: false, native: null };

export function viewOf(hash) {
  const name = hash.get("function");
  return {
    search: hash.get("q") || "",
    picked: name ? { name, file: hash.get("file") || "" } : null,
    zoom: /^[0-9a-z]+-[0-9a-z]+$/.test(hash.get("zoom") || "") ? hash.get("zoom") : null,
    up: hash.get("up") === "1",
    native: hash.get("native"),
  };
}

export function putView(view, hash) {
  if (view.search) hash.set("q", view.search);
  if (view.picked) {
    hash.set("function", view.picked.name);
    if (view.picked.file) hash.set("file", view.picked.file);
  }
  if (view.zoom) hash.set("zoom", view.zoom);
  if (view.up) hash.set("up", "1");
  if (view.native) hash.set("native", view.native);
}
