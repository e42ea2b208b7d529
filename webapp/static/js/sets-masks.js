// Masks of instances on a canvas: fetched once, tinted by their state, with an outline visible on
// light and dark photos.

const SIDE = 1024;
const OUTLINE = 2;
const AROUND = [[-1, -1], [0, -1], [1, -1], [-1, 0], [1, 0], [-1, 1], [0, 1], [1, 1]];
export const TINTS = { include: [16, 155, 255], lock: [255, 176, 0], exclude: [128, 128, 128], proposal: [150, 80, 255] };
const STRENGTH = { include: 0.42, lock: 0.34, exclude: 0.12, proposal: 0.4 };

const kept = new Map();

export function workSize(width, height) {
  const scale = Math.min(1, SIDE / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

export function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

// A canvas whose alpha is the mask. Fetched once per `key`, because each response presigns another
// URL.
export function load(key, url, width, height) {
  if (!kept.has(key)) {
    const made = decode(url, width, height);
    kept.set(key, made);
    made.catch(() => kept.delete(key));
  }
  return kept.get(key);
}

async function decode(url, width, height) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`mask answered ${answer.status}`);
  const picture = await createImageBitmap(await answer.blob(), { resizeWidth: width, resizeHeight: height, resizeQuality: "medium" });
  const canvas = canvasOf(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const pixels = context.getImageData(0, 0, width, height);
  for (let at = 0; at < pixels.data.length; at += 4) {
    pixels.data[at + 3] = pixels.data[at];
    pixels.data[at] = pixels.data[at + 1] = pixels.data[at + 2] = 255;
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

function coloured(mask, colour) {
  const canvas = canvasOf(mask.width, mask.height);
  const context = canvas.getContext("2d");
  context.drawImage(mask, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = colour;
  context.fillRect(0, 0, canvas.width, canvas.height);
  return canvas;
}

function outline(mask, colour, width) {
  const canvas = canvasOf(mask.width, mask.height);
  const context = canvas.getContext("2d");
  const filled = coloured(mask, colour);
  for (const [x, y] of AROUND) context.drawImage(filled, x * width, y * width);
  context.globalCompositeOperation = "destination-out";
  context.drawImage(mask, 0, 0);
  return canvas;
}

export function draw(context, mask, state, isActive) {
  const [red, green, blue] = TINTS[state];
  context.globalAlpha = STRENGTH[state] * (isActive ? 1 : 0.75);
  context.drawImage(coloured(mask, `rgb(${red} ${green} ${blue})`), 0, 0);
  context.globalAlpha = isActive ? 1 : 0.85;
  if (isActive) context.drawImage(outline(mask, "#0b2a44", OUTLINE + 1.5), 0, 0);
  context.drawImage(outline(mask, "#fff", OUTLINE), 0, 0);
  context.globalAlpha = 1;
}

// The bounding box of an instance, cropped from the photo.
export function thumbnail(canvas, picture, box, width, height) {
  const [left, top, wide, high] = box;
  const side = Math.max(wide, high) * 1.15;
  const [scaleX, scaleY] = [picture.naturalWidth / width, picture.naturalHeight / height];
  const x = Math.max(0, Math.min(width - side, left + wide / 2 - side / 2));
  const y = Math.max(0, Math.min(height - side, top + high / 2 - side / 2));
  const seen = [Math.min(side, width), Math.min(side, height)];
  const fit = canvas.width / Math.max(...seen);
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(
    picture, Math.max(0, x) * scaleX, Math.max(0, y) * scaleY, seen[0] * scaleX, seen[1] * scaleY,
    (canvas.width - seen[0] * fit) / 2, (canvas.height - seen[1] * fit) / 2, seen[0] * fit, seen[1] * fit,
  );
}
