// The toast over every page and dialog: why an action failed.

const box = document.getElementById("toast");

export function say(text) {
  const said = box.querySelector("p");
  hide();
  said.textContent = "";
  box.showPopover();
  said.textContent = text; // screen readers announce only changes of a visible text
}

export function unreachable() { say(box.dataset.unreachable); }

export function hide() {
  if (box.matches(":popover-open")) box.hidePopover();
}

box.querySelector("button").addEventListener("click", hide);
addEventListener("online", hide);
