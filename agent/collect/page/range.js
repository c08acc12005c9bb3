// SPDX-License-Identifier: Apache-2.0
//
// The choice of time: the last so many minutes, or from one moment to another.

import { element } from "../../format/flame/dom.js";
import { ranges, span } from "./state.js";

// What <input type="datetime-local"> wants: local time without a zone.
function toLocal(seconds) {
  const date = new Date(seconds * 1000);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}

function fromLocal(text) {
  const ms = new Date(text).getTime();
  return Number.isFinite(ms) ? Math.floor(ms / 1000) : null;
}

export function makeRange(parent, onChange) {
  const buttons = ranges.map(({ seconds, label }) => {
    const button = element("button", { type: "button", title: `The last ${label}` }, label);
    button.addEventListener("click", () => onChange({ last: seconds, from: null, to: null }));
    return [seconds, button];
  });
  const custom = element("button", { type: "button", "aria-expanded": "false" }, "Custom");
  const from = element("input", { type: "datetime-local", step: 1, "aria-label": "From" });
  const to = element("input", { type: "datetime-local", step: 1, "aria-label": "To" });
  const fields = element("form", { class: "custom", hidden: true }, from, "to", to, element("button", {}, "Show"));
  const live = element("input", { type: "checkbox" });
  const wider = element("button", { type: "button", class: "plain", title: "Twice as much time around it" }, "Wider");
  const switcher = element("div", { class: "switch", role: "group", "aria-label": "Time range" });
  let current = null;
  switcher.append(...buttons.map(([, button]) => button), custom);
  parent.append(fields, wider, switcher, element("label", { class: "live", title: "Refresh every 10 seconds" }, live, "Live"));

  function fix(start, end) {
    onChange({ last: null, live: false, from: start, to: end });
  }

  custom.addEventListener("click", () => {
    fields.hidden = !fields.hidden;
    custom.setAttribute("aria-expanded", String(!fields.hidden));
    if (!fields.hidden) from.focus();
  });
  fields.addEventListener("submit", (event) => {
    event.preventDefault();
    const [start, end] = [fromLocal(from.value), fromLocal(to.value)];
    to.setCustomValidity(start !== null && end !== null && start < end ? "" : "The end must come after the start.");
    if (fields.reportValidity()) fix(start, end);
  });
  to.addEventListener("input", () => to.setCustomValidity(""));
  live.addEventListener("change", () => onChange({ live: live.checked }));
  wider.addEventListener("click", () => {
    const { from: start, to: end } = span(current);
    const more = Math.ceil((end - start) / 2);
    fix(Math.max(0, start - more), Math.min(end + more, Math.ceil(Date.now() / 1000)));
  });

  return function show(state) {
    current = state;
    for (const [seconds, button] of buttons) button.setAttribute("aria-pressed", String(state.last === seconds));
    custom.setAttribute("aria-pressed", String(!state.last));
    if (!fields.contains(document.activeElement)) {
      const shown = span(state);
      from.value = toLocal(shown.from);
      to.value = toLocal(shown.to);
      fields.hidden = Boolean(state.last);
      custom.setAttribute("aria-expanded", String(!fields.hidden));
    }
    live.checked = Boolean(state.last) && state.live;
    live.disabled = !state.last;
  };
}
