// On every page: change the theme without a reload, close menus, focus errors, and store the time
// zone in a cookie.

import "./connection.js";

const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
if (timeZone) document.cookie = `timezone=${timeZone}; path=/; max-age=31536000; samesite=lax`;

const themes = document.querySelector("[data-theme-switch]");
themes?.addEventListener("submit", (event) => {
  event.preventDefault();
  const chosen = event.submitter.value;
  document.cookie = `theme=${chosen}; path=/; max-age=31536000; samesite=lax`;
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  for (const button of themes.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button === event.submitter));
  }
  document.dispatchEvent(new CustomEvent("themechange"));
});

const menu = document.querySelector("details.menu");
document.addEventListener("click", (event) => {
  if (menu?.open && !menu.contains(event.target)) menu.open = false;
});
menu?.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

document.querySelector(".problem[tabindex]:not([hidden])")?.focus();
