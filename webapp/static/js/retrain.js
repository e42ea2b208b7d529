// Exclude or add artworks of a style, and train it again.

import { ApiError, call } from "./api.js";
import { look } from "./artwork-checks.js";
import { deliver, Undelivered } from "./artwork-upload.js";
import * as problems from "./form-errors.js";
import { fill, forms } from "./artworks.js";

const form = document.getElementById("retrain");
const files = document.getElementById("files");
const drop = document.getElementById("drop");
const rows = document.getElementById("added");
const state = document.getElementById("used-artworks");
const codes = JSON.parse(form.dataset.codes);
const states = JSON.parse(form.dataset.states);
const added = [];
let awaited = null;

const removed = () => [...form.querySelectorAll("[name=remove_artwork_ids]:checked")].map((box) => Number(box.value));
const good = () => added.filter((work) => !work.code);

async function add(list) {
  for (const file of list) {
    const found = await look(file);
    if (!found.code && added.some((work) => work.print === found.print)) found.code = "DUPLICATE_IMAGE";
    const work = { file, ...found, row: document.createElement("li") };
    const name = document.createElement("span");
    const bar = document.createElement("progress");
    const said = document.createElement("span");
    name.textContent = file.name;
    bar.max = 100;
    bar.value = 0;
    bar.setAttribute("aria-label", file.name);
    said.className = "figures";
    said.textContent = found.code ? codes[found.code] : "";
    work.row.dataset.state = found.code ? "failed" : "waiting";
    work.row.append(name, bar, said);
    rows.append(work.row);
    added.push(work);
  }
  count();
}

function count() {
  const similar = form.elements.accept_similar?.checked ? Number(form.dataset.similar) : 0;
  const total = Number(form.dataset.good) + similar - removed().length + good().length;
  state.textContent = fill(forms(state), { count: total, least: form.dataset.least });
}

async function start() {
  problems.clear(form);
  const button = form.querySelector("button[type=submit]");
  const sending = good();
  button.setAttribute("aria-busy", "true");
  try {
    // After a network error the style already waits for the missing files.
    awaited ??= await call("POST", `/api/v1/styles/${form.dataset.style}/retrain`, {
      remove_artwork_ids: removed(),
      accept_similar: form.elements.accept_similar?.checked ?? false,
      files: sending.map(({ file, type }) => ({ filename: file.name, size: file.size, content_type: type })),
    });
    if (awaited.uploads) await send(sending);
    location.reload();
  } catch (error) {
    if (error instanceof Undelivered) problems.show(form, [states.failed]);
    else if (error instanceof ApiError) problems.refused(form, error);
    else throw error;
  } finally {
    button.removeAttribute("aria-busy");
  }
}

async function send(sending) {
  const first = Math.min(...awaited.uploads.map((upload) => upload.idx));
  const { uploads } = awaited;
  await deliver({
    confirmUrl: awaited.confirm_url,
    uploads: awaited.isAgain ? null : uploads,
    fileOf: (idx) => sending[idx - first]?.file ?? null,
    onChange: (idx, item) => {
      const { row, file } = sending[idx - first];
      row.dataset.state = item.state;
      row.querySelector("progress").value = item.state === "sent" ? 100 : Math.round((100 * item.loaded) / file.size);
      row.querySelector(".figures").textContent = states[item.state];
    },
  }).catch((error) => { awaited.isAgain = true; throw error; });
}

for (const each of form.querySelectorAll("[data-scripted]")) each.hidden = false;
files.addEventListener("change", () => {
  const chosen = [...files.files];
  files.value = "";
  add(chosen);
});
drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  add([...event.dataTransfer.files]);
});
form.addEventListener("change", count);
form.addEventListener("submit", (event) => { event.preventDefault(); start(); });
count();
