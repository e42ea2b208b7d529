// Errors of a form: a summary that takes the focus, and a text beside each field.

export function clear(form) {
  const summary = form.querySelector("#problem");
  summary.hidden = true;
  summary.replaceChildren();
  for (const each of form.querySelectorAll(".field-problem")) each.remove();
  for (const each of form.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
}

export function show(form, texts) {
  const summary = form.querySelector("#problem");
  const list = document.createElement("ul");
  for (const text of texts) {
    const item = document.createElement("li");
    item.textContent = text;
    list.append(item);
  }
  summary.replaceChildren(texts.length === 1 ? document.createTextNode(texts[0]) : list);
  summary.hidden = false;
  summary.focus();
}

// Texts of an API error: its message, then `more`, then those of each field. Network errors were
// already shown in the toast.
export function refused(form, error, more = []) {
  if (error.code === "NETWORK") return;
  const fields = Object.values(error.details.fields ?? {}).flat();
  // Its texts of fields name the words that are to blame.
  const tags = error.code === "INVALID_TAG_LANGUAGE" ? "" : error.details.tags?.join(", ");
  show(form, [tags ? `${error.message} (${tags})` : error.message, ...more, ...fields]);
}

function mark(field, text) {
  field.setAttribute("aria-invalid", "true");
  const said = document.createElement("p");
  said.className = "field-problem";
  said.id = `${field.id}-problem`;
  said.textContent = text;
  field.setAttribute("aria-errormessage", said.id);
  (field.closest("label") ?? field).after(said);
  field.addEventListener("input", () => { field.removeAttribute("aria-invalid"); said.remove(); }, { once: true });
}

// Returns whether every field passes the browser's own validation.
export function check(form) {
  clear(form);
  const bad = [...form.elements].filter((field) => field.dataset?.invalid && !field.checkValidity());
  for (const field of bad) mark(field, field.dataset.invalid);
  if (bad.length) show(form, bad.map((field) => field.dataset.invalid));
  return bad.length === 0;
}
