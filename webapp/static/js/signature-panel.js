// The signature panel: draw, upload or type it, with a live preview on the artist's artworks.

import { ApiError, call } from "./api.js";
import * as inks from "./signature-image.js";
import { sign } from "./signature-preview.js";

const MAX_BYTES = 2 * 1024 * 1024;
const SIDE = 512;
const GROUNDS = [["#f4efe6", "#d9cfbd"], ["#2b2f3a", "#15161c"], ["#7fa08f", "#4c6f74"]];

export class SignaturePanel {
  constructor(box) {
    this.box = box;
    this.canvases = [...box.querySelectorAll(".previews canvas")];
    this.pad = inks.pad(box.querySelector(".pad canvas"));
    for (const each of box.querySelectorAll("[data-scripted]")) each.hidden = false;
    this.works = [];
    this.kept = null;
    this.chosen = null;
    this.isChanged = false;
    this.loadKept();
    this.pad.addEventListener("endStroke", () => this.changed());
    box.querySelector("[data-undo]").addEventListener("click", () => {
      this.pad.fromData(this.pad.toData().slice(0, -1));
      this.changed();
    });
    box.querySelector("[data-clear]").addEventListener("click", () => { this.pad.clear(); this.changed(); });
    box.addEventListener("input", (event) => this.onInput(event));
    this.showSource();
  }

  get source() { return this.box.querySelector("[name=signature_source]:checked").value; }
  get settings() {
    const value = (name) => this.box.querySelector(`[name=${name}]:checked`).value;
    return {
      signature_position: value("signature_position"),
      signature_size: value("signature_size"),
      signature_opacity: Number(this.box.querySelector("[name=signature_opacity]").value),
    };
  }

  loadKept() {
    const image = new Image();
    image.addEventListener("load", () => {
      // A file of another origin cannot be read by scripts; then it is shown uncropped.
      try { this.kept = inks.ofImage(image); } catch { this.kept = image; }
      this.draw();
    });
    image.src = this.box.dataset.signature;
  }

  ink() {
    if (this.source === "draw") return this.pad.isEmpty() ? null : inks.trimmed(this.box.querySelector(".pad canvas"));
    if (this.source === "upload") return this.chosen && inks.ofImage(this.chosen.bitmap);
    if (this.source === "type") {
      const text = this.box.querySelector("[name=signature_text]").value.trim();
      return text ? inks.typed(text) : null;
    }
    return this.kept;
  }

  async onInput(event) {
    if (event.target.name === "signature_source") this.showSource();
    if (event.target.type === "file") await this.choose(event.target);
    if (event.target.name === "signature_opacity") {
      this.box.querySelector("output").value = `${Math.round(100 * event.target.value)} %`;
    }
    this.changed();
  }

  async choose(field) {
    const [file] = field.files;
    const said = this.box.querySelector("[data-file-problem]");
    const bitmap = file && file.size <= MAX_BYTES ? await createImageBitmap(file).catch(() => null) : null;
    this.chosen = bitmap && { file, bitmap };
    said.hidden = !file || Boolean(bitmap);
    said.textContent = file && file.size > MAX_BYTES ? said.dataset.tooLarge : said.dataset.unreadable;
  }

  showSource() {
    for (const part of this.box.querySelectorAll("[data-source]")) part.hidden = part.dataset.source !== this.source;
  }

  changed() {
    this.isChanged = true;
    this.draw();
    this.box.dispatchEvent(new CustomEvent("signaturechange", { bubbles: true }));
  }

  // Preview on the lightest, the darkest and a medium artwork: contrast differs most there.
  async show(works) {
    const sorted = works.filter((work) => work.thumb).sort((a, b) => b.light - a.light);
    const picked = sorted.length > 2 ? [sorted[0], sorted.at(-1), sorted[Math.floor(sorted.length / 2)]] : sorted;
    this.works = await Promise.all(picked.map((work) => createImageBitmap(work.thumb)));
    this.draw();
  }

  draw() {
    const ink = this.ink();
    const { signature_position: position, signature_size: size, signature_opacity: opacity } = this.settings;
    this.canvases.forEach((canvas, at) => {
      canvas.width = canvas.height = SIDE;
      const pen = canvas.getContext("2d", { willReadFrequently: true });
      if (this.works[at]) cover(pen, this.works[at]);
      else paint(pen, GROUNDS[at]);
      if (ink) sign(canvas, ink, { position, size, opacity });
    });
  }

  // Saves the changes; throws an ApiError when there is no signature.
  async save() {
    if (!this.isChanged) return;
    const changes = this.settings;
    if (this.source !== "keep") {
      const ink = this.ink();
      if (!ink) throw new ApiError(422, { message: this.box.dataset.missing });
      const file = this.source === "upload" ? this.chosen.file : await inks.png(ink);
      changes.signature_image = await dataUrl(file);
    }
    await call("PATCH", "/api/v1/users/me/artist", changes);
    this.isChanged = false;
  }
}

function cover(pen, image) {
  const scale = Math.max(SIDE / image.width, SIDE / image.height);
  pen.drawImage(image, (SIDE - image.width * scale) / 2, (SIDE - image.height * scale) / 2, image.width * scale, image.height * scale);
}

function paint(pen, [from, to]) {
  const ground = pen.createLinearGradient(0, 0, SIDE, SIDE);
  ground.addColorStop(0, from);
  ground.addColorStop(1, to);
  pen.fillStyle = ground;
  pen.fillRect(0, 0, SIDE, SIDE);
}

function dataUrl(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(`data:image/png;base64,${reader.result.split(",")[1]}`);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
