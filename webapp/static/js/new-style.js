// Making a style: works are checked as they are chosen, named, and sent in one go with progress.

import { ApiError, newKey, send } from "./api.js";
import * as problems from "./problems.js";

const MIN_SIDE = 512;
const MAX_BYTES = 10 * 1024 * 1024;
const [MIN_WORKS, MAX_WORKS] = [10, 100];
const form = document.getElementById("new-style");
const files = document.getElementById("files");
const drop = document.getElementById("drop");
const chosen = document.getElementById("chosen");
const state = document.getElementById("files-state");
const works = new Map();
const key = newKey();
let sending = false;

const split = (text) => text.split(",").map((each) => each.trim().toLowerCase()).filter(Boolean);

async function fingerprint(file) {
  if (!crypto.subtle) return `${file.name}:${file.size}`;
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Returns what is wrong with a file, in words, or null. The server looks again, and closer.
async function verdict(file, print) {
  const text = chosen.dataset;
  if (!["image/png", "image/jpeg"].includes(file.type)) return text.format;
  if (file.size > MAX_BYTES) return text.size;
  if ([...works.values()].some((work) => work.print === print)) return text.duplicate;
  const image = await createImageBitmap(file).catch(() => null);
  if (!image) return text.corrupt;
  const small = image.width < MIN_SIDE || image.height < MIN_SIDE;
  image.close();
  return small ? text.resolution : null;
}

async function add(list) {
  for (const file of list) {
    const print = await fingerprint(file);
    const problem = await verdict(file, print);
    const id = newKey();
    const tile = makeTile(id, file, problem);
    works.set(id, { file, print, problem, tile });
    chosen.append(tile);
    showState();
  }
}

function makeTile(id, file, problem) {
  const tile = document.createElement("li");
  const image = document.createElement("img");
  const line = document.createElement("p");
  const name = document.createElement("span");
  const remove = document.createElement("button");
  tile.classList.toggle("bad", Boolean(problem));
  image.src = URL.createObjectURL(file);
  image.alt = "";
  image.addEventListener("load", () => URL.revokeObjectURL(image.src));
  line.className = "name";
  name.textContent = name.title = file.name;
  remove.type = "button";
  remove.className = "quiet";
  remove.textContent = "×";
  remove.setAttribute("aria-label", `${chosen.dataset.remove} ${file.name}`);
  remove.addEventListener("click", () => { works.delete(id); tile.remove(); showState(); });
  line.append(name, remove);
  tile.append(image, line, problem ? said(problem) : wordsField(file));
  return tile;
}

function said(problem) {
  const text = document.createElement("p");
  text.className = "work-problem";
  text.textContent = problem;
  return text;
}

function wordsField(file) {
  const field = document.createElement("input");
  field.lang = "en";
  field.setAttribute("aria-label", chosen.dataset.tags.replace("{file}", file.name));
  return field;
}

function showState() {
  const bad = [...works.values()].filter((work) => work.problem).length;
  state.textContent = works.size
    ? state.dataset.text.replace("{count}", works.size).replace("{bad}", bad) : "";
  document.getElementById("for-all").hidden = works.size === 0;
}

function body(good) {
  const made = new FormData();
  const given = new FormData(form);
  for (const name of ["name", "description", "price_tokens", "license_type"]) made.append(name, given.get(name));
  const words = good.map((work) => split(work.tile.querySelector("input").value));
  made.append("image_tags", JSON.stringify(Object.fromEntries(words.map((each, index) => [index, each]))));
  for (const work of good) made.append("images", work.file, work.file.name);
  return made;
}

async function submit() {
  const good = [...works.values()].filter((work) => !work.problem);
  if (!problems.check(form)) return;
  if (good.length < MIN_WORKS || good.length > MAX_WORKS) {
    problems.show(form, [document.getElementById("files-help").textContent, state.textContent].filter(Boolean));
    return;
  }
  const button = document.getElementById("submit");
  const box = document.getElementById("sending");
  button.disabled = true;
  box.hidden = false;
  sending = true;
  try {
    const style = await send("/api/v1/styles", body(good), (percent) => {
      box.querySelector("progress").value = percent;
      box.querySelector("b").textContent = `${percent} %`;
    }, { "Idempotency-Key": key });
    sending = false;
    location.assign(`/styles/${style.id}`);
  } catch (error) {
    sending = false;
    button.disabled = false;
    box.hidden = true;
    if (!(error instanceof ApiError)) throw error;
    refused(error, good);
  }
}

function refused(error, good) {
  for (const bad of error.details.images ?? []) {
    const work = good[bad.idx];
    if (work && !work.problem) {
      work.problem = error.message;
      work.tile.classList.add("bad");
      work.tile.append(said(error.message));
    }
  }
  showState();
  problems.show(form, [error.message, ...Object.values(error.details.fields ?? {}).flat()]);
}

files.addEventListener("change", async () => { await add([...files.files]); files.value = ""; });
drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  add([...event.dataTransfer.files]);
});
document.addEventListener("paste", (event) => add([...event.clipboardData.files]));
document.getElementById("add-to-all").addEventListener("click", () => {
  const more = split(document.getElementById("all-tags").value);
  for (const { tile, problem } of works.values()) {
    const field = problem ? null : tile.querySelector("input");
    if (field) field.value = [...new Set([...split(field.value), ...more])].join(", ");
  }
});
form.addEventListener("submit", (event) => { event.preventDefault(); submit(); });
addEventListener("beforeunload", (event) => sending && event.preventDefault());
