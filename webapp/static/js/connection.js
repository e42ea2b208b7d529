// On every page: while the site cannot be reached, show a toast and stay on the page, so that the
// browser's own error page does not discard input. API calls show the toast themselves.

import * as toast from "./toast.js";

const ANSWER_MS = 5000;
const asking = new WeakSet();
const allowed = new WeakSet();

async function isReachable() {
  if (!navigator.onLine) return false;
  const asked = { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) };
  return fetch("/healthz", asked).then((answer) => answer.ok, () => false);
}

// ── Plain forms and links ────────────────────────────────────────────────────────────────────
// On the window, after handlers that submit the form by script have prevented the default.

addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  if (event.defaultPrevented || form.method === "dialog" || allowed.delete(form)) return;
  if (form.method === "get" && navigator.onLine) return;
  event.preventDefault();
  if (asking.has(form)) return;
  asking.add(form);
  const isThere = await isReachable();
  asking.delete(form);
  if (!isThere) return toast.unreachable();
  allowed.add(form);
  form.requestSubmit(submitter);
});

addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (navigator.onLine || !link || event.defaultPrevented) return;
  const isHere = link.href.split("#")[0] === location.href.split("#")[0];
  if (isHere && link.hash) return;
  event.preventDefault();
  toast.unreachable();
});

// ── htmx ─────────────────────────────────────────────────────────────────────────────────────

// Polling requests were not started by the user.
function isAct({ elt, requestConfig: { verb, triggeringEvent } }) {
  if (verb !== "get") return true;
  return triggeringEvent ? triggeringEvent.isTrusted : !elt.matches("[hx-trigger*='every']");
}

for (const failed of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(failed, (event) => isAct(event.detail) && toast.unreachable());
}

// A full error page gives the reason in its first paragraph.
document.addEventListener("htmx:responseError", (event) => {
  const { xhr } = event.detail;
  if (!isAct(event.detail) || xhr.getResponseHeader("HX-Reswap")) return;
  const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
  const text = page.querySelector("main p")?.textContent.trim();
  if (text) toast.say(text);
  else toast.unreachable();
});
