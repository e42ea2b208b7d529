// News, live: what is new comes on top, what is opened counts as read.

import { csrfToken } from "./csrf.js";

const list = document.getElementById("news");

document.addEventListener("news", (event) => {
  const newest = list.querySelector("[data-id]")?.dataset.id ?? "0";
  // Who has read far down must not be thrown up again; the bell tells.
  const isOnTop = window.scrollY < window.innerHeight;
  if (isOnTop && event.detail.latest && event.detail.latest.id > Number(newest)) window.htmx.trigger(list, "refresh");
});

list.addEventListener("click", (event) => {
  const row = event.target.closest("a")?.closest(".unread");
  if (!row) return;
  // The page may be gone before this is answered.
  fetch(`/api/v1/notifications/${row.dataset.id}/read`, {
    method: "PATCH", headers: { "X-CSRFToken": csrfToken() }, keepalive: true,
  }).catch(() => {});
});
