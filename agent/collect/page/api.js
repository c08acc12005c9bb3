// SPDX-License-Identifier: Apache-2.0
//
// Questions to the collector. A failed one throws an Error whose message is a
// sentence for people; its status is that of HTTP, 0 if there was no answer.

const tokenKey = "podflame-token";

// For this tab only; the collector may want none.
export function setToken(token) {
  sessionStorage.setItem(tokenKey, token);
}

export function hasToken() {
  return Boolean(sessionStorage.getItem(tokenKey));
}

function headers() {
  const token = sessionStorage.getItem(tokenKey);
  return token ? { Authorization: `Bearer ${token}` } : {};
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

// Ends with an AbortError when the signal says so.
export async function ask(path, parameters, signal) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value != null));
  let response;
  try {
    response = await fetch(`api/v1/${path}?${query}`, { headers: headers(), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw failure(0, "The collector does not answer. Is it still running?");
  }
  if (!response.ok) throw failure(response.status, await sentence(response));
  return response.json();
}
