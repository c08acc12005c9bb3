// SPDX-License-Identifier: Apache-2.0
//
// Names, times and amounts as the page says them.

// What a mode is called, what it measures, and the unit of its average.
export const modeWords = {
  cpu: { label: "On CPU", title: "The time in which threads ran on a CPU", time: "CPU time", unit: "CPUs" },
  wall: {
    label: "On CPU and waiting",
    title: "The whole time of threads: running, waiting and sleeping",
    time: "Time of threads",
    unit: "threads",
  },
  gil: { label: "Holding the GIL", title: "The time in which threads held the GIL", time: "Time of the GIL", unit: "threads" },
  blame: {
    label: "Making others wait for the GIL",
    title: "The time for which other threads waited for the GIL, of what held it meanwhile",
    time: "Time others waited",
    unit: "threads",
  },
};

const idShown = 12; // of a container's id, as the tools of containers show it

export function nameOf(series) {
  return (
    series.container_name || series.service || series.container_id?.slice(0, idShown) || series.executable || "process"
  );
}

export function about(series) {
  const python = series.runtime_version && `Python ${series.runtime_version}`;
  const id = series.container_id?.slice(0, idShown);
  return [series.image, id, python, series.host].filter(Boolean).join(" · ");
}

// A series may lack what one groups by.
export function valueName(value, by) {
  return value || `(no ${by})`;
}

// "3.2 s", "14 min": an amount of time.
export function seconds(n) {
  if (n >= 7200) return `${(n / 3600).toFixed(1)} h`;
  if (n >= 120) return `${(n / 60).toFixed(n < 600 ? 1 : 0)} min`;
  return `${n.toFixed(n < 10 ? 1 : 0)} s`;
}

function sameDay(a, b) {
  return a.toDateString() === b.toDateString();
}

// A moment. The day is left out where it is today's.
export function clock(at) {
  const date = new Date(at * 1000);
  const time = date.toLocaleTimeString([], { hour12: false });
  return sameDay(date, new Date()) ? time : `${date.toLocaleDateString([], { day: "numeric", month: "short" })} ${time}`;
}

export function period(from, to) {
  const [start, end] = [new Date(from * 1000), new Date(to * 1000)];
  return `${clock(from)} to ${sameDay(start, end) ? end.toLocaleTimeString([], { hour12: false }) : clock(to)}`;
}

// The end of a path is what tells files apart.
export function shortFile(file) {
  const parts = file.split("/").filter(Boolean);
  return parts.length > 3 ? `…/${parts.slice(-3).join("/")}` : file;
}

// ---- names in little room -----------------------------------------------------

const pencil = document.createElement("canvas").getContext("2d");

export function widthOf(text, font) {
  pencil.font = font;
  return pencil.measureText(text).width;
}

// Cut in the middle; @head is the part of the room that the beginning gets.
function cut(name, room, font, head) {
  const characters = [...name];
  let kept = Math.floor((characters.length * room) / widthOf(name, font));
  for (; kept > 1; kept--) {
    const first = Math.round(kept * head);
    const text = `${characters.slice(0, first).join("")}…${characters.slice(characters.length - kept + first).join("")}`;
    if (widthOf(text, font) <= room) return text;
  }
  return "…";
}

function collisions(texts) {
  const seen = new Map();
  for (const text of texts.values()) seen.set(text, (seen.get(text) || 0) + 1);
  return seen;
}

// What of each name fits into roomOf(name) pixels, as a Map. No two names become equal:
// where that would be so, whichever part is cut, they stay whole and have to be wrapped.
export function fitNames(names, roomOf, font) {
  let best = null;
  for (const head of [0.5, 0.25, 0.75]) {
    const fit = (name) => (widthOf(name, font) <= roomOf(name) ? name : cut(name, roomOf(name), font, head));
    const texts = new Map(names.map((name) => [name, fit(name)]));
    const seen = collisions(texts);
    const equal = [...texts.values()].filter((text) => seen.get(text) > 1).length;
    if (!best || equal < best.equal) best = { texts, seen, equal };
    if (!equal) break;
  }
  return new Map([...best.texts].map(([name, text]) => [name, best.seen.get(text) > 1 ? name : text]));
}
