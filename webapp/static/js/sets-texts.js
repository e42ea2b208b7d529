// Texts of the Sets pages, filled with numbers and names, and the texts of API errors.

const number = (value) => new Intl.NumberFormat(document.documentElement.lang).format(value);

// `text` is one text, or {one, other} where it differs with `count`.
export function fill(text, values = {}) {
  const chosen = typeof text === "string" ? text : Number(values.count) === 1 ? text.one : text.other;
  return chosen.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? number(value) : value;
  });
}

// All texts of an error: its message, then those of each field.
export function wordsOf(error) {
  const fields = Object.values(error.details?.fields ?? {}).flat();
  return [error.message, ...fields].filter(Boolean);
}

// Why a photo failed, or undefined when it did not. Messages of workers are not shown.
export const failureOf = ({ error }, texts) => error && (texts.failures[error.code] ?? texts.unknownError);

// The state of a job as a label; with failed photos, not in the colour of success.
export function stateOf({ status, progress }, texts) {
  if (status === "done" && progress.failed) return { className: "state", textContent: fill(texts.doneExcept, { count: progress.failed }) };
  return { className: `state ${status}`, textContent: texts.states[status] };
}

// Errors at the settings of a concept, such as `variants.0.concepts.Wall.value`.
export function problemsOf(error) {
  const found = new Map();
  for (const [path, words] of Object.entries(error.details?.fields ?? {})) {
    const concept = /(?:^|\.)concepts\.([^.]+)/.exec(path)?.[1];
    if (concept) found.set(concept, [found.get(concept), words].flat().filter(Boolean).join(" "));
  }
  return found;
}

const LIMITS = ["CREDITS_EXHAUSTED", "PLAN_REQUIRED", "CONCURRENCY_LIMIT", "RULE_SLOT_FULL", "TOO_MANY_IMAGES"];

// Shows an error in a box that takes the focus; network errors were already shown in the toast. When
// the plan or credits are the reason, adds a link to them.
export function refuse(box, error, { plans } = {}) {
  if (error.code === "NETWORK") return;
  say(box, wordsOf(error));
  if (plans && LIMITS.includes(error.code)) box.append(element("p", {}, element("a", { href: "/sets#plan", textContent: plans })));
}

export function say(box, texts) {
  box.replaceChildren(...texts.map((text) => {
    const line = document.createElement("p");
    line.textContent = text;
    return line;
  }));
  box.hidden = false;
  box.focus();
}

export function quiet(box) {
  box.hidden = true;
  box.replaceChildren();
}

export function element(tag, values = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(values)) {
    if (name in made) made[name] = value;
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}
