// The owner of an image: follows it while it is being made, shows it to all or to nobody.

import { ApiError, call } from "./api.js";
import { follow } from "./watch.js";

const tile = document.querySelector(".tile");
if (tile && ["queued", "processing", "retrying"].includes(tile.dataset.status)) {
  const path = `/api/v1/generations/${tile.dataset.id}`;
  follow(`${path}/events`, () => call("GET", path), (image) => {
    const bar = document.querySelector(".tile progress");
    if (image.progress && bar) bar.value = image.progress.progress_percent;
  }).then(() => location.reload());
}

const form = document.querySelector(".visibility");
if (form) {
  const box = form.elements.is_public;
  const said = form.querySelector("[role=status]");
  form.hidden = false;
  box.addEventListener("change", async () => {
    box.disabled = true;
    try {
      await call("PATCH", `/api/v1/generations/${form.dataset.generation}`, { is_public: box.checked });
      said.textContent = box.checked ? said.dataset.public : said.dataset.private;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      box.checked = !box.checked;
      said.textContent = error.message;
    }
    box.disabled = false;
    box.focus();
  });
}
