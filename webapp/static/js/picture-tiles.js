// Tiles of pictures in progress: each is replaced by its picture when it is ready.

import { call } from "./api.js";
import { cancel } from "./cancel-picture.js";
import { follow, isFinal } from "./event-stream.js";

const OPEN = ["queued", "processing", "retrying"];
const list = document.getElementById("tiles");
const spoken = document.getElementById("spoken");
let following = null;
let refreshing = false;
let again = false;

const open = () => [...list.children].filter((tile) => OPEN.includes(tile.dataset.status));

// Replace the tiles of these pictures with those of the server; new ones are added in front.
export async function refresh(ids) {
  const query = new URLSearchParams(ids.map((id) => ["id", id]));
  if (!document.hidden) query.set("seen", "1"); // what is told of them is read
  const answer = await fetch(`/g/tiles?${query}`, { headers: { "HX-Request": "true" } });
  if (!answer.ok) return;
  const piece = document.createElement("template");
  piece.innerHTML = await answer.text();
  for (const tile of [...piece.content.children].reverse()) {
    const old = document.getElementById(tile.id);
    if (!old) list.prepend(tile);
    else if (old.dataset.status !== tile.dataset.status || OPEN.includes(tile.dataset.status)) {
      announce(old, tile);
      old.replaceWith(tile);
    }
  }
  list.dispatchEvent(new CustomEvent("tileschange", { bubbles: true }));
}

// One refresh at a time; a change in the meantime starts another.
async function refreshOpen() {
  if (refreshing) {
    again = true;
    return;
  }
  refreshing = true;
  do {
    again = false;
    const ids = open().map((tile) => tile.dataset.id);
    if (ids.length) await refresh(ids.slice(0, 12)).catch(() => {});
  } while (again);
  refreshing = false;
}

function announce(old, tile) {
  const before = Math.floor(old.dataset.percent / 10);
  const now = Math.floor(tile.dataset.percent / 10);
  if (tile.dataset.status === "completed") spoken.textContent = spoken.dataset.done;
  else if (tile.dataset.status === "failed") spoken.textContent = spoken.dataset.failed;
  else if (now > before && tile === tile.parentNode?.firstElementChild) {
    spoken.textContent = spoken.dataset.progress.replace("{percent}", String(now * 10));
  }
}

// One stream for all tiles: browsers allow few connections, and pictures of one order advance together.
export async function followOpen() {
  if (following) return;
  while (open().length) {
    const tile = open().at(-1);
    const { id } = tile.dataset;
    const path = `/api/v1/generations/${id}`;
    following = id;
    const timer = setInterval(refreshOpen, 5000);
    const last = await follow(`${path}/events`, () => call("GET", path), refreshOpen);
    clearInterval(timer);
    await refresh([id]).catch(() => {});
    // Stop following a tile that could not be fetched.
    const shown = document.getElementById(`tile-${id}`);
    if (isFinal(last) && shown && OPEN.includes(shown.dataset.status)) shown.dataset.status = last.status;
  }
  following = null;
  list.dispatchEvent(new CustomEvent("allfinal", { bubbles: true }));
}

list?.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-cancel]");
  if (!button) return;
  await cancel(button);
  await refresh([button.dataset.cancel]).catch(() => {});
});
