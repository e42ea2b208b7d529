// /become-artist: draw a signature or choose a file.

import { ApiError, send } from "./api.js";
import * as inks from "./signature-image.js";
import * as problems from "./form-errors.js";

const MAX_BYTES = 2 * 1024 * 1024;
const form = document.getElementById("upgrade");
const canvas = document.getElementById("pad");
const file = document.getElementById("signature-file");
const pad = inks.pad(canvas);

async function signature() {
  const [chosen] = file.files;
  if (chosen && chosen.size > MAX_BYTES) throw new ApiError(422, { message: file.dataset.tooLarge });
  return chosen ?? inks.png(inks.drawn(canvas));
}

function checkSignature() {
  const isMissing = file.files.length === 0 && pad.isEmpty();
  file.setCustomValidity(isMissing ? file.dataset.invalid : "");
}

async function upgrade() {
  checkSignature();
  if (!problems.check(form)) return;
  const button = form.querySelector("button:not([type])");
  button.setAttribute("aria-busy", "true");
  try {
    const body = new FormData(form);
    body.set("signature_image", await signature(), "signature.png");
    await send("/api/v1/users/me/upgrade-to-artist", body, () => {});
    location.assign("/studio");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    problems.refused(form, error);
  }
  button.removeAttribute("aria-busy");
}

file.addEventListener("input", checkSignature);
// What is drawn stands for the file.
pad.addEventListener("endStroke", () => file.dispatchEvent(new Event("input")));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  upgrade();
});
document.getElementById("clear").addEventListener("click", () => pad.clear());
document.getElementById("undo").addEventListener("click", () => pad.fromData(pad.toData().slice(0, -1)));
