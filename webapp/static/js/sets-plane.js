// Four corners of a rectangle on the photo, and its size in metres: the plane of a material or a
// painting. Corners belong to one photo, so they are set for a part of it.

import { element, fill } from "./sets-texts.js";

const CORNERS = ["topLeft", "topRight", "bottomRight", "bottomLeft"];
const FIRST_WIDTH = 3; // metres, until the user enters another
const SIZES = { least: 0.1, most: 1000 };
const REPEATS = { least: 0.01, most: 100 };

export const hasPlane = (action) => ["texture", "restyle"].includes(action);

// A setting without what refers to a photo of the album in which it was saved; null if nothing is left.
export function withoutPhoto(setting) {
  if (String(setting.value).startsWith("match:")) return null;
  if (!setting.options?.plane) return setting;
  const { plane, metres, ...options } = setting.options;
  return { ...setting, options };
}

// `photo`: the index of the only photo that the rule is for, or null.
export function planeForm({ id, setting, photo, context, onChange }) {
  const { texts, actions } = context;
  if (photo === null) return element("p", {}, element("small", { textContent: texts.planeHelp }));
  const { plane } = setting.options;
  const taken = (corners, ratio) => {
    const { share, ...options } = setting.options;
    const size = plane ?? { width: FIRST_WIDTH, height: rounded(FIRST_WIDTH * ratio) };
    return onChange({ ...setting, options: { ...options, plane: { ...size, corners } } });
  };
  const isAsking = actions.isAsking(id, taken);
  const set = element("button", { type: "button", className: "outline", textContent: isAsking ? texts.stopCorners : plane ? texts.cornersAgain : texts.setCorners, ariaPressed: String(isAsking), "data-focus": `${id}-corners` });
  set.addEventListener("click", () => (isAsking ? actions.stopCorners() : actions.askCorners({ id, idx: photo, taken })));
  return element("div", { className: "plane" }, set, ...(plane ? sizes({ id, setting, context, onChange }) : []));
}

const rounded = (metres) => Math.min(SIZES.most, Math.max(SIZES.least, Math.round(metres * 10) / 10));

function sizes({ id, setting, context, onChange }) {
  const { preset, texts } = context;
  const { plane, metres, ...others } = setting.options;
  const changed = (options) => onChange({ ...setting, options });
  const swatch = preset.palette.find((each) => each.name === setting.value);
  const parts = ["width", "height"].map((side) => number({
    id: `${id}-plane-${side}`, title: texts.plane[side], value: plane[side], range: SIZES, texts,
    onValue: (value) => changed({ ...setting.options, plane: { ...plane, [side]: value } }),
  }));
  if (setting.action === "texture") {
    parts.push(number({
      id: `${id}-metres`, title: texts.plane.repeat, value: metres ?? swatch?.metres, range: REPEATS, texts,
      onValue: (value) => changed({ ...setting.options, metres: value }),
    }));
  }
  const remove = element("button", { type: "button", className: "quiet", textContent: texts.removeCorners, "data-focus": `${id}-no-corners` });
  remove.addEventListener("click", () => changed(others));
  return [...parts, remove];
}

function number({ id, title, value, range, texts, onValue }) {
  const input = element("input", { type: "number", value: value ?? "", min: range.least, max: range.most, step: "any", inputMode: "decimal", "data-focus": id });
  const problem = element("small", { className: "field-problem", textContent: fill(texts.badMetres, range), hidden: true });
  input.addEventListener("change", () => {
    const typed = input.valueAsNumber;
    const isValid = typed >= range.least && typed <= range.most;
    input.setAttribute("aria-invalid", String(!isValid));
    problem.hidden = isValid;
    if (isValid) onValue(typed);
  });
  return element("label", {}, element("span", { textContent: title }), input, problem);
}

// ── corners on the photo ─────────────────────────────────────────────────────────────────────

export function cornering(state, context, page) {
  const { texts } = context;
  const frame = () => document.querySelector(".frame-of-photo");
  function ask() {
    const { points } = state.corners;
    page.status(fill(texts.cornerNow, { number: points.length + 1, place: texts.corners[CORNERS[points.length]] }));
    page.draw();
  }
  function stop() {
    if (!state.corners) return false;
    state.corners = null;
    page.status("");
    page.draw();
    return true;
  }
  return {
    // `taken` of the form that is drawn now: its other options may have changed.
    isAsking(id, taken) {
      if (state.corners?.id !== id) return false;
      state.corners.taken = taken;
      return true;
    },
    stopCorners: stop,
    askCorners({ id, idx, taken }) {
      state.corners = { id, idx, taken, points: [], tab: state.tab };
      page.useTool("tap");
      ask();
      frame().scrollIntoView({ block: "nearest" });
      frame().focus({ preventScroll: true });
    },
    async addCorner({ x, y }) {
      const { id, taken, points } = state.corners;
      points.push({ x, y, include: true, label: String(points.length + 1) });
      if (points.length < CORNERS.length) return ask();
      stop();
      await taken(points.map((each) => [each.x, each.y]), ratioOf(points, state.photo));
      return document.querySelector(`[data-focus="${CSS.escape(`${id}-plane-width`)}"]`)?.focus();
    },
    removeCorner() {
      if (!state.corners.points.pop()) return stop();
      return ask();
    },
  };
}

// Height by width of the rectangle as the photo shows it.
function ratioOf([one, two, three, four], { width, height }) {
  const length = (from, to) => Math.hypot((to.x - from.x) * width, (to.y - from.y) * height);
  return (length(two, three) + length(four, one)) / Math.max(1, length(one, two) + length(three, four));
}
