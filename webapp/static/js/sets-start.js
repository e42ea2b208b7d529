// /sets: create an album from photos, without signing in; list albums, credits and plan.

import { deliver, Undelivered } from "./artwork-upload.js";
import { Draft } from "./style-draft.js";
import * as api from "./sets-api.js";
import { fill, quiet, refuse, say, stateOf } from "./sets-texts.js";

const MEGABYTE = 1 << 20;
const root = document.getElementById("sets-home");
const texts = JSON.parse(root.dataset.texts);
const limits = JSON.parse(root.dataset.limits);
const account = JSON.parse(root.dataset.account);
const presets = new Map(JSON.parse(root.dataset.presets).map((each) => [each.id, each]));
const form = document.getElementById("start");
const files = document.getElementById("files");
const drop = document.getElementById("drop");
const picked = document.getElementById("picked");
const problem = document.getElementById("start-problem");
const sending = document.getElementById("sending");
const again = document.getElementById("again");
const send = document.getElementById("send");
const go = document.getElementById("go");
const chosen = []; // {file, row, url}
let most = limits.photos;
let key = api.newKey();
let made = null;

// ── choose photos ────────────────────────────────────────────────────────────────────────────────

function wrongWith(file) {
  const name = { file: file.name };
  if (/\.hei[cf]$/i.test(file.name) || /hei[cf]/.test(file.type)) return fill(texts.heic, name);
  if (!limits.types.includes(file.type)) return fill(texts.wrongType, name);
  if (file.size > limits.megabytes * MEGABYTE) return fill(texts.tooLarge, { ...name, size: limits.megabytes });
  return null;
}

function add(list) {
  quiet(problem);
  const wrong = [];
  for (const file of list) {
    const text = wrongWith(file);
    if (text) wrong.push(text);
    else if (!chosen.some((each) => each.file.name === file.name && each.file.size === file.size)) append(file);
  }
  key = api.newKey();
  showState();
  if (wrong.length) say(problem, wrong);
  else if (problem.hidden) go.scrollIntoView({ block: "nearest" }); // on a phone it is below the photos
}

function append(file) {
  const row = document.getElementById("picked-file").content.firstElementChild.cloneNode(true);
  const url = URL.createObjectURL(file);
  const item = { file, row, url };
  row.querySelector("img").src = url;
  row.querySelector(".name").textContent = file.name;
  const remove = row.querySelector(".remove");
  remove.setAttribute("aria-label", fill(texts.remove, { file: file.name }));
  remove.addEventListener("click", () => forget(item));
  picked.append(row);
  chosen.push(item);
}

function forget(item) {
  chosen.splice(chosen.indexOf(item), 1);
  URL.revokeObjectURL(item.url);
  item.row.remove();
  key = api.newKey();
  showState();
}

function showState() {
  const count = chosen.length;
  go.hidden = count === 0;
  drop.classList.toggle("small", count > 0);
  send.textContent = count ? fill(texts.send, { count }) : texts.sendNone;
  if (count > most) say(problem, [fill(texts.tooMany, { most })]);
  else quiet(problem);
  send.disabled = count > most;
}

// ── upload ───────────────────────────────────────────────────────────────────────────────────────

function showProgress(idx, item) {
  const bar = chosen[idx].row.querySelector("progress");
  bar.hidden = false;
  bar.value = item.state === "sent" ? 100 : Math.round((100 * item.loaded) / item.file.size);
  chosen[idx].row.dataset.state = item.state;
  const bars = chosen.map((each) => each.row.querySelector("progress").value);
  sending.querySelector("progress").value = bars.reduce((sum, value) => sum + value, 0) / bars.length;
  const done = chosen.filter((each) => each.row.dataset.state === "sent").length;
  const text = fill(texts.uploading, { done, total: chosen.length });
  if (sending.querySelector(".figures").textContent !== text) sending.querySelector(".figures").textContent = text;
}

async function start() {
  quiet(problem);
  again.hidden = true;
  setBusy(true);
  try {
    await api.ensureAccount();
    made ??= await api.create({
      preset: form.elements.preset.value,
      item_count: chosen.length,
      files: chosen.map(({ file }) => ({ filename: file.name, size: file.size, content_type: file.type })),
    }, key);
    await keepFiles(made.job_id);
    sending.hidden = false;
    await sendFiles();
  } catch (error) {
    setBusy(false);
    if (error instanceof Undelivered) {
      again.querySelector("span").textContent = texts.notSent;
      again.hidden = false;
    } else if (error instanceof api.ApiError) {
      if (made && error.details.images) await giveUp();
      refused(error);
    } else throw error;
  }
}

async function sendFiles() {
  await deliver({
    confirm: () => api.call("POST", api.confirmPath(made.job_id)),
    uploads: made.upload,
    fileOf: (idx) => chosen[idx].file,
    onChange: showProgress,
  });
  location.assign(`/sets/${made.job_id}`);
}

// If the page is closed now, the album page resumes the upload from the stored files.
async function keepFiles(id) {
  const draft = new Draft(id, "sets");
  await Promise.all(chosen.map(({ file }, idx) => draft.put(idx, { file })));
}

function setBusy(isBusy) {
  send.disabled = files.disabled = isBusy;
  send.setAttribute("aria-busy", String(isBusy));
  for (const button of form.querySelectorAll(".remove, #forget, [name=preset]")) button.disabled = isBusy;
}

function refused(error) {
  sending.hidden = true;
  if (error.code === "NETWORK") again.hidden = !made;
  const { images = [], fields = {} } = error.details;
  for (const { idx, code } of images) mark(idx, texts.imageCodes[code] ?? error.message);
  for (const [field, words] of Object.entries(fields)) {
    const idx = /^files\.(\d+)/.exec(field)?.[1];
    if (idx !== undefined) mark(Number(idx), [words].flat().join(" "));
  }
  refuse(problem, error, texts);
}

function mark(idx, text) {
  const row = chosen[idx]?.row;
  if (!row) return;
  row.classList.add("bad");
  row.querySelector(".problem-of-file").textContent = text;
  row.querySelector(".problem-of-file").hidden = false;
}

// Cancel an album whose files were refused: the next start creates another one without them.
async function giveUp() {
  await api.call("POST", `/jobs/${made.job_id}/cancel`).catch(() => null);
  await new Draft(made.job_id, "sets").clear();
  made = null;
  key = api.newKey();
  for (const { row } of chosen) {
    delete row.dataset.state;
    row.querySelector("progress").hidden = true;
  }
}

// ── albums, credits and plan ─────────────────────────────────────────────────────────────────────

const time = (text) => new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" }).format(new Date(text));

async function showAccount() {
  if (!api.hasAccount()) return;
  const me = await api.call("GET", "/me").catch(() => null);
  if (!me) return;
  most = me.max_items_per_job;
  const now = document.getElementById("plan-now");
  now.textContent = fill(now.dataset.text, { credits: fill(texts.credits, { count: me.credits }), plan: texts.planNames[me.plan] });
  now.hidden = false;
  showState();
  await showAlbums("");
}

async function showAlbums(cursor) {
  const page = await api.call("GET", `/jobs?limit=12${cursor && `&cursor=${encodeURIComponent(cursor)}`}`).catch(() => null);
  if (!page) return;
  const list = document.querySelector("#albums ul");
  for (const job of page.results) list.append(albumRow(job));
  const section = document.getElementById("albums");
  section.hidden = list.children.length === 0;
  const more = document.getElementById("more-albums");
  more.hidden = !page.next_cursor;
  more.onclick = () => showAlbums(page.next_cursor);
}

function albumRow(job) {
  const row = document.getElementById("album-row").content.firstElementChild.cloneNode(true);
  const link = row.querySelector("a");
  link.href = `/sets/${job.job_id}`;
  link.textContent = [presets.get(job.preset)?.title ?? job.preset, job.name].filter(Boolean).join(" · ");
  Object.assign(row.querySelector(".state"), stateOf(job, texts));
  row.querySelector(".count").textContent = fill(texts.photos, { count: job.item_count });
  row.querySelector("time").textContent = time(job.created_at);
  row.querySelector("time").dateTime = job.created_at;
  return row;
}

// ── events ───────────────────────────────────────────────────────────────────────────────────────

files.addEventListener("change", () => { add(files.files); files.value = ""; });
form.addEventListener("submit", (event) => { event.preventDefault(); start(); });
again.querySelector("button").addEventListener("click", start);
document.getElementById("forget").addEventListener("click", () => { while (chosen.length) forget(chosen[0]); files.focus(); });
for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => { event.preventDefault(); add(event.dataTransfer.files); });
addEventListener("paste", (event) => event.clipboardData?.files.length && add(event.clipboardData.files));

document.getElementById("adopted").hidden = !(await api.begin(account));
await showAccount();
root.dataset.ready = "true";
