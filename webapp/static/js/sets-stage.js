// The large photo: shows the selection; clicks, boxes and strokes change it. Arrow keys move a cursor.
// In the mode `compare` a divider shows before and after.

import { draw, load, workSize } from "./sets-masks.js";
import { slide } from "./sets-slider.js";

const STEP = 0.02;
const FAR = 5; // factor of a step with Shift
const STILL_PX = 6; // a touch that moved less is a tap
const BRUSH_STEP = 0.035;
const MOST_OF_STROKE = 12;
const MARGIN = 0.04;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const clamp = (value) => Math.min(1, Math.max(0, value));

export class Stage {
  // `onPoints(points)` is called with new points, `onUndo()` on Backspace. Points are fractions (0 to 1)
  // of the photo's width and height.
  constructor(root, { onPoints, onUndo }) {
    this.root = root;
    this.frame = root.querySelector(".frame-of-photo");
    this.before = this.frame.querySelector(".before");
    this.after = this.frame.querySelector(".after img");
    this.overlay = this.frame.querySelector("canvas");
    this.cursor = this.frame.querySelector(".cursor");
    this.onPoints = onPoints;
    this.onUndo = onUndo;
    this.tool = "tap";
    this.isAdding = true;
    this.place = [0.5, 0.5];
    this.drawn = 0;
    this.layers = { instances: [], points: [] };
    slide(this.frame);
    this.listen();
  }

  show({ url, width, height, alt }) {
    this.size = [width, height];
    this.frame.style.setProperty("--ratio", `${width} / ${height}`);
    this.frame.style.setProperty("--wide", String(width / height));
    [this.overlay.width, this.overlay.height] = workSize(width, height);
    if (this.before.dataset.url !== url) this.before.src = url;
    this.before.dataset.url = url;
    this.before.alt = alt;
  }

  // URL of the result, or null.
  compareWith(url, alt = "") {
    if (url && this.after.dataset.url !== url) this.after.src = url;
    if (!url) this.after.removeAttribute("src");
    this.after.dataset.url = url ?? "";
    this.after.alt = alt;
    this.root.classList.toggle("has-after", Boolean(url));
    if (!url && this.tool === "compare") this.use("tap");
  }

  use(tool) {
    this.tool = tool;
    this.root.dataset.tool = tool;
    this.frame.querySelector("input[type=range]").disabled = tool !== "compare";
    this.frame.tabIndex = tool === "compare" ? -1 : 0;
    this.paint();
  }

  // Overlay: instances {key, url, state, isActive}, and the points of the active one.
  async lay(instances, points) {
    this.layers = { instances, points };
    await this.paint();
  }

  async paint() {
    const turn = (this.drawn += 1);
    const { width, height } = this.overlay;
    const { instances } = this.layers;
    const masks = await Promise.all(instances.map((each) => load(each.key, each.url, width, height).catch(() => null)));
    if (turn !== this.drawn) return;
    const context = this.overlay.getContext("2d");
    context.clearRect(0, 0, width, height);
    this.overlay.dataset.masks = "0";
    if (this.tool === "compare") return;
    instances.forEach((each, index) => masks[index] && !each.isActive && draw(context, masks[index], each.state, false));
    instances.forEach((each, index) => masks[index] && each.isActive && draw(context, masks[index], each.state, true));
    this.overlay.dataset.masks = String(masks.filter(Boolean).length);
    this.mark(context);
  }

  mark(context) {
    const size = Math.max(7, 9 * (this.overlay.width / Math.max(1, this.frame.clientWidth)));
    const { points } = this.layers;
    if (points[0]?.label) this.connect(context, points, size);
    for (const { x, y, include, label } of points) {
      const [left, top] = [x * this.overlay.width, y * this.overlay.height];
      context.beginPath();
      context.arc(left, top, size, 0, 2 * Math.PI);
      context.fillStyle = include ? "#0b62b8" : "#b8261b";
      context.fill();
      context.lineWidth = size / 4;
      context.strokeStyle = "#fff";
      context.stroke();
      if (label) {
        write(context, label, left, top, size);
        continue;
      }
      context.beginPath();
      context.moveTo(left - size / 2, top);
      context.lineTo(left + size / 2, top);
      if (include) {
        context.moveTo(left, top - size / 2);
        context.lineTo(left, top + size / 2);
      }
      context.stroke();
    }
  }

  // The sides between corners.
  connect(context, points, size) {
    context.beginPath();
    for (const { x, y } of points) context.lineTo(x * this.overlay.width, y * this.overlay.height);
    context.lineWidth = size / 3;
    context.strokeStyle = "#0b62b8";
    context.stroke();
  }

  // ── pointer ──────────────────────────────────────────────────────────────────────────────────

  listen() {
    this.frame.addEventListener("pointerdown", (event) => this.press(event));
    this.frame.addEventListener("pointermove", (event) => this.drag(event));
    this.frame.addEventListener("pointerup", (event) => this.release(event));
    this.frame.addEventListener("pointercancel", () => { this.stroke = null; this.paint(); });
    this.frame.addEventListener("contextmenu", (event) => this.tool !== "compare" && event.preventDefault());
    this.frame.addEventListener("keydown", (event) => this.pressKey(event));
    this.frame.addEventListener("focus", () => this.frame.matches(":focus-visible") && this.point());
    this.frame.addEventListener("blur", () => { this.cursor.hidden = true; });
  }

  at(event) {
    const box = this.frame.getBoundingClientRect();
    return [clamp((event.clientX - box.left) / box.width), clamp((event.clientY - box.top) / box.height)];
  }

  press(event) {
    if (this.tool === "compare" || this.isLocked || event.button > 2 || event.button === 1) return;
    const isIncluded = this.isAdding !== (event.altKey || event.button === 2);
    this.stroke = { from: this.at(event), path: [this.at(event)], start: [event.clientX, event.clientY], isIncluded };
    if (this.tool !== "tap") this.frame.setPointerCapture(event.pointerId);
  }

  drag(event) {
    if (!this.stroke || this.tool === "tap") return;
    this.stroke.path.push(this.at(event));
    this.sketch();
  }

  // The box or stroke that is being drawn.
  async sketch() {
    const { from, path, isIncluded } = this.stroke;
    const context = this.overlay.getContext("2d");
    const { width, height } = this.overlay;
    if (this.tool === "box") {
      await this.paint();
      if (!this.stroke) return;
    }
    context.strokeStyle = isIncluded ? "#0b62b8" : "#b8261b";
    context.lineWidth = this.tool === "box" ? 3 : width * 0.018;
    context.lineCap = context.lineJoin = "round";
    context.globalAlpha = this.tool === "box" ? 1 : 0.55;
    const [to, last] = [path.at(-1), path.at(-2)];
    if (this.tool === "box") {
      context.strokeRect(from[0] * width, from[1] * height, (to[0] - from[0]) * width, (to[1] - from[1]) * height);
    } else {
      context.beginPath();
      context.moveTo(last[0] * width, last[1] * height);
      context.lineTo(to[0] * width, to[1] * height);
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  release(event) {
    const { stroke } = this;
    this.stroke = null;
    if (!stroke) return;
    const moved = Math.hypot(event.clientX - stroke.start[0], event.clientY - stroke.start[1]);
    this.place = this.at(event);
    if (moved < STILL_PX) this.onPoints([pointOf(stroke.from, stroke.isIncluded)]);
    else if (this.tool === "box") this.onPoints(boxed(stroke.from, this.at(event), stroke.isIncluded));
    else if (this.tool === "brush") this.onPoints(stroked(stroke.path, stroke.isIncluded));
    else this.paint();
  }

  // ── keys ─────────────────────────────────────────────────────────────────────────────────────

  point() {
    this.cursor.hidden = this.tool === "compare";
    this.cursor.style.left = `${this.place[0] * 100}%`;
    this.cursor.style.top = `${this.place[1] * 100}%`;
  }

  pressKey(event) {
    if (event.target !== this.frame || this.tool === "compare" || event.ctrlKey || event.metaKey) return;
    const way = ARROWS[event.key];
    if (way) {
      const far = STEP * (event.shiftKey ? FAR : 1);
      this.place = [clamp(this.place[0] + way[0] * far), clamp(this.place[1] + way[1] * far)];
      this.point();
    } else if (event.key === "Enter" || event.key === " ") {
      if (this.isLocked) return;
      this.point();
      this.onPoints([pointOf(this.place, this.isAdding !== (event.altKey || event.shiftKey))]);
    } else if (event.key === "Backspace") this.onUndo();
    else return;
    event.preventDefault();
  }
}

function write(context, text, left, top, size) {
  context.fillStyle = "#fff";
  context.font = `bold ${1.4 * size}px sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, left, top);
}

function pointOf([x, y], include) {
  return { x: Number(x.toFixed(4)), y: Number(y.toFixed(4)), include };
}

// A box becomes points: its centre is included, points just outside are excluded.
function boxed(from, to, isIncluded) {
  const [left, right] = [Math.min(from[0], to[0]), Math.max(from[0], to[0])];
  const [top, bottom] = [Math.min(from[1], to[1]), Math.max(from[1], to[1])];
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  const [wide, high] = [(right - left) * 0.3, (bottom - top) * 0.3];
  const inside = [[x, y], [x - wide, y], [x + wide, y], [x, y - high], [x, y + high]];
  const outside = [[left - MARGIN, y], [right + MARGIN, y], [x, top - MARGIN], [x, bottom + MARGIN]]
    .filter(([across, down]) => across > 0 && across < 1 && down > 0 && down < 1);
  return [...inside.map((each) => pointOf(each, isIncluded)), ...(isIncluded ? outside.map((each) => pointOf(each, false)) : [])];
}

// A stroke is sampled at even distances.
function stroked(path, isIncluded) {
  const chosen = [path[0]];
  for (const place of path) {
    const last = chosen.at(-1);
    if (Math.hypot(place[0] - last[0], place[1] - last[1]) >= BRUSH_STEP) chosen.push(place);
  }
  const every = Math.ceil(chosen.length / MOST_OF_STROKE);
  return chosen.filter((_, index) => index % every === 0).map((place) => pointOf(place, isIncluded));
}
