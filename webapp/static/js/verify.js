// The page that verifies pictures: a picture is sent as soon as it is chosen, dropped or pasted.
// Without scripts the form is a plain one.

import { csrfToken } from "./csrf.js";

const form = document.getElementById("verify");
const drop = form.querySelector(".drop");
const inputs = [...form.querySelectorAll("input[type='file']")];
const [main] = inputs;
const chosen = document.getElementById("chosen");
const checking = document.querySelector(".checking");

document.querySelector(".or-drop").hidden = false;
form.querySelector("button").hidden = true;

// ── Choosing ─────────────────────────────────────────────────────────────────────────────────

function show(file) {
  URL.revokeObjectURL(chosen.src);
  chosen.src = URL.createObjectURL(file);
  chosen.hidden = false;
}

// A file that is no picture has no preview; the answer says what is wrong with it.
chosen.addEventListener("error", () => { chosen.hidden = true; });

function send(input) {
  for (const other of inputs) if (other !== input) other.value = "";
  show(input.files[0]);
  form.requestSubmit();
}

function take(files) {
  if (!files?.length) return false;
  const one = new DataTransfer();
  one.items.add(files[0]);
  main.files = one.files;
  send(main);
  return true;
}

for (const input of inputs) {
  input.addEventListener("change", () => { if (input.files.length) send(input); });
}
drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
for (const end of ["dragleave", "drop"]) drop.addEventListener(end, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  take(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  if (take(event.clipboardData?.files)) event.preventDefault();
});

// ── The answer ───────────────────────────────────────────────────────────────────────────────

// The field of the form is read from small forms only, a header from all.
form.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRFToken"] = csrfToken();
});
form.addEventListener("htmx:beforeRequest", () => { checking.textContent = checking.dataset.text; });
form.addEventListener("htmx:afterRequest", () => { checking.textContent = ""; });

// A refused file is answered with a report too; every other error is shown in the toast.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.responseText.includes("data-report")) Object.assign(event.detail, { shouldSwap: true, isError: false });
});
// The outcome of a deep search comes later, and is read out without moving the focus.
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target.id === "report") document.querySelector("[data-report]")?.focus();
});
