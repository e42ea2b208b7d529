// /studio/signature: the signature panel, saved by script.

import { ApiError } from "./api.js";
import * as problems from "./form-errors.js";
import { SignaturePanel } from "./signature-panel.js";

const form = document.getElementById("signature-form");
const panel = new SignaturePanel(form.querySelector("[data-signature]"));
const saved = document.getElementById("saved");

form.addEventListener("signaturechange", () => { saved.textContent = ""; });
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problems.clear(form);
  const button = form.querySelector("button[type=submit]");
  button.setAttribute("aria-busy", "true");
  try {
    await panel.save();
    saved.textContent = saved.dataset.text;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    problems.refused(form, error);
  }
  button.removeAttribute("aria-busy");
});
