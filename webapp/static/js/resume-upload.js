// Resume the upload of a style: files stored in this browser continue by themselves, the others must
// be chosen again by name.

import { ApiError } from "./api.js";
import { deliver, Undelivered } from "./artwork-upload.js";
import { Draft } from "./style-draft.js";
import * as problems from "./form-errors.js";

const form = document.getElementById("resume");
const states = JSON.parse(form.dataset.states);
const draft = new Draft(form.dataset.draft);
const lost = document.getElementById("lost");
const again = document.getElementById("again");
const picked = new Map();
const rows = new Map([...form.querySelectorAll("[data-idx]")].map((row) => [Number(row.dataset.idx), row]));
// A draft lists its artworks in the order of the declared files; equal names keep their order.
const kept = [...(draft.load().works ?? [])];
const ids = new Map();
for (const [idx, row] of rows) {
  const at = kept.findIndex((work) => work.name === row.dataset.filename && !work.code);
  if (at >= 0) ids.set(idx, kept.splice(at, 1)[0].id);
}

async function fileOf(idx) {
  const name = rows.get(idx).dataset.filename;
  if (picked.has(name)) return picked.get(name);
  return ids.has(idx) ? (await draft.get(ids.get(idx)))?.file ?? null : null;
}

function show(idx, state, percent) {
  const row = rows.get(idx);
  row.dataset.state = state;
  row.querySelector("progress").value = percent;
  row.querySelector(".figures").textContent = state === "sending" ? `${percent} %` : states[state];
}

async function go() {
  again.hidden = lost.hidden = true;
  problems.clear(form);
  for (const idx of rows.keys()) show(idx, "waiting", 0);
  try {
    await deliver({
      confirmUrl: `/api/v1/styles/${form.dataset.style}/confirm-upload`,
      uploads: null,
      fileOf,
      onMissing: (missing) => {
        for (const idx of rows.keys()) if (!missing.includes(idx)) show(idx, "sent", 100);
      },
      onChange: (idx, item) => show(idx, item.state, item.state === "sent" ? 100 : Math.round((100 * item.loaded) / item.file.size)),
    });
    await draft.clear();
    location.assign(`/styles/${form.dataset.style}`);
  } catch (error) {
    if (error instanceof Undelivered) await tell(error.missing);
    else if (error instanceof ApiError) {
      for (const idx of rows.keys()) show(idx, "waiting", 0);
      again.hidden = false;
      problems.refused(form, error);
    } else throw error;
  }
}

async function tell(missing) {
  for (const idx of missing) {
    const has = await fileOf(idx);
    show(idx, has ? "failed" : "lost", 0);
    if (has) again.hidden = false;
    else lost.hidden = false;
  }
}

document.getElementById("files").addEventListener("change", (event) => {
  for (const file of event.target.files) picked.set(file.name, file);
  go();
});
again.addEventListener("click", go);
go();
