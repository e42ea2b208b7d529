// Becoming an artist: a signature drawn by hand or chosen as a file, and a name.

import SignaturePad from "../vendor/signature_pad/signature_pad.min.js";
import { ApiError, send } from "./api.js";
import * as problems from "./problems.js";

const MAX_BYTES = 2 * 1024 * 1024;
const MARGIN = 12;
const form = document.getElementById("upgrade");
const canvas = document.getElementById("pad");
const file = document.getElementById("signature-file");
const pad = new SignaturePad(canvas, { penColor: "#111", minWidth: 1, maxWidth: 3.5 });

function fit() {
  const strokes = pad.toData();
  const ratio = Math.max(window.devicePixelRatio || 1, 2);
  canvas.width = canvas.offsetWidth * ratio;
  canvas.height = canvas.offsetHeight * ratio;
  canvas.getContext("2d").scale(ratio, ratio);
  pad.clear();
  pad.fromData(strokes);
}

// The ink alone, without the empty canvas around it: the signature fills the box it is given.
async function drawn() {
  const { width, height } = canvas;
  const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (pixels[(y * width + x) * 4 + 3] < 8) continue;
      left = Math.min(left, x); right = Math.max(right, x);
      top = Math.min(top, y); bottom = Math.max(bottom, y);
    }
  }
  const cut = document.createElement("canvas");
  cut.width = right - left + 1 + 2 * MARGIN;
  cut.height = bottom - top + 1 + 2 * MARGIN;
  cut.getContext("2d").drawImage(canvas, MARGIN - left, MARGIN - top);
  return new Promise((resolve) => { cut.toBlob(resolve, "image/png"); });
}

async function signature() {
  const [chosen] = file.files;
  if (chosen && chosen.size > MAX_BYTES) throw new ApiError(422, { message: file.dataset.tooLarge });
  if (!chosen && pad.isEmpty()) throw new ApiError(422, { message: file.dataset.missing });
  return chosen ?? drawn();
}

async function upgrade() {
  if (!problems.check(form)) return;
  const button = form.querySelector("button:not([type])");
  button.setAttribute("aria-busy", "true");
  try {
    const body = new FormData(form);
    body.append("signature_image", await signature(), "signature.png");
    await send("/api/v1/users/me/upgrade-to-artist", body, () => {});
    location.assign("/styles/new");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    problems.show(form, [error.message, ...Object.values(error.details.fields ?? {}).flat()]);
  }
  button.removeAttribute("aria-busy");
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  upgrade();
});
document.getElementById("clear").addEventListener("click", () => pad.clear());
document.getElementById("undo").addEventListener("click", () => pad.fromData(pad.toData().slice(0, -1)));
addEventListener("resize", fit);
fit();
