// The unread count in the header, live while the page is visible. A page in the background keeps no
// stream open. Other scripts listen to the document's event "news".

import { call } from "./api.js";

const POLL_MS = 15000;
const MOST = 99;
const bell = document.querySelector(".bell");
const shown = document.getElementById("unread");
const spoken = document.getElementById("unread-spoken");
let source = null;
let timer = null;
let before = Number.parseInt(shown.textContent, 10) || 0;

function show(news) {
  const count = news.unread_count;
  shown.hidden = count === 0;
  shown.textContent = count > MOST ? `${MOST}+` : String(count);
  if (count > before) spoken.textContent = spoken.dataset.text.replace("{count}", shown.textContent);
  before = count;
  document.dispatchEvent(new CustomEvent("news", { detail: news }));
}

async function ask() {
  const news = await call("GET", bell.dataset.unread).catch(() => null);
  if (news) show(news);
}

function close() {
  source?.close();
  clearInterval(timer);
  source = null;
  timer = null;
}

function open() {
  if (source) return;
  source = new EventSource(bell.dataset.events);
  source.addEventListener("update", (event) => {
    clearInterval(timer);
    timer = null;
    show(JSON.parse(event.data));
  });
  // The browser reconnects by itself where it can; until then, poll.
  source.addEventListener("error", () => { timer ??= setInterval(ask, POLL_MS); });
}

function follow() {
  if (document.visibilityState === "visible") open();
  else close();
}

document.addEventListener("visibilitychange", follow);
addEventListener("pagehide", close);
addEventListener("pageshow", follow);
