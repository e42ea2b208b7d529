// Follow a user in place: shown at once, undone if the request fails.

import { ApiError, call } from "./api.js";

const number = (value) => new Intl.NumberFormat(document.documentElement.lang).format(value);

function show(form, isOn) {
  const button = form.querySelector("button");
  form.dataset.on = String(isOn);
  form.action = form.action.replace(/[^/]+$/, isOn ? "unfollow" : "follow");
  button.textContent = isOn ? button.dataset.unfollowText : button.dataset.followText;
}

function count(by) {
  for (const place of document.querySelectorAll("[data-followers]")) {
    const now = Math.max(0, Number(place.dataset.followers) + by);
    place.dataset.followers = String(now);
    place.textContent = (now === 1 ? place.dataset.one : place.dataset.many).replace("{count}", number(now));
  }
}

async function turn(form) {
  const said = form.querySelector("[role=status]");
  const isOn = form.dataset.on !== "true";
  show(form, isOn);
  count(isOn ? 1 : -1);
  try {
    await call(isOn ? "POST" : "DELETE", `/api/v1/users/${form.dataset.follow}/follow`);
    said.textContent = isOn ? said.dataset.onText : said.dataset.offText;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    count(isOn ? -1 : 1);
    if (error.code === "DUPLICATE_FOLLOW") return;
    show(form, !isOn);
    if (error.code === "NETWORK") return;
    said.textContent = error.message;
    said.classList.remove("visually-hidden");
  }
}

for (const form of document.querySelectorAll("form[data-follow]")) {
  let turning = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (turning) return;
    turning = true;
    await turn(form).finally(() => { turning = false; });
  });
}
