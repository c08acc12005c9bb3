// SPDX-License-Identifier: Apache-2.0
//
// The choice of a range in the chart: a drag with the pointer, or two handles that the
// arrow keys move. Enter takes the range, Escape lets go of it.

import { element } from "../../format/flame/dom.js";
import { clock, period } from "./words.js";

const least = 4; // pixels; a shorter drag is a click
const stride = 10; // steps for which a handle goes with a larger key

// Where a key moves a handle, in steps.
const moves = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -stride, PageUp: stride };

function makeHandle(label) {
  return element("div", { class: "handle", role: "slider", tabindex: 0, "aria-label": label });
}

// @textAt(time): what the tip says there.
export function makeBrush(parent, { onRange, tip, textAt }) {
  const chosen = element("div", { class: "chosen", hidden: true });
  const handles = { from: makeHandle("Start of the range"), to: makeHandle("End of the range") };
  let meta = null;
  let range = null; // while one chooses
  let start = null; // of a drag
  parent.append(chosen, handles.from, handles.to);

  const width = () => parent.clientWidth;
  const timeAt = (x) => meta.from + (Math.min(Math.max(x, 0), width()) / width()) * (meta.to - meta.from);
  const placeOf = (at) => (width() * (at - meta.from)) / (meta.to - meta.from);

  function draw() {
    const { from, to } = range || meta;
    chosen.hidden = !range;
    chosen.style.left = `${placeOf(from)}px`;
    chosen.style.width = `${placeOf(to) - placeOf(from)}px`;
    for (const [name, handle] of Object.entries(handles)) {
      const at = Math.round(name === "from" ? from : to);
      handle.style.left = `${placeOf(at)}px`;
      handle.setAttribute("aria-valuemin", Math.floor(meta.from));
      handle.setAttribute("aria-valuemax", Math.ceil(meta.to));
      handle.setAttribute("aria-valuenow", at);
      handle.setAttribute("aria-valuetext", range ? `${clock(at)}; Enter shows ${period(from, to)}` : clock(at));
    }
  }

  function tell(x, text) {
    tip.hidden = false;
    tip.textContent = text;
    tip.style.left = `${Math.max(0, Math.min(x + 12, width() - tip.offsetWidth))}px`;
  }

  function drop() {
    range = null;
    start = null;
    tip.hidden = true;
    if (meta) draw();
  }

  function take() {
    const taken = range;
    drop();
    if (taken) onRange(Math.floor(taken.from), Math.ceil(taken.to));
  }

  function xOf(event) {
    return event.clientX - parent.getBoundingClientRect().left;
  }

  parent.addEventListener("pointerdown", (event) => {
    if (!meta || event.button || event.target.closest(".handle")) return;
    start = xOf(event);
    parent.setPointerCapture(event.pointerId);
  });
  parent.addEventListener("pointermove", (event) => {
    if (!meta) return;
    const x = xOf(event);
    if (start === null) return tell(x, textAt(timeAt(x)));
    if (Math.abs(x - start) < least && !range) return undefined;
    range = { from: timeAt(Math.min(x, start)), to: timeAt(Math.max(x, start)) };
    draw();
    return tell(x, period(range.from, range.to));
  });
  parent.addEventListener("pointerup", () => (start !== null && range ? take() : drop()));
  parent.addEventListener("pointercancel", drop);
  parent.addEventListener("pointerleave", () => {
    if (start === null && !range) tip.hidden = true;
  });

  function move(name, steps) {
    const { from, to } = range || meta;
    const next = { from, to };
    next[name] += steps * meta.step;
    next.from = Math.max(meta.from, Math.min(next.from, to - 1));
    next.to = Math.min(meta.to, Math.max(next.to, from + 1));
    range = next;
    draw();
    tell(placeOf(next[name]), `${period(next.from, next.to)}\nEnter shows it`);
  }

  for (const [name, handle] of Object.entries(handles)) {
    handle.addEventListener("keydown", (event) => {
      if (!meta) return;
      if (Object.hasOwn(moves, event.key)) move(name, moves[event.key] * (event.shiftKey ? stride : 1));
      else if (event.key === "Enter") take();
      else if (event.key === "Escape" && range) drop();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    handle.addEventListener("blur", (event) => {
      if (!Object.values(handles).includes(event.relatedTarget)) drop();
    });
  }

  return {
    set(news) {
      meta = news;
      draw();
    },
  };
}
