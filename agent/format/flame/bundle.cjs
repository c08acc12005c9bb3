// SPDX-License-Identifier: Apache-2.0
//
// Makes one self-contained html file of a page, its script and its style sheet:
//
//   node bundle.cjs PAGE.html OUT.html
//
// Every <link rel="stylesheet" href="…"> and <script src="…"> of the page is
// bundled with what it imports and put in its place. The licences of the packages
// that went in go along, as a comment.

"use strict";

const fs = require("node:fs");
const path = require("node:path");
const esbuild = require("esbuild");

// Older browsers than these cannot show the page's style either.
const target = ["chrome109", "firefox115", "safari16"];

// A licence text longer than this is named, not quoted.
const licenceQuoted = 4096;

const script = { format: "iife" };

function bundle(entry, options) {
  const result = esbuild.buildSync({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    charset: "utf8",
    legalComments: "none",
    nodePaths: (process.env.NODE_PATH || "").split(path.delimiter).filter(Boolean),
    target,
    ...options,
  });
  return { text: result.outputFiles[0].text.trim(), inputs: Object.keys(result.metafile.inputs) };
}

// The folders of the npm packages that these files belong to.
function packages(inputs) {
  const found = new Set();
  for (const input of inputs) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match) found.add(match[1]);
  }
  return [...found].sort();
}

function licence(folder) {
  const { name, version, license } = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
  const file = fs.readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? fs.readFileSync(path.join(folder, file), "utf8").trim() : "";
  const quoted = text && text.length <= licenceQuoted ? `\n${text}\n` : "";
  return `${name} ${version}, ${license}${quoted}`;
}

function comment(inputs) {
  const texts = packages(inputs).map(licence);
  // Two hyphens would end a comment.
  return texts.length ? `<!--\nThis file contains:\n\n${texts.join("\n")}\n`.replace(/(?<!<!)--+/g, "-") + "-->\n" : "";
}

function main([page, out]) {
  const from = (name) => path.resolve(path.dirname(page), name);
  const inputs = [];
  const inline = (name, options) => {
    const result = bundle(from(name), options);
    inputs.push(...result.inputs);
    return result.text;
  };
  const html = fs
    .readFileSync(page, "utf8")
    .replace(/<link rel="stylesheet" href="([^"]+)"\s*\/?>/g, (_, href) => `<style>${inline(href, {})}</style>`)
    .replace(/<script src="([^"]+)"><\/script>/g, (_, src) => `<script>${inline(src, script)}</script>`);
  fs.writeFileSync(out, html.replace(/^(<!doctype html>\n)/i, (line) => line + comment(inputs)));
}

if (process.argv.length !== 4) {
  console.error("usage: bundle.cjs PAGE.html OUT.html");
  process.exit(2);
}
main(process.argv.slice(2));
