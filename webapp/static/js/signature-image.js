// The image of a signature: drawn, uploaded or typed, cropped to its strokes.

import SignaturePad from "../vendor/signature_pad/signature_pad.min.js";

const MARGIN = 12;
const FAINTEST = 32;
const PAPER_CONTRAST = 40;
const TYPED_PX = 180;
const HAND = '"Snell Roundhand", "Segoe Script", "Apple Chancery", "Bradley Hand", "Brush Script MT", "Nanum Pen Script", cursive';

export function pad(canvas) {
  const made = new SignaturePad(canvas, { penColor: "#111", minWidth: 1, maxWidth: 3.5 });
  const fit = () => {
    if (!canvas.offsetWidth) return;
    const strokes = made.toData();
    const ratio = Math.max(window.devicePixelRatio || 1, 2);
    canvas.width = canvas.offsetWidth * ratio;
    canvas.height = canvas.offsetHeight * ratio;
    canvas.getContext("2d").scale(ratio, ratio);
    made.clear();
    made.fromData(strokes);
  };
  // Also when first shown: a hidden canvas has no width.
  new ResizeObserver(fit).observe(canvas);
  return made;
}

function blank(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

// The canvas cropped to its strokes, or null when it is empty.
export function trimmed(canvas, margin = 0) {
  const { width, height } = canvas;
  const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (pixels[(y * width + x) * 4 + 3] < FAINTEST) continue;
      left = Math.min(left, x); right = Math.max(right, x);
      top = Math.min(top, y); bottom = Math.max(bottom, y);
    }
  }
  if (right < 0) return null;
  const cut = blank(right - left + 1 + 2 * margin, bottom - top + 1 + 2 * margin);
  cut.getContext("2d").drawImage(canvas, margin - left, margin - top);
  return cut;
}

export const png = (canvas) => new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
export const drawn = (canvas) => trimmed(canvas, MARGIN);

export function typed(text) {
  const ruler = blank(1, 1).getContext("2d");
  const font = `italic ${TYPED_PX}px ${HAND}`;
  ruler.font = font;
  const canvas = blank(Math.ceil(ruler.measureText(text).width) + TYPED_PX, TYPED_PX * 3);
  const pen = canvas.getContext("2d");
  pen.font = font;
  pen.fillStyle = "#111";
  pen.textBaseline = "middle";
  pen.fillText(text, TYPED_PX / 2, canvas.height / 2);
  return trimmed(canvas);
}

// Approximates the signing task: the paper becomes transparent, the strokes opaque.
export function ofImage(image, most = 1024) {
  const scale = Math.min(1, most / Math.max(image.width, image.height));
  const canvas = blank(Math.max(1, Math.round(image.width * scale)), Math.max(1, Math.round(image.height * scale)));
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  const pixels = pen.getImageData(0, 0, canvas.width, canvas.height);
  if (isOpaque(pixels.data)) {
    clearPaper(pixels.data);
    pen.putImageData(pixels, 0, 0);
  }
  return trimmed(canvas);
}

function isOpaque(data) {
  for (let at = 3; at < data.length; at += 4) if (data[at] < FAINTEST) return false;
  return true;
}

function clearPaper(data) {
  const luminance = (at) => 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
  const sorted = [];
  for (let at = 0; at < data.length; at += 64) sorted.push(luminance(at));
  sorted.sort((a, b) => a - b);
  const paper = sorted[Math.floor(sorted.length / 2)];
  const extreme = paper < 128 ? sorted.at(-1) : sorted[0];
  const depth = Math.max(PAPER_CONTRAST, Math.abs(paper - extreme));
  for (let at = 0; at < data.length; at += 4) {
    const share = Math.abs(luminance(at) - paper) / depth;
    data[at + 3] = 255 * Math.min(1, Math.max(0, (share - 0.15) / 0.6));
  }
}
