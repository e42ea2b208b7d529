// The page of a picture: progress while it is made; share, report and comment in place.

import { call } from "./api.js";
import { cancel } from "./cancel-picture.js";
import { follow } from "./event-stream.js";
import "./form-dialog.js";

const tile = document.querySelector(".tile");
if (tile && ["queued", "processing", "retrying"].includes(tile.dataset.status)) {
  const path = `/api/v1/generations/${tile.dataset.id}`;
  follow(`${path}/events`, () => call("GET", path), (image) => {
    const bar = document.querySelector(".tile progress");
    if (image.progress && bar) bar.value = image.progress.progress_percent;
  }).then(() => location.reload());
  tile.querySelector("[data-cancel]")?.addEventListener("click", (event) => cancel(event.target));
}

// ── Share ────────────────────────────────────────────────────────────────────────────────────────

const address = () => document.getElementById("address");

function showCopy() {
  const button = document.querySelector("[data-copy]");
  if (button && navigator.clipboard) button.hidden = false;
}

document.addEventListener("click", (event) => {
  if (!navigator.share || !event.target.closest(".share > summary")) return;
  event.preventDefault();
  navigator.share({ title: document.title, url: address().value }).catch(() => {});
});
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  address().select();
  await navigator.clipboard.writeText(address().value);
  button.textContent = button.dataset.copied;
});
showCopy();

// ── Comments ─────────────────────────────────────────────────────────────────────────────────────

const spoken = document.getElementById("comments-said");

// A refused form is returned with its errors.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { status } = event.detail.xhr;
  if (status === 422 || status === 409) Object.assign(event.detail, { shouldSwap: true, isError: false });
});
for (const failed of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(failed, () => { spoken.textContent = spoken.dataset.failed; });
}
document.addEventListener("htmx:afterSettle", () => {
  showCopy();
  dropDoubles();
  const fresh = document.querySelector("[data-fresh]");
  fresh?.removeAttribute("data-fresh");
  if (fresh) fresh.focus();
  else if (document.activeElement === document.body) document.getElementById("comments-title")?.focus();
});

// The user's own new comment is already at the end when the rest is loaded.
function dropDoubles() {
  const seen = new Set();
  for (const each of document.querySelectorAll(".comment")) {
    if (seen.has(each.id)) each.remove();
    seen.add(each.id);
  }
}

// A notification may link to a comment that is not on the first page.
async function findComment() {
  const id = location.hash.match(/^#comment-(\d+)$/)?.[1];
  if (!id || !spoken) return;
  if (!document.getElementById(`comment-${id}`)) {
    await window.htmx.ajax("GET", `/comments/${id}`, { target: "#threads", swap: "afterbegin" }).catch(() => {});
  }
  document.getElementById(`comment-${id}`)?.scrollIntoView({ block: "center" });
  document.getElementById(`said-${id}`)?.focus({ preventScroll: true });
}

addEventListener("hashchange", findComment);
addEventListener("DOMContentLoaded", findComment);
