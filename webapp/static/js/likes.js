// Likes are shown at once and sent in the background; a failed request is undone.

import { ApiError, call } from "./api.js";
import * as toast from "./toast.js";

const number = (value) => new Intl.NumberFormat(document.documentElement.lang).format(value);
const state = (button) => button.getAttribute("aria-pressed") === "true";
const settling = new Set();

function show(button, isLiked, count) {
  button.setAttribute("aria-pressed", String(isLiked));
  button.value = isLiked ? "0" : "1";
  button.dataset.count = count;
  button.querySelector(".count").textContent = number(count);
}

async function send(id, isLiked) {
  const path = `/api/v1/generations/${id}/like`;
  try {
    return (await call(isLiked ? "POST" : "DELETE", path))?.like_count;
  } catch (error) {
    if (error instanceof ApiError && error.code === "DUPLICATE_LIKE") return undefined;
    throw error;
  }
}

// One request at a time per picture; a change in the meantime sends another.
async function settle(id, button, was) {
  if (settling.has(id)) return;
  settling.add(id);
  let known = was;
  try {
    while (state(button) !== known.isLiked) {
      const isLiked = state(button);
      const count = await send(id, isLiked);
      known = { isLiked, count: count ?? Number(button.dataset.count) };
      if (state(button) === isLiked) show(button, isLiked, known.count);
    }
  } catch (error) {
    if (error.status === 401) location.assign(`/login?next=/g/${id}`);
    else if (error.code !== "NETWORK") toast.say(error.message);
    show(button, known.isLiked, known.count);
  } finally {
    settling.delete(id);
  }
}

document.addEventListener("submit", (event) => {
  const id = event.target.dataset.like;
  if (!id) return;
  event.preventDefault();
  const button = event.target.querySelector("button");
  button.dataset.count ??= button.querySelector(".count").textContent.replace(/\D/g, "");
  const was = { isLiked: state(button), count: Number(button.dataset.count) };
  show(button, !was.isLiked, was.count + (was.isLiked ? -1 : 1));
  settle(id, button, was);
});
