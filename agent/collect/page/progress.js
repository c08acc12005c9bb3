// SPDX-License-Identifier: Apache-2.0
//
// That an answer is on its way: what was seen before stays until it comes.

import { element } from "../../format/flame/dom.js";

const patience = 400; // milliseconds after which one wonders

export function makeProgress(parent, busy) {
  const said = parent.appendChild(element("p", { class: "progress", role: "status" }));
  let timer;

  function tell(begin) {
    const waited = Math.round((Date.now() - begin) / 1000);
    said.textContent = waited ? `Asking the collector, ${waited} s …` : "Asking the collector …";
    timer = setTimeout(tell, 1000, begin);
  }

  return {
    begin() {
      clearTimeout(timer);
      busy.setAttribute("aria-busy", "true");
      timer = setTimeout(tell, patience, Date.now());
    },
    end() {
      clearTimeout(timer);
      busy.removeAttribute("aria-busy");
      said.textContent = "";
    },
  };
}
