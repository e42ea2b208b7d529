// Checks of an artwork before its upload. The server repeats them, with more.

const MIN_SIDE = 512;
const MAX_BYTES = 10 * 1024 * 1024;
const MAX_PIXELS = 50e6;
const MAX_RATIO = 16;
const BLANK_SIDE = 256;
const BLANK_DEVIATION = 2;
const NEAR_DISTANCE = 4;
const THUMB_SIDE = 512;
const MAGIC = { "image/png": [0x89, 0x50, 0x4e, 0x47], "image/jpeg": [0xff, 0xd8, 0xff] };

// Returns the facts of a file: type by content, size, SHA-256, perceptual hash, thumbnail, and the
// code of its problem or null.
export async function look(file) {
  const found = { type: await contentType(file), print: await fingerprint(file), width: 0, height: 0, light: 0, look: null, thumb: null, code: null };
  if (!found.type) return { ...found, code: "INVALID_IMAGE_FORMAT" };
  const image = await createImageBitmap(file).catch(() => null);
  if (!image) return { ...found, code: "IMAGE_CORRUPT" };
  found.width = image.width;
  found.height = image.height;
  const canvas = drawn(image);
  image.close();
  found.light = lightness(canvas);
  found.look = perceptualHash(canvas);
  found.thumb = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.85); });
  if (file.size > MAX_BYTES) found.code = "IMAGE_SIZE_EXCEEDED";
  else if (found.width * found.height > MAX_PIXELS) found.code = "IMAGE_TOO_LARGE_PIXELS";
  else if (Math.min(found.width, found.height) < MIN_SIDE) found.code = "IMAGE_RESOLUTION_TOO_LOW";
  else if (Math.max(found.width, found.height) > MAX_RATIO * Math.min(found.width, found.height)) found.code = "IMAGE_TOO_LONG";
  else if (isBlank(canvas)) found.code = "IMAGE_BLANK";
  return found;
}

async function contentType(file) {
  const head = new Uint8Array(await file.slice(0, 8).arrayBuffer());
  return Object.keys(MAGIC).find((type) => MAGIC[type].every((byte, at) => head[at] === byte)) ?? null;
}

async function fingerprint(file) {
  // Browsers compute hashes only on a secure connection.
  if (!crypto.subtle) return `${file.name}:${file.size}`;
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function drawn(image) {
  const scale = Math.min(1, THUMB_SIDE / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  // Transparent artworks get a background on which the rest is visible, as on the server.
  pen.globalCompositeOperation = "destination-over";
  pen.fillStyle = vanishesOnWhite(pen.getImageData(0, 0, canvas.width, canvas.height).data) ? "rgb(48 48 48)" : "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  return canvas;
}

function vanishesOnWhite(data) {
  let seen = 0;
  let pale = 0;
  for (let at = 0; at < data.length; at += 4) {
    seen += data[at + 3];
    if (Math.min(data[at], data[at + 1], data[at + 2]) > 223) pale += data[at + 3];
  }
  const clear = 1 - seen / (255 * (data.length / 4));
  return seen > 0 && clear >= 0.25 && pale >= 0.9 * seen;
}

// The canvas scaled to a size, as pixels.
function scaled(canvas, width, height) {
  const small = document.createElement("canvas");
  small.width = width;
  small.height = height;
  const pen = small.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";
  pen.drawImage(canvas, 0, 0, width, height);
  return pen.getImageData(0, 0, width, height).data;
}

// Whether every channel is nearly constant.
function isBlank(canvas) {
  const scale = Math.min(1, BLANK_SIDE / Math.max(canvas.width, canvas.height));
  const data = scaled(canvas, Math.max(1, Math.round(canvas.width * scale)), Math.max(1, Math.round(canvas.height * scale)));
  const count = data.length / 4;
  return [0, 1, 2].every((channel) => {
    let sum = 0;
    let squares = 0;
    for (let at = channel; at < data.length; at += 4) { sum += data[at]; squares += data[at] ** 2; }
    return Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2)) < BLANK_DEVIATION;
  });
}

// pHash: the signs of the 8×8 lowest frequencies of 32×32 grey levels against their median.
function perceptualHash(canvas) {
  const side = 32;
  const kept = 8;
  const data = scaled(canvas, side, side);
  const grey = Array.from({ length: side * side }, (_each, at) => 0.299 * data[4 * at] + 0.587 * data[4 * at + 1] + 0.114 * data[4 * at + 2]);
  const wave = (k, n) => Math.cos((Math.PI * k * (2 * n + 1)) / (2 * side));
  const found = [];
  for (let v = 0; v < kept; v += 1) {
    for (let u = 0; u < kept; u += 1) {
      let sum = 0;
      for (let y = 0; y < side; y += 1) for (let x = 0; x < side; x += 1) sum += grey[y * side + x] * wave(u, x) * wave(v, y);
      found.push(sum);
    }
  }
  const sorted = [...found].sort((a, b) => a - b);
  const median = (sorted[31] + sorted[32]) / 2;
  return found.map((each) => (each > median ? "1" : "0")).join("");
}

// Whether two perceptual hashes mean nearly identical artworks.
export function near(one, other) {
  if (!one || !other) return false;
  return [...one].filter((bit, at) => bit !== other[at]).length <= NEAR_DISTANCE;
}

// Mean lightness of the lower third, where the signature is placed: 0 black to 255 white.
function lightness(canvas) {
  const top = Math.floor((canvas.height * 2) / 3);
  const { data } = canvas.getContext("2d").getImageData(0, top, canvas.width, canvas.height - top);
  let sum = 0;
  for (let at = 0; at < data.length; at += 4) sum += 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
  return (4 * sum) / data.length;
}
