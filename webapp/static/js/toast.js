// The one message over every page, dialogs too: what somebody did, and why it was not done.

const box = document.getElementById("toast");

export function say(text) {
  const said = box.querySelector("p");
  hide();
  said.textContent = "";
  box.showPopover();
  said.textContent = text; // only what changes while it is shown is read aloud
}

export function unreachable() { say(box.dataset.unreachable); }

export function hide() {
  if (box.matches(":popover-open")) box.hidePopover();
}

box.querySelector("button").addEventListener("click", hide);
addEventListener("online", hide);
