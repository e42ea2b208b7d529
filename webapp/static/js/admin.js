// Keyboard shortcuts of the admin lists: j and k move, a letter opens the form of an action. Without
// scripts the links and forms work the same.

const items = [...document.querySelectorAll("[data-item]")];

function here() {
  return document.activeElement?.closest("[data-item]") ?? null;
}

function move(by) {
  const at = items.indexOf(here());
  const next = at < 0 ? items[by > 0 ? 0 : items.length - 1] : items[at + by];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const open = event.target.closest("details.action[open]");
  if (event.key === "Escape" && open) {
    open.open = false;
    (here() ?? open.querySelector("summary")).focus();
    return;
  }
  if (event.target.closest("input, textarea, select")) return;
  if (event.key === "j") return move(1);
  if (event.key === "k") return move(-1);
  const item = here() ?? (items.length === 1 ? items[0] : null);
  if (!item) return;
  if (event.key === "Enter" && event.target === item) {
    item.querySelector("[data-open]")?.click();
    return;
  }
  const summary = item.querySelector(`summary[data-key="${CSS.escape(event.key)}"]`);
  if (!summary || item.querySelector(".done")) return;
  event.preventDefault();
  summary.parentElement.open = true;
  ask(summary.parentElement); // focus at once: the next keys typed are the reason
});

// Opening an action focuses its reason, or its first field, and closes the other actions of the row.
function ask(action) {
  for (const other of action.parentElement.querySelectorAll("details.action[open]")) {
    if (other !== action) other.open = false;
  }
  (action.querySelector("[name=reason]") ?? action.querySelector("input:not([type=hidden])")).focus();
}

// The second click of a double click neither closes the form nor opens what has moved under it.
document.addEventListener("click", (event) => {
  if (event.detail > 1 && event.target.closest(".action > summary")) event.preventDefault();
});

document.addEventListener("toggle", (event) => {
  const { target } = event;
  if (target.matches?.("details.action") && target.open && !target.contains(document.activeElement?.form)) ask(target);
}, true);

// Show error responses beside their form. (htmx 2 ignores them; later versions show every response.)
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.getResponseHeader("HX-Reswap")) event.detail.shouldSwap = true;
});

document.addEventListener("htmx:afterSwap", (event) => {
  const said = event.target.querySelector?.("[tabindex]");
  if (said) (said.matches(".done") ? said.closest("[data-item]") ?? said : said).focus();
});
