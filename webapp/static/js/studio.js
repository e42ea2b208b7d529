// A new style in four steps: artworks, tags, signature, price and licence. The draft is saved
// automatically; the URL fragment is the step, so that Back returns to the step before.

import { ApiError, call, newKey } from "./api.js";
import { deliver, Undelivered } from "./artwork-upload.js";
import { Draft } from "./style-draft.js";
import * as problems from "./form-errors.js";
import { SignaturePanel } from "./signature-panel.js";
import { Words } from "./artwork-tags.js";
import { fill, forms, Works } from "./artworks.js";

const STEPS = ["photos", "words", "signature", "terms", "sending"];
const FIELDS = ["name", "english_name", "description", "personal_price", "commercial_price", "publish"];
const form = document.getElementById("new-style");
const texts = JSON.parse(form.dataset.texts);
const limits = JSON.parse(form.dataset.limits);
const draft = new Draft(form.dataset.draft);
const kept = draft.load();
const list = document.getElementById("works");
const template = document.getElementById("tile");
const works = new Works({ list, template, texts, limits, draft });
const words = new Words(document.getElementById("words-tools"), works, texts, say);
const panel = new SignaturePanel(form.querySelector("[data-signature]"));
const files = document.getElementById("files");
const drop = document.getElementById("drop");
const submit = document.getElementById("submit");
const checking = document.getElementById("checking");
const total = document.getElementById("total");
const similar = document.getElementById("similar");
const acceptSimilar = document.getElementById("accept-similar");
let key = newKey();
let sent = "";
let step = "photos";
let hasSigned = kept.hasSigned ?? false;
let isSending = false;

const number = (value) => new Intl.NumberFormat(document.documentElement.lang).format(value);

function say(found) {
  if (found.length) problems.show(form, found);
  else problems.clear(form);
}

// ── the draft ────────────────────────────────────────────────────────────────────────────────

function save() {
  const given = new FormData(form);
  draft.save({
    fields: Object.fromEntries(FIELDS.map((name) => [name, given.get(name)])),
    works: works.state(),
    step,
    hasSigned,
    acceptsSimilar: works.acceptsSimilar,
  });
}

async function restore() {
  for (const [name, value] of Object.entries(kept.fields ?? {})) {
    if (FIELDS.includes(name) && value !== null) form.elements[name].value = value;
  }
  works.acceptsSimilar = acceptSimilar.checked = kept.acceptsSimilar ?? false;
  await works.restore(kept.works);
  const wanted = location.hash.slice(1);
  go(STEPS.indexOf(wanted) >= 0 && wanted !== "sending" ? wanted : kept.step ?? "photos", false);
  document.getElementById("draft-note").hidden = !works.all.length;
}

// ── steps ────────────────────────────────────────────────────────────────────────────────────

function go(wanted, moveFocus = true) {
  step = wanted;
  for (const each of STEPS) document.getElementById(each).hidden = each !== step;
  for (const link of document.querySelectorAll(".steps a")) {
    if (link.hash === `#${step}`) link.setAttribute("aria-current", "step");
    else link.removeAttribute("aria-current");
  }
  const place = document.querySelector(`#${step} [data-works]`);
  if (place) place.append(list);
  list.dataset.mode = step;
  if (step !== "words") works.filter(null);
  if (step === "words") words.show();
  if (step === "signature") panel.show(works.good);
  showState();
  if (step === "terms") showSummary();
  problems.clear(form);
  if (location.hash !== `#${step}` && step !== "sending") history.pushState(null, "", `#${step}`);
  if (moveFocus) document.querySelector(`#${step} h2`).focus();
}

// The errors of a step.
function wrong(of) {
  const found = [];
  if (of === "photos") {
    if (works.bad.length) found.push(fill(texts.someBad, { count: works.bad.length }));
    if (works.used.length < limits.least) found.push(fill(texts.tooFew, { count: works.used.length, least: limits.least }));
    if (works.good.length > limits.most) found.push(fill(texts.tooMany, { count: works.good.length, most: limits.most }));
  }
  return found;
}

async function next() {
  const from = step;
  await restored; // its works count
  if (step !== from) return null;
  const found = wrong(step);
  if (found.length) return problems.show(form, found);
  if (step === "signature" && !(await keepSignature())) return null;
  return go(STEPS[STEPS.indexOf(step) + 1]);
}

async function keepSignature() {
  try {
    await panel.save();
    hasSigned = true;
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    problems.refused(form, error);
    return false;
  }
}

function showState() {
  const { state } = document.getElementById("photos").querySelector("[data-state]").dataset;
  document.querySelector("#photos [data-state]").textContent = works.all.length
    ? fill(state, { good: works.used.length, bad: works.bad.length, least: limits.least }) : "";
  similar.hidden = !works.similar.length;
  const alike = similar.querySelector("[data-text]");
  alike.textContent = fill(forms(alike), { count: works.similar.length });
  const done = {
    photos: works.all.length > 0 && wrong("photos").length === 0,
    words: works.good.length > 0 && works.good.every((work) => work.words.length),
    signature: hasSigned,
    terms: false,
  };
  for (const link of document.querySelectorAll(".steps a")) {
    link.classList.toggle("done", Boolean(done[link.hash.slice(1)]));
  }
  save();
}

function showSummary() {
  const bare = works.good.filter((work) => !work.words.length).length;
  const bytes = works.good.reduce((sum, work) => sum + work.size, 0);
  const box = document.getElementById("summary");
  box.textContent = fill(forms(box), { count: works.good.length, size: number(Math.max(1, Math.round(bytes / 2 ** 20))) });
  const note = document.getElementById("bare");
  note.hidden = bare === 0;
  note.textContent = fill(forms(note), { count: bare });
}

// ── upload ───────────────────────────────────────────────────────────────────────────────────────

function body() {
  const given = new FormData(form);
  return {
    name: given.get("name").trim(),
    english_name: given.get("english_name").trim() || null,
    description: given.get("description"),
    prices: { personal: Number(given.get("personal_price")) || null, commercial: Number(given.get("commercial_price")) || null },
    publish: given.get("publish"),
    rights_statement: form.dataset.statement,
    accept_similar: works.acceptsSimilar,
    files: works.good.map((work) => ({ filename: work.name, size: work.size, content_type: work.type, tags: work.words })),
  };
}

async function start() {
  const found = wrong("photos");
  if (found.length) { go("photos"); return problems.show(form, found); }
  if (!problems.check(form)) return null;
  const wish = body();
  // A retry after a lost response has the same idempotency key; another style gets a new one.
  const text = JSON.stringify(wish);
  if (text !== sent) { key = newKey(); sent = text; }
  submit.setAttribute("aria-busy", "true");
  try {
    const style = await call("POST", "/api/v1/styles", wish, { "Idempotency-Key": key });
    await send(style);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    refused(error);
  } finally {
    submit.removeAttribute("aria-busy");
  }
  return null;
}

function refused(error) {
  if (step === "sending") go("terms");
  if (error.status === 401) return location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
  const bad = (error.details.images ?? []).map((each) => `${each.filename}: ${texts.codes[each.code] ?? each.code}`);
  return problems.refused(form, error, bad);
}

async function send(style) {
  const sending = [...works.good];
  isSending = true;
  go("sending");
  list.replaceChildren(...sending.map((work) => work.tile));
  try {
    await deliver({
      confirmUrl: style.confirm_url,
      uploads: style.uploads,
      fileOf: (idx) => sending[idx]?.file ?? null,
      onChange: (idx, item) => { works.showSending(sending[idx], item); sending[idx].loaded = item.loaded; showTotal(sending); },
    });
    isSending = false;
    await draft.clear();
    location.assign(`/styles/${style.id}`);
  } catch (error) {
    isSending = false;
    if (error instanceof Undelivered) {
      const again = document.getElementById("again");
      again.hidden = false;
      again.querySelector("button").onclick = () => { again.hidden = true; send({ ...style, uploads: null }); };
      again.querySelector("button").focus();
    } else throw error;
  }
}

function showTotal(sending) {
  const bytes = sending.reduce((sum, work) => sum + work.size, 0);
  const loaded = sending.reduce((sum, work) => sum + Math.min(work.size, work.loaded ?? 0), 0);
  const percent = Math.floor((100 * loaded) / bytes);
  const before = total.querySelector("progress").value;
  total.querySelector("progress").value = percent;
  total.querySelector("b").textContent = `${percent} %`;
  const arrived = sending.filter((work) => work.loaded === work.size).length;
  total.querySelector("span").textContent = fill(total.dataset.text, { count: arrived, total: sending.length });
  if (Math.floor(percent / 10) > Math.floor(before / 10)) document.getElementById("spoken").textContent = `${percent} %`;
}

// ── events ───────────────────────────────────────────────────────────────────────────────────

async function take(given) {
  const chosen = [...given];
  if (!chosen.length) return;
  checking.hidden = false;
  await works.add(chosen);
  checking.hidden = true;
}

async function takeChosen() {
  const chosen = [...files.files];
  files.value = "";
  await take(chosen);
}

files.addEventListener("change", takeChosen);
drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  take(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  if (step === "photos" && event.clipboardData.files.length) take(event.clipboardData.files);
});
works.addEventListener("change", () => {
  showState();
  // Its errors are about the artworks alone, and were mended by this change.
  if (step === "photos" && wrong(step).length === 0) problems.clear(form);
});
acceptSimilar.addEventListener("change", () => {
  works.acceptsSimilar = acceptSimilar.checked;
  works.changed();
});
works.addEventListener("looking", (event) => { checking.textContent = fill(checking.dataset.text, event.detail); });
form.addEventListener("input", save);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (step === "terms") start();
  else if (step === "words" && event.submitter === null) words.add();
  else next();
});
for (const button of document.querySelectorAll("[data-next]")) button.addEventListener("click", next);
document.getElementById("start-over").addEventListener("click", async () => {
  await draft.clear();
  location.assign(location.pathname);
});
document.querySelector(".steps").addEventListener("click", async (event) => {
  const link = event.target.closest("a");
  if (!link) return;
  event.preventDefault();
  if (isSending || (step === "signature" && !(await keepSignature()))) return;
  go(link.hash.slice(1));
});
addEventListener("popstate", () => {
  const wanted = location.hash.slice(1);
  if (!isSending && STEPS.includes(wanted) && wanted !== step) go(wanted);
});
addEventListener("beforeunload", (event) => isSending && event.preventDefault());
// Files may have been chosen before this script ran.
const restored = restore().then(takeChosen);
