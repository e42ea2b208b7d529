// Errors of a form: a summary that takes the focus, and a text beside each field.

export function clear(form) {
  const summary = form.querySelector("#problem");
  summary.hidden = true;
  summary.replaceChildren();
  for (const each of form.querySelectorAll("[aria-invalid]")) unmark(each);
  for (const each of form.querySelectorAll(".field-problem")) each.remove();
}

function line(text) {
  const item = document.createElement("li");
  item.textContent = text;
  return item;
}

// Shows the texts, and those of `fields`: pairs of a field, or null, and its texts. The texts of a
// field also stand beside it, and go when it is mended; the summary goes with its last text.
export function show(form, texts, fields = []) {
  const summary = form.querySelector("#problem");
  const list = document.createElement("ul");
  list.append(...texts.map(line));
  for (const [field, ofField] of fields) {
    const lines = ofField.map(line);
    list.append(...lines);
    if (field) mark(field, ofField.join(" "), () => {
      for (const each of lines) each.remove();
      if (summary.contains(list)) summary.hidden = list.children.length === 0;
    });
  }
  summary.replaceChildren(list);
  summary.hidden = false;
  summary.focus();
}

// Texts of an API error: its message, then `more`, then those of each field, which also stand beside
// the fields of these names. “Some fields are wrong” is left out when they say what is wrong,
// and they are left out when the message names the tags that are to blame.
// Network errors were already shown in the toast.
export function refused(form, error, more = []) {
  if (error.code === "NETWORK") return;
  const fields = Object.entries(error.details.fields ?? {}).map(([name, texts]) => {
    const field = form.elements.namedItem(name);
    return [field?.id && field.type !== "hidden" ? field : null, texts];
  });
  // Its texts of fields name the words that are to blame.
  const tags = error.code === "INVALID_TAG_LANGUAGE" ? "" : error.details.tags?.join(", ");
  const message = tags ? `${error.message} (${tags})` : error.message;
  const isSaid = error.code === "VALIDATION_ERROR" && fields.length > 0;
  show(form, [...(isSaid ? [] : [message]), ...more], tags ? [] : fields);
}

const descriptions = (field) => (field.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean);

function describe(field, ids) {
  if (ids.length) field.setAttribute("aria-describedby", ids.join(" "));
  else field.removeAttribute("aria-describedby");
}

function unmark(field) {
  field.removeAttribute("aria-invalid");
  describe(field, descriptions(field).filter((id) => id !== `${field.id}-problem`));
}

function mark(field, text, onMended) {
  field.setAttribute("aria-invalid", "true");
  const said = document.createElement("p");
  said.className = "field-problem";
  said.id = `${field.id}-problem`;
  said.textContent = text;
  describe(field, [...descriptions(field), said.id]);
  (field.closest("label") ?? field).after(said);
  const leave = () => {
    if (field.dataset.invalid && !field.checkValidity()) return;
    field.removeEventListener("input", leave);
    unmark(field);
    said.remove();
    onMended();
  };
  field.addEventListener("input", leave);
}

// Returns whether every field passes the browser's own validation.
export function check(form) {
  clear(form);
  const bad = [...form.elements].filter((field) => field.dataset?.invalid && !field.checkValidity());
  if (bad.length) show(form, [], bad.map((field) => [field, [field.dataset.invalid]]));
  return bad.length === 0;
}
