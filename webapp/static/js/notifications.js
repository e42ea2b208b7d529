// Live notifications: new ones are added on top, opened ones are marked as read.

import { csrfToken } from "./csrf.js";

const list = document.getElementById("news");

document.addEventListener("news", (event) => {
  const newest = list.querySelector("[data-at]")?.dataset.at ?? 0;
  // Do not move a reader who has scrolled down; the unread count shows the news.
  const isOnTop = window.scrollY < window.innerHeight;
  // By time: another like of a picture makes its notification new again.
  if (isOnTop && event.detail.latest && new Date(event.detail.latest.created_at) > new Date(newest)) window.htmx.trigger(list, "refresh");
});

list.addEventListener("click", (event) => {
  const row = event.target.closest("a")?.closest(".unread");
  if (!row) return;
  // The page may be left before the response arrives.
  fetch(`/api/v1/notifications/${row.dataset.id}/read`, {
    method: "PATCH", headers: { "X-CSRFToken": csrfToken() }, keepalive: true,
  }).catch(() => {});
});
