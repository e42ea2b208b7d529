// Live notifications: new ones are added on top, opened ones are marked as read.

import { csrfToken } from "./csrf.js";

const list = document.getElementById("news");

document.addEventListener("news", (event) => {
  const newest = list.querySelector("[data-id]")?.dataset.id ?? "0";
  // Do not move a reader who has scrolled down; the unread count shows the news.
  const isOnTop = window.scrollY < window.innerHeight;
  if (isOnTop && event.detail.latest && event.detail.latest.id > Number(newest)) window.htmx.trigger(list, "refresh");
});

list.addEventListener("click", (event) => {
  const row = event.target.closest("a")?.closest(".unread");
  if (!row) return;
  // The page may be left before the response arrives.
  fetch(`/api/v1/notifications/${row.dataset.id}/read`, {
    method: "PATCH", headers: { "X-CSRFToken": csrfToken() }, keepalive: true,
  }).catch(() => {});
});
