// Client of the Sets API for the signed-in user's account, or an anonymous account of this browser,
// whose token is stored until a user signs in and adopts it.

import { ApiError, call as ask, newKey } from "./api.js";
import * as toast from "./toast.js";

const TOKEN = "sets-token";
const ROOT = "/api/v1/sets";
const POLL_MS = 5000;
const GONE = [401, 404];
const LOST = ["TOKEN_EXPIRED", "TOKEN_INVALID"];
export const FINAL = ["done", "failed", "canceled"];
export const isFinal = (job) => FINAL.includes(job.status);

let token = null; // without storage it lasts as long as the page
let isSignedIn = false;

function stored() {
  try { return localStorage.getItem(TOKEN); } catch { return token; }
}

function store(value) {
  token = value;
  try {
    if (value) localStorage.setItem(TOKEN, value);
    else localStorage.removeItem(TOKEN);
  } catch { /* kept for this page only */ }
}

const bearer = () => (!isSignedIn && stored() ? { Authorization: `Bearer ${stored()}` } : {});

export const hasAccount = () => isSignedIn || Boolean(stored());

export async function call(method, path, body, more = {}, isQuiet = method === "GET") {
  try {
    return await ask(method, `${ROOT}${path}`, body, { ...bearer(), ...more }, isQuiet);
  } catch (error) {
    // The token has expired; the next album creates a new account.
    if (!isSignedIn && LOST.includes(error.code)) store(null);
    throw error;
  }
}

// Loads the account; a signed-in user adopts the anonymous account of this browser.
// Resolves with the adopted account, or null when there was none.
export async function begin({ isSignedIn: known }) {
  isSignedIn = known;
  const before = stored();
  if (!isSignedIn || !before) return null;
  try {
    const adopted = await ask("POST", `${ROOT}/auth/adopt`, undefined, { Authorization: `Bearer ${before}` }, true);
    store(null);
    return adopted;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // Forget the token only when there is no account to adopt; other errors may be temporary.
    if ([...LOST, "ALREADY_ADOPTED"].includes(error.code)) store(null);
    return null;
  }
}

export async function ensureAccount() {
  if (hasAccount()) return;
  store((await ask("POST", `${ROOT}/auth/anon`)).token);
}

export const create = (body, key) => call("POST", "/jobs", body, { "Idempotency-Key": key });
export const confirmPath = (id) => `/jobs/${id}/confirm-upload`;
export { ApiError, newKey };

export async function allInstances(id) {
  const found = [];
  let cursor = "";
  do {
    const page = await call("GET", `/jobs/${id}/instances?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    found.push(...page.results);
    cursor = page.next_cursor ?? "";
  } while (cursor);
  return found;
}

// ── follow a job ─────────────────────────────────────────────────────────────────────────────────

// EventSource sends no token, so the stream is read with fetch.
async function readStream(path, onChange, signal) {
  const answer = await fetch(`${ROOT}${path}`, {
    headers: { Accept: "text/event-stream", ...bearer() }, credentials: "same-origin", signal,
  });
  if (!answer.ok) throw new ApiError(answer.status);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const messages = (rest + value).split("\n\n");
    rest = messages.pop();
    for (const message of messages) {
      const data = message.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n");
      if (data) onChange(JSON.parse(data));
    }
  }
}

const pause = (ms, signal) => new Promise((resolve) => {
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
});

// Reports each state of a job until it is final or `signal` aborts; polls when the stream fails.
export async function follow(id, onChange, signal) {
  let last = null;
  const hear = (job) => { last = job; onChange(job); };
  while (!signal.aborted && !(last && isFinal(last))) {
    await readStream(`/jobs/${id}/events`, hear, signal).catch(() => null);
    if (signal.aborted || (last && isFinal(last))) return;
    await pause(POLL_MS, signal);
    const job = await call("GET", `/jobs/${id}`).catch((error) => (GONE.includes(error.status) ? undefined : null));
    if (job === undefined) return; // the job is gone or not visible to this account
    if (job && !signal.aborted) hear(job);
  }
}

// ── export ───────────────────────────────────────────────────────────────────────────────────

const AGAIN_MS = 1500;
const MOST_TRIES = 200; // five minutes

// Requests the archive and starts its download. The redirect leads to a presigned URL, which needs
// no token.
export async function download(id, template, jobs) {
  const query = new URLSearchParams({ template, language: document.documentElement.lang });
  if (jobs.length) query.set("jobs", jobs.join(","));
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const answer = await fetch(`${ROOT}/jobs/${id}/export?${query}`, {
      headers: { "Accept-Language": document.documentElement.lang, ...bearer() }, credentials: "same-origin",
    }).catch(() => { toast.unreachable(); throw new ApiError(0); });
    if (answer.redirected && answer.ok) {
      await answer.body.cancel();
      return answer.url;
    }
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new ApiError(answer.status, said.error);
    await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
  }
  throw new ApiError(503);
}

// ── responses of the API, as the pages use them ──────────────────────────────────────────────────

// A job with its results by photo index.
export function normal(job) {
  return { ...job, outputs: new Map((job.outputs_ready ?? []).map((each) => [each.idx, each])) };
}

export const previews = (answer) => answer.results.map((each) => ({ idx: each.idx, url: each.preview_url, warnings: each.warnings }));

// The jobs of a list that have the same photos as one job: its source, its variants, and theirs.
export function familyOf(job, jobs) {
  const known = new Set([job.job_id]);
  const linked = [job, ...jobs];
  for (let size = 0; size !== known.size;) {
    size = known.size;
    for (const each of linked) {
      const near = [each.job_id, each.source_job_id, each.parent_job_id].filter(Boolean);
      if (near.some((id) => known.has(id))) for (const id of near) known.add(id);
    }
  }
  return jobs.filter((each) => known.has(each.job_id));
}
