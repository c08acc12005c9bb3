// SPDX-License-Identifier: Apache-2.0
//
// Questions to the collector. A failed one throws an Error whose message is a
// sentence for people; its status is that of HTTP, 0 if there was no answer.

const tokenKey = "podflame-token";
const root = "api/v1/";

// For this tab only; the collector may want none.
export function setToken(token) {
  sessionStorage.setItem(tokenKey, token);
}

export function hasToken() {
  return Boolean(sessionStorage.getItem(tokenKey));
}

function failure(status, message) {
  return Object.assign(new Error(message), { status });
}

async function sentence(response) {
  try {
    return (await response.json()).message;
  } catch {
    return `The collector answered with status ${response.status}.`;
  }
}

// Control characters and those that turn the direction of writing, made visible.
const hidden = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export function visible(text) {
  return text.replace(hidden, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

// A list of values repeats its parameter; what is null is left out.
export function addressOf(path, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    for (const one of [value].flat()) if (one != null) query.append(name, one);
  return `${root}${path}?${query}`;
}

async function send(address, headers, signal) {
  const token = sessionStorage.getItem(tokenKey);
  if (token) headers.Authorization = `Bearer ${token}`;
  try {
    return await fetch(address, { headers, signal, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw failure(0, "The collector does not answer. Is it still running?");
  }
}

// Ends with an AbortError when the signal says so.
export async function ask(path, parameters, signal) {
  const response = await send(addressOf(path, parameters), {}, signal);
  if (!response.ok) throw failure(response.status, await sentence(response));
  return response.json();
}

// The tags of the last answers, by what was asked for apart from the time.
const tags = new Map();

// As ask(). Null if nothing is new since the last answer to the same question.
// @again: that answer is still there to be looked at.
export async function askForNews(path, parameters, signal, again) {
  const { from: _from, to: _to, ...rest } = parameters;
  const what = addressOf(path, rest);
  const tag = again ? tags.get(path + what) : null;
  const response = await send(addressOf(path, parameters), tag ? { "If-None-Match": tag } : {}, signal);
  if (response.status === 304) return null;
  if (!response.ok) throw failure(response.status, await sentence(response));
  const answer = await response.json();
  tags.set(path + what, response.headers.get("ETag"));
  return answer;
}

// A file: {name, blob}.
export async function fetchFile(path, parameters) {
  const response = await send(addressOf(path, parameters), {});
  if (!response.ok) throw failure(response.status, await sentence(response));
  const [, name] = /filename="([^"]*)"/.exec(response.headers.get("Content-Disposition") || "") || [];
  return { name: name || `podflame.${parameters.format}`, blob: await response.blob() };
}
