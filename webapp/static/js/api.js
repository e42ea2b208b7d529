// Client of the JSON API: calls, errors with their code, upload progress. A network failure is shown
// in the toast, here and nowhere else.

import { csrfToken } from "./csrf.js";
import * as toast from "./toast.js";

export class ApiError extends Error {
  constructor(status, error) {
    super(error?.message ?? "");
    this.status = status;
    this.code = error?.code ?? "NETWORK";
    this.details = error?.details ?? {};
  }
}

// Ask for errors in the language of the page, which may differ from the browser's.
const language = () => document.documentElement.lang;

function headers(more = {}) {
  return { "X-CSRFToken": csrfToken(), "Accept-Language": language(), ...more };
}

function unreached(isQuiet) {
  if (!isQuiet) toast.unreachable();
  return new ApiError(0);
}

// A quiet call was not started by the user, so a network failure shows no toast.
export async function call(method, path, body, more = {}, isQuiet = method === "GET") {
  const asked = fetch(path, {
    method,
    headers: headers(body === undefined ? more : { "Content-Type": "application/json", ...more }),
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "same-origin",
    // A like or a follow is shown at once: it must not be lost when the page is left at once.
    keepalive: method !== "GET" && body === undefined,
  });
  const answer = await asked.catch(() => { throw unreached(isQuiet); });
  if (answer.status === 204) return null;
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ApiError(answer.status, said.error);
  return said.data;
}

// Only XMLHttpRequest reports upload progress.
export function send(path, form, onProgress, more = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    for (const [name, value] of Object.entries(headers(more))) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(Math.round((100 * event.loaded) / event.total));
    });
    request.addEventListener("load", () => {
      let said = {};
      try { said = JSON.parse(request.responseText); } catch { /* an answer that is none of ours */ }
      if (request.status < 300) resolve(said.data);
      else reject(new ApiError(request.status, said.error));
    });
    request.addEventListener("error", () => reject(unreached(false)));
    request.send(form);
  });
}

export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
