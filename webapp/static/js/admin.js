// The administrators' lists by keys: j and k move, one key opens each act, its form confirms it.
// Everything is a link or a form that works without this.

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
  const open = event.target.closest("details.act[open]");
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
  ask(summary.parentElement); // at once: what is typed next is the reason
});

// An act that opens asks for its reason, and closes the others of its thing.
function ask(act) {
  for (const other of act.parentElement.querySelectorAll("details.act[open]")) {
    if (other !== act) other.open = false;
  }
  act.querySelector("[name=reason]").focus();
}

document.addEventListener("toggle", (event) => {
  const { target } = event;
  if (target.matches?.("details.act") && target.open && !target.contains(document.activeElement?.form)) ask(target);
}, true);

// What was refused is told beside its form too. (Of htmx 2; later ones show every answer.)
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.getResponseHeader("HX-Reswap")) event.detail.shouldSwap = true;
});

document.addEventListener("htmx:afterSwap", (event) => {
  const said = event.target.querySelector?.("[tabindex]");
  if (said) (said.matches(".done") ? said.closest("[data-item]") ?? said : said).focus();
});
