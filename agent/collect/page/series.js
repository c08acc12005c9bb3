// SPDX-License-Identifier: Apache-2.0
//
// The list of containers and services, with their share of what was measured.

import { element } from "../../format/flame/dom.js";
import { count, percent } from "../../format/flame/numbers.js";

const idShown = 12; // of a container's id, as the tools of containers show it

export function nameOf(series) {
  return (
    series.container_name || series.service || series.container_id?.slice(0, idShown) || series.executable || "process"
  );
}

// "3.2 s", "14 min": time on a CPU.
export function seconds(n) {
  if (n >= 7200) return `${(n / 3600).toFixed(1)} h`;
  if (n >= 120) return `${(n / 60).toFixed(n < 600 ? 1 : 0)} min`;
  return `${n.toFixed(n < 10 ? 1 : 0)} s`;
}

export function about(series) {
  const python = series.runtime_version && `Python ${series.runtime_version}`;
  const id = series.container_id?.slice(0, idShown);
  return [series.image, id, python, series.host].filter(Boolean).join(" · ");
}

// Without the registry and the folders: what tells images apart in little room.
function brief(series) {
  return series.image?.split("/").at(-1) || series.executable || series.service || "";
}

function matches(series, words) {
  const text = Object.values(series).filter((value) => typeof value === "string").join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

function bar(share) {
  const fill = element("i");
  fill.style.width = `${Math.min(100, 100 * share).toFixed(2)}%`;
  return element("span", { class: "bar" }, fill);
}

function row(title, detail, share, numbers, low) {
  return element(
    "button",
    { type: "button", class: "entry" },
    element("span", { class: "name" }, title),
    element("span", { class: "share" }, percent(share, 1)),
    element("span", { class: "detail" }, detail),
    element("span", { class: low ? "detail number low" : "detail number" }, numbers),
    bar(share),
  );
}

export function makeSeries(parent, onChoose) {
  const filter = element("input", {
    type: "search",
    placeholder: "Filter",
    "aria-label": "Filter containers and services",
    spellcheck: "false",
    autocomplete: "off",
    hidden: true,
  });
  const list = element("div", { class: "list" });
  let all = [];
  let chosen = null;
  parent.append(filter, list);

  function add(id, entry) {
    if (id === chosen) entry.setAttribute("aria-current", "true");
    entry.addEventListener("click", () => onChoose(id));
    list.append(entry);
  }

  function draw() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = all.filter((series) => matches(series, words));
    const whole = all.reduce((sum, series) => sum + series.cpu_seconds, 0) || 1;
    const samples = all.reduce((sum, series) => sum + series.samples, 0);
    list.replaceChildren();
    filter.hidden = all.length < 2;
    if (all.length > 1 && !words.length)
      add(null, row("Everything", `${all.length} series`, 1, `${count(samples)} samples`));
    for (const series of shown) {
      const share = series.cpu_seconds / whole;
      const samples = `${count(series.samples)} samples`;
      const coverage = series.coverage == null ? "" : `coverage ${percent(series.coverage, 1)}`;
      const entry = row(nameOf(series), brief(series), share, series.coverage_low ? coverage : samples, series.coverage_low);
      const time = `${seconds(series.cpu_seconds)} of CPU time, ${samples}`;
      entry.title = [nameOf(series), about(series), time, coverage].filter(Boolean).join("\n");
      add(series.id, entry);
    }
    if (!shown.length) list.append(element("p", { class: "quiet" }, all.length ? "None matches." : "None yet."));
  }

  filter.addEventListener("input", draw);
  return function show(series, id) {
    all = [...series].sort((a, b) => b.cpu_seconds - a.cpu_seconds || b.samples - a.samples);
    chosen = id;
    draw();
  };
}
