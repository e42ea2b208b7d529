// Preview of a signature on a picture: position, size and colour as the signing task computes them.

const WIDTHS = { small: 15, medium: 25, large: 35 };
const MAX_HEIGHT_PERCENT = 20;
const MARGIN_PERCENT = 2;
const MIN_MARGIN = 10;
const MIN_CONTRAST = 3;
const SHADES = 16;
const BLACK = [0, 0, 0];
const WHITE = [255, 255, 255];
const AROUND = [[-1, 0], [1, 0], [0, -1], [0, 1], [-1, -1], [1, -1], [-1, 1], [1, 1]];

const halfUp = (above, below) => Math.floor((2 * above + below) / (2 * below));

// The box of the signature on a picture, in whole pixels.
export function placement([width, height], [inkWidth, inkHeight], position, size) {
  const percent = WIDTHS[size];
  let boxWidth = Math.max(1, halfUp(width * percent, 100));
  let boxHeight = Math.max(1, halfUp(width * percent * inkHeight, 100 * inkWidth));
  const cap = Math.max(1, Math.floor((height * MAX_HEIGHT_PERCENT) / 100));
  if (boxHeight > cap) {
    boxWidth = Math.min(boxWidth, Math.max(1, halfUp(cap * inkWidth, inkHeight)));
    boxHeight = cap;
  }
  const margin = Math.max(MIN_MARGIN, halfUp(Math.min(width, height) * MARGIN_PERCENT, 100));
  const side = Math.min(margin, width - boxWidth);
  const left = {
    "bottom-left": side,
    "bottom-center": Math.floor((width - boxWidth) / 2),
    "bottom-right": width - boxWidth - side,
  }[position];
  return { left, top: height - boxHeight - Math.min(margin, height - boxHeight), width: boxWidth, height: boxHeight };
}

function luminance(colour) {
  const [red, green, blue] = colour.map((level) => {
    const share = level / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

const mix = (from, to, share) => from.map((level, at) => Math.round(level + share * (to[at] - level)));
const opposite = (colour) => (contrast(colour, BLACK) > contrast(colour, WHITE) ? BLACK : WHITE);

// 10th percentile of the contrast between the background and the signature at this opacity.
function reach(ground, colour, opacity) {
  const found = ground.map((each) => contrast(mix(each, colour, opacity), each)).sort((a, b) => a - b);
  return found[Math.floor(found.length / 10)] ?? 0;
}

function choose(ground, tint, opacity) {
  const [own, other] = opposite(tint) === WHITE ? [BLACK, WHITE] : [WHITE, BLACK];
  for (const extreme of [own, other]) {
    for (let step = 0; step <= SHADES; step += 1) {
      const shade = mix(tint, extreme, step / SHADES);
      if (reach(ground, shade, opacity) >= MIN_CONTRAST) return [shade, true];
    }
  }
  return [reach(ground, own, opacity) >= reach(ground, other, opacity) ? own : other, false];
}

function coloured(ink, box, colour) {
  const canvas = document.createElement("canvas");
  canvas.width = box.width;
  canvas.height = box.height;
  const pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(ink, 0, 0, box.width, box.height);
  pen.globalCompositeOperation = "source-in";
  pen.fillStyle = `rgb(${colour.join(" ")})`;
  pen.fillRect(0, 0, box.width, box.height);
  return canvas;
}

function sampled(pen, box) {
  const { data } = pen.getImageData(box.left, box.top, box.width, box.height);
  const every = Math.max(1, Math.floor(data.length / 4 / 256));
  const ground = [];
  for (let at = 0; at < data.length; at += 4 * every) ground.push([data[at], data[at + 1], data[at + 2]]);
  return ground;
}

// Draws the signature onto a canvas in place. `ink` is a canvas or image, `tint` its colour.
export function sign(canvas, ink, { position, size, opacity, tint = BLACK }) {
  const pen = canvas.getContext("2d");
  const box = placement([canvas.width, canvas.height], [ink.width, ink.height], position, size);
  const [colour, isLegible] = choose(sampled(pen, box), tint, opacity);
  pen.save();
  pen.globalAlpha = opacity;
  if (!isLegible) {
    const halo = coloured(ink, box, opposite(colour));
    for (const [x, y] of AROUND) pen.drawImage(halo, box.left + x, box.top + y);
  }
  pen.drawImage(coloured(ink, box, colour), box.left, box.top);
  pen.restore();
}
