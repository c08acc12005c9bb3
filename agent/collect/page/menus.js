// SPDX-License-Identifier: Apache-2.0
//
// What leads away from what is seen: to a comparison, into a file, to somebody else.

import { clickable, element } from "../../format/flame/dom.js";
import { addressOf, fetchFile, hasToken } from "./api.js";
import { valueName } from "./words.js";

const day = 86400;

// ---- compare ------------------------------------------------------------------

function timeChoices({ from, to }) {
  return [
    ["the previous range", { ago: Math.round(to - from), labels: {} }],
    ["the same time a day before", { ago: day, labels: {} }],
    ["the same time a week before", { ago: 7 * day, labels: {} }],
  ];
}

// A button for what one wants most, and a list of all that this can be compared with.
export function makeComparing(onCompare) {
  const previous = element("button", { type: "button" }, "Compare with previous range");
  const others = element("select", { "aria-label": "Compare with" });
  let choices = [];
  let shown = "";
  previous.addEventListener("click", () => onCompare(choices[0][1]));
  others.addEventListener("change", () => {
    const [, base] = choices[Number(others.value)];
    others.value = "";
    onCompare(base);
  });
  return {
    nodes: [previous, others],
    // @groups: of the list; those that are not chosen can be the base.
    show(range, by, groups, chosen) {
      const rest = groups.filter(({ value }) => !chosen.includes(value));
      choices = [...timeChoices(range), ...rest.map(({ value }) => [`${by} ${valueName(value, by)}`, { ago: null, labels: { [by]: [value] } }])];
      const key = choices.map(([label]) => label).join("\n");
      if (key === shown) return;
      shown = key;
      const options = choices.map(([label], i) => element("option", { value: i }, label));
      others.replaceChildren(
        element("option", { value: "" }, "Compare with …"),
        element("optgroup", { label: "Time" }, ...options.slice(0, 3)),
        ...(rest.length ? [element("optgroup", { label: `By ${by}` }, ...options.slice(3))] : []),
      );
      others.value = "";
    },
  };
}

// ---- menus ----------------------------------------------------------------------

// @fill(body) is called whenever it opens.
function makeMenu(label, fill) {
  const body = element("div", { class: "menu-body" });
  const menu = element("details", { class: "menu" }, element("summary", {}, label), body);
  menu.addEventListener("toggle", () => menu.open && fill(body));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    event.preventDefault();
    menu.open = false;
    menu.firstElementChild.focus();
  });
  document.addEventListener("pointerdown", (event) => {
    if (menu.open && !menu.contains(event.target)) menu.open = false;
  });
  return menu;
}

// The names of formats, which the collector has put into the page.
const formats = document.currentScript.dataset.formats.split(" ");

async function save(parameters, button) {
  button.setAttribute("aria-busy", "true");
  try {
    const { name, blob } = await fetchFile("export", parameters);
    const link = element("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  } finally {
    button.removeAttribute("aria-busy");
  }
}

// @asked(): the parameters of what is seen. @onError(error).
export function makeDownloads(asked, onError) {
  return makeMenu("Download", (body) =>
    body.replaceChildren(
      ...formats.map((format) => {
        const button = element("button", { type: "button" }, format);
        return clickable(button, () => save({ format, ...asked() }, button).catch(onError));
      }),
    ),
  );
}

// ---- share ------------------------------------------------------------------------

async function copy(field) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    // Without a safe origin there is no clipboard, but there is the old command.
    document.execCommand("copy");
  }
}

function copyField(label, text, rows) {
  const field = element("textarea", { readonly: true, rows, "aria-label": label, spellcheck: "false" });
  field.value = text;
  const button = element("button", { type: "button" }, "Copy");
  const said = element("span", { class: "quiet", role: "status" });
  button.addEventListener("click", async () => {
    await copy(field);
    said.textContent = "Copied.";
  });
  return [element("h2", {}, label), field, element("div", { class: "actions" }, button, said)];
}

function quoted(text) {
  return `'${text.replace(/'/g, "'\\''")}'`;
}

function fetching(parameters, file) {
  const url = new URL(addressOf("export", { format: "otlp", ...parameters }), location.href).href;
  const token = hasToken() ? '-H "Authorization: Bearer $TOKEN" ' : "";
  return `curl -f ${token}-o ${file} ${quoted(url)}`;
}

// What gives the same at a terminal. The token is left out: whoever reads the line is not who may read profiles.
export function commandsOf(asked, base) {
  if (!base) return [fetching(asked, "profile.otlp.json"), "podflame convert profile.otlp.json -o profile.html"];
  return [
    fetching(base, "base.otlp.json"),
    fetching(asked, "new.otlp.json"),
    "podflame diff base.otlp.json new.otlp.json -o diff.html",
  ];
}

// @link(): the address of what is seen, with absolute times. @asked(), @base(): parameters, as above; base may be null.
export function makeSharing({ link, asked, base }) {
  return makeMenu("Share", (body) =>
    body.replaceChildren(
      ...copyField("Link, with absolute times", link(), 3),
      ...copyField("From the command line", commandsOf(asked(), base()).join("\n"), 6),
    ),
  );
}
