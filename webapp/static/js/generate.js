// Order pictures in place: the price of the chosen licence and size, Ctrl+Enter, and a form that is kept while tokens are bought.
// While the form is filled in, a preview asks for unknown tags and for pictures already owned.

import { ApiError, call, newKey } from "./api.js";
import * as problems from "./form-errors.js";
import { TagField } from "./tags.js";
import { followOpen, refresh } from "./picture-tiles.js";

const form = document.getElementById("order");
const buy = document.getElementById("buy");
const balance = document.getElementById("balance");
const dialog = document.getElementById("too-few");
const tiles = document.getElementById("tiles");
const unknown = document.getElementById("unknown");
const owned = document.getElementById("owned");
const again = document.getElementById("again");
const fields = [...form.querySelectorAll("[data-tags]")].map((box) => new TagField(box));
const [prompt, negative] = fields;
const signIn = document.getElementById("sign-in");
const suggestions = [...document.querySelectorAll("[data-suggest] button")];
const KEPT = `order:${form.dataset.style}`;
const SECRET = ["csrf_token", "idempotency_key", "expected_personal_price", "expected_commercial_price", "seen_total", "seen_unknown"];
const LOOK_AFTER_MS = 300;
let key = newKey();
let sent = "";
let looked = { text: "", found: null };
let timer = 0;

const number = (value) => new Intl.NumberFormat(document.documentElement.lang).format(value);
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_all, name) => values[name]);
const count = () => Number(new FormData(form).get("count"));
const licence = () => new FormData(form).get("license_type");
// What the form expects a picture of 512×512 pixels to cost, and what it then costs in a size.
const expected = (kind = licence()) => form.elements[`expected_${kind}_price`];
const shapes = [...form.elements.aspect_ratio];
const shape = () => shapes.find((each) => each.checked);
const priceOf = (kind, size) => Math.min(Number(expected(kind).value) * Number(size.dataset.factor), Number(form.dataset.most));
const price = () => priceOf(licence(), shape());
const tokens = (value) => (value === 1 ? form.dataset.oneToken : fill(form.dataset.tokens, { count: number(value) }));

function showPrice() {
  for (const each of shapes) each.closest("label").querySelector(".money").textContent = tokens(priceOf(licence(), each));
  for (const each of form.querySelectorAll("[data-price]")) each.textContent = tokens(priceOf(each.dataset.price, shape()));
  if (signIn) signIn.textContent = price() === 1 ? signIn.dataset.single : fill(signIn.dataset.text, { price: number(price()) });
  if (!buy || buy.disabled) return;
  const total = price() * count();
  const { single, one, many } = buy.dataset;
  const text = count() === 1 ? one : many;
  buy.textContent = fill(total === 1 ? single : text, { count: count(), total: number(total) });
  again.textContent = fill(total === 1 ? again.dataset.single : again.dataset.text, { total: number(total) });
}

const orderText = () => (prompt.words.length ? JSON.stringify(order()) : "");

// Preview of an order, fetched once for each order; nothing is charged. Null on an error: then the
// order itself reports it.
async function look() {
  const text = orderText();
  if (text !== looked.text) {
    const asked = text ? call("POST", "/api/v1/generations/preview", JSON.parse(text), {}, true) : null;
    const found = await Promise.resolve(asked).catch(() => null);
    if (text !== orderText()) return look();
    looked = { text: found ? text : "", found };
  }
  showUnknown(looked.found);
  showOwned(looked.found?.owned_generation_ids[0]);
  return looked.found;
}

function lookSoon() {
  clearTimeout(timer);
  timer = setTimeout(look, LOOK_AFTER_MS);
}

function showUnknown(found) {
  const tags = found?.unknown_tags.join(", ") ?? "";
  const text = found?.is_any_known === false ? unknown.dataset.none : fill(unknown.dataset.some, { tags });
  unknown.hidden = !tags;
  unknown.dataset.tags = tags;
  if (unknown.textContent !== text) unknown.textContent = text;
}

function showOwned(id) {
  if (!owned) return;
  if (id) owned.querySelector("a").href = `/g/${id}`;
  owned.hidden = !id;
}

function order() {
  const given = new FormData(form);
  const seed = given.get("seed").trim();
  return {
    style_id: Number(form.dataset.style),
    prompt_tags: prompt.words,
    negative_tags: negative.words,
    description: given.get("description"),
    legal_name: given.get("legal_name"),
    aspect_ratio: given.get("aspect_ratio"),
    seed: seed === "" ? null : Number(seed),
    style_strength: Number(given.get("style_strength")),
    count: count(),
    license_type: licence(),
    expected_price_tokens: price(),
  };
}

// The form is restored after the wallet, sign-in or a reload, but not after its tab was closed.
function keep() {
  const given = [...new FormData(form)].filter(([name]) => !SECRET.includes(name));
  try { sessionStorage.setItem(KEPT, JSON.stringify(Object.fromEntries(given))); } catch { return false; }
  return true;
}

// The address has the words of before: after sign-in they would replace those that were kept.
function keepForSignIn() {
  for (const field of fields) field.take();
  if (keep()) signIn.href = `/login?next=${encodeURIComponent(`${location.pathname}#generate`)}`;
}

function restore() {
  let kept = null;
  try { kept = JSON.parse(sessionStorage.getItem(KEPT)); } catch { /* not here */ }
  // Values from the URL or a refused order are newer.
  if (!kept || prompt.words.length) return;
  const { prompt_tags: words, negative_tags: unwanted, ...others } = kept;
  prompt.set((words ?? "").split(","));
  negative.set((unwanted ?? "").split(","));
  for (const [name, value] of Object.entries(others)) {
    if (name === "license_type" && !form.elements[`expected_${value}_price`]) continue; // no longer sold
    if (form.elements[name]) form.elements[name].value = value;
  }
  const strength = form.elements.style_strength.value;
  document.getElementById("strength-value").value = Number(strength).toFixed(1);
  const { seed, description, legal_name: legalName } = others;
  if (unwanted || seed || description || legalName || Number(strength) !== 1) form.querySelector("details").open = true;
}

// Chosen tags are hidden; while typing, the tags that Tab may complete are highlighted.
function suggest() {
  const next = prompt.completion();
  for (const button of suggestions) {
    button.hidden = prompt.words.includes(button.value);
    button.classList.toggle("next", button.value === next);
  }
}

async function submit(more = {}) {
  problems.clear(form);
  const seen = unknown.hidden ? "" : unknown.dataset.tags;
  for (const field of fields) field.take();
  if (!form.reportValidity()) return;
  clearTimeout(timer);
  buy.disabled = true;
  buy.setAttribute("aria-busy", "true");
  buy.textContent = buy.dataset.busy;
  try {
    const found = await look();
    const isNews = found?.is_any_known && found.unknown_tags.join(", ") !== seen;
    // Unknown tags are listed before anything is charged; submitting again accepts them.
    if (isNews && found.unknown_tags.length) unknown.focus();
    else await place({ ...order(), ...more });
  } catch (error) {
    refused(error);
  } finally {
    buy.disabled = false;
    buy.removeAttribute("aria-busy");
    showPrice();
  }
}

async function place(body) {
  // A retry after a lost response has the same idempotency key; another order gets a new one.
  const text = JSON.stringify(body);
  if (text !== sent) key = newKey();
  sent = text;
  const made = await call("POST", "/api/v1/generations", body, { "Idempotency-Key": key });
  sent = "";
  looked.text = "";
  document.querySelector(".results .hint").hidden = true;
  if (document.getElementById("seed-lock").checked) form.elements.seed.value = made.seed;
  showBalance();
  await refresh(made.batch.generation_ids);
  bringIntoView(tiles.firstElementChild);
  followOpen();
}

// The button stands at the end of the form, the pictures beside its top or below it.
function bringIntoView(tile) {
  if (!tile) return;
  const { top, bottom } = tile.getBoundingClientRect();
  if (top >= 0 && bottom <= innerHeight) return;
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  tile.scrollIntoView({ block: "center", behavior: isStill ? "instant" : "smooth" });
}

function refused(error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.code === "INSUFFICIENT_TOKENS") tooFew(error.details);
  else if (error.code === "DUPLICATE_PICTURE") {
    showOwned(error.details.generation_id);
    owned.focus();
  }
  else if (error.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
  else {
    if (error.code === "PRICE_CHANGED") changePrice(error.details.price_tokens);
    problems.refused(form, error);
  }
}

// The price of a picture changed in the chosen size; at the highest price the style may cost more
// than this, and then a smaller size is told its price with the next order.
function changePrice(newPrice) {
  expected().value = String(Math.ceil(newPrice / Number(shape().dataset.factor)));
}

function tooFew({ required, available }) {
  const text = dialog.querySelector("p[data-text]");
  const fewer = dialog.querySelector("[value=fewer]");
  const affordable = Math.floor(available / price());
  text.textContent = fill(text.dataset.text, { required: number(required), available: number(available) });
  fewer.hidden = affordable < 1 || affordable >= count();
  fewer.textContent = fill(fewer.dataset.text, { count: affordable });
  dialog.onclose = () => {
    if (dialog.returnValue === "fewer") form.elements.count.value = String(affordable);
    showPrice();
    buy.focus();
  };
  dialog.showModal();
}

async function showBalance() {
  const found = await call("GET", "/api/v1/tokens/balance").catch(() => null);
  if (found && balance) balance.textContent = number(found.token_balance);
}

function useWords(given) {
  prompt.set(given.prompt_tags);
  negative.set(given.negative_tags);
  form.elements.aspect_ratio.value = given.aspect_ratio;
  form.elements.seed.value = given.seed ?? "";
  form.elements.style_strength.value = given.style_strength;
  document.getElementById("strength-value").value = given.style_strength;
  if (given.seed !== undefined) {
    form.elements.count.value = "1";
    form.querySelector("details").open = true;
  }
  form.dispatchEvent(new CustomEvent("change"));
  prompt.input.focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (buy) submit(event.submitter === again ? { allow_duplicate: true } : {});
});
form.addEventListener("change", () => { showPrice(); suggest(); keep(); lookSoon(); });
prompt.input.addEventListener("input", suggest);
// Enter in a field adds a tag or does nothing: only the button and Ctrl+Enter spend tokens.
form.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || event.target.closest("button, a, summary")) return;
  event.preventDefault();
  if ((event.ctrlKey || event.metaKey) && buy && !buy.disabled) submit();
});
form.elements.style_strength.addEventListener("input", (event) => {
  document.getElementById("strength-value").value = Number(event.target.value).toFixed(1);
});
for (const box of document.querySelectorAll("[data-suggest]")) {
  box.hidden = false;
  box.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) prompt.add(button.value);
  });
}
document.querySelector("[data-lock]").hidden = false;
restore();
suggest();
signIn?.addEventListener("click", keepForSignIn);
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-again]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  useWords(JSON.parse(link.dataset.again));
});
tiles.addEventListener("tileschange", () => tiles.querySelector(".failed, .canceled") && showBalance());
showPrice();
lookSoon();
followOpen();
