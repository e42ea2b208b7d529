// What can be said of a training image before it is sent. The server looks again, and closer.

const MIN_SIDE = 512;
const MAX_BYTES = 10 * 1024 * 1024;
const MAX_PIXELS = 50e6;
const THUMB_SIDE = 512;
const MAGIC = { "image/png": [0x89, 0x50, 0x4e, 0x47], "image/jpeg": [0xff, 0xd8, 0xff] };

// Returns what is known of a file: type by content, size, a fingerprint, a small picture of it,
// and the code of what is wrong with it, or null.
export async function look(file) {
  const found = { type: await contentType(file), print: await fingerprint(file), width: 0, height: 0, light: 0, thumb: null, code: null };
  if (!found.type) return { ...found, code: "INVALID_IMAGE_FORMAT" };
  const image = await createImageBitmap(file).catch(() => null);
  if (!image) return { ...found, code: "IMAGE_CORRUPT" };
  found.width = image.width;
  found.height = image.height;
  const canvas = drawn(image);
  image.close();
  found.light = lightness(canvas);
  found.thumb = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.85); });
  if (file.size > MAX_BYTES) found.code = "IMAGE_SIZE_EXCEEDED";
  else if (found.width * found.height > MAX_PIXELS) found.code = "IMAGE_TOO_LARGE_PIXELS";
  else if (Math.min(found.width, found.height) < MIN_SIDE) found.code = "IMAGE_RESOLUTION_TOO_LOW";
  return found;
}

async function contentType(file) {
  const head = new Uint8Array(await file.slice(0, 8).arrayBuffer());
  return Object.keys(MAGIC).find((type) => MAGIC[type].every((byte, at) => head[at] === byte)) ?? null;
}

async function fingerprint(file) {
  // Without a secure connection browsers compute no hashes.
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
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

// Mean of the lower third, where signatures stand: 0 black to 255 white.
function lightness(canvas) {
  const top = Math.floor((canvas.height * 2) / 3);
  const { data } = canvas.getContext("2d").getImageData(0, top, canvas.width, canvas.height - top);
  let sum = 0;
  for (let at = 0; at < data.length; at += 4) sum += 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
  return (4 * sum) / data.length;
}
