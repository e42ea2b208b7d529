// The form of one rule: an action, its value and its options. `onChange(setting)` is called for
// each complete change.

import { hasPlane, planeForm } from "./sets-plane.js";
import { taken } from "./sets-state.js";
import { offersOf, stylesOnSale } from "./sets-styles.js";
import { element, fill } from "./sets-texts.js";

const HEX = /^#[0-9a-f]{6}$/i;
const BACKGROUNDS = ["background", "remove_background"];
const RANGES = {
  texture: [["share", 5, 100, 35, 100], ["rotation", -90, 90, 0, 1]],
  tone: [["amount", 10, 200, 100, 100]],
  background: [["shadow", 0, 100, 60, 100]],
  restyle: [["strength", 10, 100, 60, 100]],
};

// Actions available for a concept: only backdrops can be removed.
export function actionsFor(preset, concept, isSignedIn) {
  const isBackdrop = concept.name === "Background" || concept.isOwn;
  return preset.actions.filter((each) => (isBackdrop || !BACKGROUNDS.includes(each)) && (isSignedIn || each !== "restyle"));
}

export function firstSetting(action, preset) {
  const swatch = preset.palette.find((each) => (action === "texture" ? each.picture : true));
  const values = { recolor: preset.palette[0].name, tone: "brighter", texture: swatch?.name, background: "#FFFFFF", remove_background: null, restyle: null };
  return { action, value: values[action], options: {} };
}

export function swatchFace(swatch) {
  const face = element("span", { className: "face", ariaHidden: "true" });
  face.style.backgroundColor = swatch.colour;
  if (swatch.picture) face.style.backgroundImage = `url("${swatch.picture}")`;
  return face;
}

// Short text of a rule: “Colour: Oak A”.
export function inWords(setting, { preset, texts }) {
  const swatch = preset.palette.find((each) => each.name === setting.value);
  const tone = texts.tones[setting.value];
  const matched = /^match:(\d+)$/.exec(setting.value ?? "");
  const value = swatch?.title ?? tone ?? (matched ? fill(texts.likePhoto, { number: Number(matched[1]) + 1 }) : setting.value);
  return [texts.actions[setting.action], value].filter(Boolean).join(": ");
}

export function faceOf(setting, preset) {
  const swatch = preset.palette.find((each) => each.name === setting.value);
  if (swatch) return swatchFace(swatch);
  if (HEX.test(setting.value ?? "")) return swatchFace({ colour: setting.value });
  return element("span", { className: "face plain", ariaHidden: "true" });
}

// `photo`: the index of the only photo that the rule is for, or null.
export function settingForm({ id, setting, concept, photo, context, onChange }) {
  const { preset, texts, isSignedIn } = context;
  const actions = actionsFor(preset, concept, isSignedIn);
  const select = element("select", { ariaLabel: fill(texts.actionOf, { concept: concept.title }), "data-focus": `${id}-action` });
  for (const action of actions) select.append(element("option", { value: action, textContent: texts.actions[action], selected: action === setting.action }));
  select.addEventListener("change", () => onChange(firstSetting(select.value, preset)));
  const parts = [select];
  if (setting.action === "tone") parts.push(tones({ id, setting, context, onChange }));
  if (["recolor", "texture", "background"].includes(setting.action)) parts.push(values({ id, setting, concept, context, onChange }));
  if (setting.action === "restyle") parts.push(styles({ id, setting, context, onChange }));
  const ranges = (RANGES[setting.action] ?? []).filter(([name]) => name !== "share" || !setting.options.plane);
  if (ranges.length) parts.push(options({ id, setting, ranges, texts, onChange }));
  if (hasPlane(setting.action)) parts.push(planeForm({ id, setting, photo, context, onChange }));
  return element("div", { className: "setting" }, ...parts);
}

function values({ id, setting, concept, context, onChange }) {
  const { preset, texts } = context;
  const choose = (value) => onChange({ ...setting, value });
  const box = element("div", { className: "swatches", role: "group", ariaLabel: fill(texts.valueOf, { concept: concept.title }) });
  const offered = preset.palette.filter((each) => setting.action !== "texture" || each.picture);
  for (const swatch of offered) {
    const button = element("button", { type: "button", className: "swatch", title: swatch.title, ariaLabel: swatch.title, ariaPressed: String(setting.value === swatch.name), "data-focus": `${id}-${swatch.name}` }, swatchFace(swatch));
    button.addEventListener("click", () => choose(swatch.name));
    box.append(button);
  }
  return setting.action === "texture" ? box : element("div", { className: "values" }, box, picker({ id, setting, texts, choose }));
}

// Any colour: the browser's own picker beside its number.
function picker({ id, setting, texts, choose }) {
  const isColour = HEX.test(setting.value ?? "");
  const colour = element("input", { type: "color", value: isColour ? setting.value : "#cccccc", ariaLabel: texts.pickColour, "data-focus": `${id}-picker` });
  const text = element("input", { type: "text", value: isColour ? setting.value.toUpperCase() : "", placeholder: "#RRGGBB", maxLength: 7, spellcheck: false, ariaLabel: texts.colourNumber, "data-focus": `${id}-hex`, className: "code" });
  colour.addEventListener("input", () => { text.value = colour.value.toUpperCase(); });
  colour.addEventListener("change", () => choose(colour.value.toUpperCase()));
  const problem = element("p", { className: "field-problem", textContent: texts.badColour, hidden: true });
  text.addEventListener("change", () => {
    const typed = text.value.trim();
    const value = typed.startsWith("#") ? typed : `#${typed}`;
    if (HEX.test(value)) {
      taken(text);
      return choose(value.toUpperCase());
    }
    text.setAttribute("aria-invalid", String(Boolean(typed)));
    problem.hidden = !typed;
    return null;
  });
  return element("div", { className: "picker" }, colour, text, problem);
}

function tones({ id, setting, context, onChange }) {
  const { texts, photos } = context;
  const select = element("select", { ariaLabel: texts.tone, "data-focus": `${id}-tone` });
  for (const [value, title] of Object.entries(texts.tones)) select.append(element("option", { value, textContent: title, selected: value === setting.value }));
  for (const photo of photos) {
    const value = `match:${photo.idx}`;
    select.append(element("option", { value, textContent: fill(texts.likePhoto, { number: photo.idx + 1 }), selected: value === setting.value }));
  }
  select.addEventListener("change", () => onChange({ ...setting, value: select.value, options: {} }));
  return select;
}

function options({ id, setting, ranges, texts, onChange }) {
  const box = element("div", { className: "options" });
  for (const [name, least, most, usual, factor] of ranges) {
    const highest = name === "amount" && String(setting.value).startsWith("match:") ? 100 : most;
    const now = setting.options[name] === undefined ? usual : Math.round(setting.options[name] * factor);
    const output = element("output", { textContent: texts.units[name].replace("{value}", now) });
    const range = element("input", { type: "range", min: least, max: highest, step: 1, value: now, "data-focus": `${id}-${name}` });
    range.addEventListener("input", () => { output.textContent = texts.units[name].replace("{value}", range.value); });
    range.addEventListener("change", () => onChange({ ...setting, options: { ...setting.options, [name]: Number(range.value) / factor } }));
    box.append(element("label", {}, element("span", { textContent: texts.options[name] }), output, range));
  }
  return box;
}

// Styles on sale with the price of each licence.
function styles({ id, setting, context, onChange }) {
  const { texts, call } = context;
  const select = element("select", { ariaLabel: texts.actions.restyle, disabled: true, "data-focus": `${id}-style` }, element("option", { value: "", textContent: texts.chooseStyle }));
  stylesOnSale(call, setting.value ? [setting.value] : []).then((found) => {
    for (const style of found) for (const offer of offersOf(style, texts)) {
      const isChosen = String(style.id) === String(setting.value) && [null, setting.license_type ?? style.license_type].includes(offer.licence);
      select.append(element("option", { value: [style.id, offer.licence ?? []].flat().join(" "), textContent: fill(texts.styleFor, { style: offer.title, count: offer.price }), selected: isChosen }));
    }
    select.disabled = found.length === 0;
  });
  select.addEventListener("change", () => {
    const [value, licence] = select.value.split(" ");
    onChange({ ...setting, value: value || null, license_type: licence ?? null, expected_price_tokens: undefined });
  });
  return select;
}
