// The gallery: Back restores the scroll position, keys move between cards. Works without scripts.

const wall = document.getElementById("wall");
const said = document.getElementById("wall-said");
const MOST = 100; // cards of one response
const cards = () => [...wall.querySelectorAll(".card")];
const link = () => wall.querySelector(".more a");

// ── Scroll position ──────────────────────────────────────────────────────────────────────────────

// The history entry stores how many cards were loaded, and which one was on top.
function remember() {
  const top = cards().find((card) => card.getBoundingClientRect().bottom > 0);
  const place = { count: cards().length, id: top?.id, top: top?.getBoundingClientRect().top };
  history.replaceState(scrollY > 0 ? place : null, "");
}

async function goBackTo(place) {
  // Otherwise it would load as soon as it is visible.
  link()?.removeAttribute("hx-get");
  while (link() && (cards().length < place.count || !document.getElementById(place.id))) {
    const address = new URL(link().href);
    address.searchParams.set("limit", Math.max(1, Math.min(MOST, place.count - cards().length)));
    const answer = await fetch(address, { headers: { "HX-Request": "true" } });
    if (!answer.ok) break;
    wall.querySelector(".more").remove();
    wall.insertAdjacentHTML("beforeend", await answer.text());
    if (cards().length >= place.count) break;
  }
  const card = document.getElementById(place.id);
  if (card) scrollBy({ top: card.getBoundingClientRect().top - place.top, behavior: "instant" });
}

async function restore() {
  const place = history.state;
  history.scrollRestoration = "manual";
  if (place?.count) {
    await goBackTo(place).catch(() => {});
    window.htmx?.process(wall);
  }
  let timer = null;
  addEventListener("scroll", () => {
    clearTimeout(timer);
    timer = setTimeout(remember, 100);
  }, { passive: true });
  document.addEventListener("click", remember, { capture: true });
}

// ── More pictures ──────────────────────────────────────────────────────────────────────────

let lastCard = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  const had = event.detail.target.contains(document.activeElement);
  lastCard = had ? cards().at(-1) : null;
});
document.addEventListener("htmx:afterSettle", () => {
  said.textContent = said.dataset.more;
  // After loading by keyboard, focus the first new picture.
  lastCard?.nextElementSibling?.querySelector("a.mat")?.focus();
  lastCard = null;
});
for (const failed of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(failed, () => { said.textContent = said.dataset.failed; });
}

// ── Keys ───────────────────────────────────────────────────────────────────────────────────

const hint = document.querySelector(".shortcuts");
const toggle = document.getElementById("shortcuts");

function move(by) {
  const all = cards();
  const next = all[all.indexOf(document.activeElement.closest(".card")) + by] ?? all[by > 0 ? 0 : all.length - 1];
  next?.querySelector("a.mat").focus();
}

function onKey(event) {
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select");
  if (!toggle.checked || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "j") move(1);
  if (event.key === "k") move(-1);
  if (event.key === "l") document.activeElement.closest(".card")?.querySelector(".like button, a.like")?.click();
}

if (wall) {
  hint.hidden = false;
  toggle.checked = localStorage.getItem("shortcuts") !== "off";
  toggle.addEventListener("change", () => localStorage.setItem("shortcuts", toggle.checked ? "on" : "off"));
  document.addEventListener("keydown", onKey);
  restore();
}
