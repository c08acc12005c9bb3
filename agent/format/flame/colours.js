// SPDX-License-Identifier: Apache-2.0
//
// The colour of a frame. The program's own code is warm, what it stands on (the
// standard library, installed packages) is cool and paler, so that the eye finds
// one's own code first. Within that, the hue follows from the file and the
// lightness from the function: the same everywhere, in every profile. Frames that say
// why a thread waits have the colours of waiting.js. Collections of garbage are green,
// as nothing else is. Native code has the two hues of native.js: pink for C, brown for the kernel.

import { nativeTone } from "./native.js";
import { kindOf, toneOf } from "./waiting.js";

const library = /\/(site|dist)-packages\/|\/lib(64)?\/(pypy|python)\d|^<frozen /;

const themes = {
  light: { own: [0.83, 0.115], library: [0.87, 0.042], plain: [0.9, 0.006], gc: [0.86, 0.12], dim: "#ececf0", match: "#c9a4ff" },
  dark: { own: [0.75, 0.11], library: [0.68, 0.055], plain: [0.62, 0.012], gc: [0.72, 0.13], dim: "#26272d", match: "#7d4fd6" },
};

// Degrees in OKLCH: from rose over orange to yellow, and from teal to violet.
const hues = { own: [8, 98], library: [185, 300] };
const hueSteps = 9;
const gcHue = 145;

// The frame of a collection. It has no file.
export const gcName = "<GC>";
const lightnessSpread = 0.035;

// FNV-1a.
function hash(text) {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return (h ^ (h >>> 15)) >>> 0;
}

function gamma(x) {
  const y = x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055;
  return Math.round(255 * Math.min(1, Math.max(0, y)));
}

// OKLCH to sRGB, after Björn Ottosson's definition of OKLab.
function oklch(lightness, chroma, degrees) {
  const a = chroma * Math.cos((degrees * Math.PI) / 180);
  const b = chroma * Math.sin((degrees * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const red = gamma(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
  const green = gamma(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
  const blue = gamma(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s);
  return `rgb(${red}, ${green}, ${blue})`;
}

export function isLibrary(file) {
  return library.test(file);
}

export function colour(name, file, dark) {
  const theme = dark ? themes.dark : themes.light;
  const waiting = kindOf(name, file);
  if (waiting) return waitingColour(waiting, dark);
  if (!file && name === gcName) return oklch(...theme.gc, gcHue);
  if (!file) return oklch(...theme.plain, 280);
  const kind = isLibrary(file) ? "library" : "own";
  const [lightness, chroma] = theme[kind];
  const [from, to] = hues[kind];
  const hue = from + ((to - from) * (hash(file) % hueSteps)) / (hueSteps - 1);
  const shift = ((hash(name) % 5) / 4 - 0.5) * lightnessSpread;
  return oklch(lightness + shift, chroma, hue);
}

// @kind: "c" or "kernel". Without a name it is the kind's own colour.
export function nativeColour(kind, dark, name) {
  const [lightness, chroma, hue] = nativeTone(kind, dark);
  const shift = name ? ((hash(name) % 5) / 4 - 0.5) * lightnessSpread : 0;
  return oklch(lightness + shift, chroma, hue);
}

export function waitingColour(kind, dark) {
  return oklch(...toneOf(kind, dark));
}

export function dimmed(dark) {
  return (dark ? themes.dark : themes.light).dim;
}

export function matched(dark) {
  return (dark ? themes.dark : themes.light).match;
}
