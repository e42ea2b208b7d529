// The panels Parts and Protect: concepts to select, instances in this photo, protected concepts.

import { thumbnail } from "./sets-masks.js";
import { isProposal, redraw, taken } from "./sets-state.js";
import { firstSetting, settingForm } from "./sets-setting.js";
import { element, fill } from "./sets-texts.js";

const STATES = ["include", "lock", "exclude"];
const THUMBNAIL = 112;
const MOST_WORDS = 30;
const LEAST_SCORE = 0.05; // a lower one tells nothing about a part that can be seen

export function drawParts(box, state, context) {
  redraw(box, () => {
    const concept = state.conceptOf(state.concept);
    const cards = state.of(state.current, concept.name);
    return [
      element("div", { className: "concepts", role: "group", ariaLabel: context.texts.concepts }, ...state.concepts.map((each) => conceptButton(each, state, context))),
      ownWords(state, context),
      element("h2", { textContent: fill(context.texts.inThisPhoto, { concept: concept.title }) }),
      cards.length ? element("ul", { className: "instances" }, ...cards.map((each) => card(each, concept, state, context))) : element("p", { className: "none" , textContent: state.wasSearched(concept.name) ? context.texts.notFound : fill(context.texts.noneYet, { concept: concept.title }) }),
      ...conceptButtons(concept, cards, state, context),
    ];
  });
}

function conceptButton(concept, state, { texts, actions }) {
  const count = state.of(state.current, concept.name).filter((each) => each.state !== "exclude").length;
  const isChosen = concept.name === state.concept;
  const button = element("button", { type: "button", className: "chip concept", ariaPressed: String(isChosen), "data-focus": `concept-${concept.name}`, "data-concept": concept.name }, concept.title);
  if (count) button.append(element("b", { textContent: String(count), ariaLabel: fill(texts.selected, { count }) }));
  button.addEventListener("click", () => actions.chooseConcept(concept.name));
  return button;
}

function ownWords(state, { texts, actions }) {
  const input = element("input", { id: "own-concept", type: "text", maxLength: 60, autocomplete: "off", placeholder: texts.ownExample, "data-focus": "own-words" });
  const problem = element("p", { className: "field-problem", hidden: true });
  const form = element("form", { className: "own-words", noValidate: true },
    element("label", { htmlFor: "own-concept", textContent: texts.ownWords }), element("div", { className: "together" }, input, element("button", { className: "outline", textContent: texts.add, "data-focus": "own-add" })), problem);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const words = input.value.trim().replace(/\s+/g, " ");
    const refused = !words ? texts.ownEmpty : words.split(" ").length > MOST_WORDS ? fill(texts.ownTooLong, { most: MOST_WORDS }) : null;
    problem.hidden = !refused;
    problem.textContent = refused ?? "";
    input.setAttribute("aria-invalid", String(Boolean(refused)));
    if (refused) return;
    taken(input);
    input.value = "";
    actions.addConcept(words);
  });
  return form;
}

function card(instance, concept, state, context) {
  const { texts, actions } = context;
  const canvas = element("canvas", { width: THUMBNAIL, height: THUMBNAIL, ariaHidden: "true" });
  const picture = context.picture(state.photo);
  picture.decode().then(() => thumbnail(canvas, picture, instance.bbox, state.photo.width, state.photo.height)).catch(() => null);
  const name = `${concept.title} #${instance.number}`;
  const edit = element("button", { type: "button", className: "edit", ariaPressed: String(instance.instance_id === state.instanceId), ariaLabel: fill(texts.editInstance, { name }), "data-focus": `edit-${instance.instance_id}` }, canvas, element("b", { textContent: `#${instance.number}` }));
  edit.addEventListener("click", () => actions.chooseInstance(instance.instance_id));
  const source = element("small", { textContent: texts.sources[instance.source] + (instance.source === "found" && instance.score >= LEAST_SCORE ? ` · ${Math.round(instance.score * 100)} %` : "") });
  const parts = [source, stateChoice(instance, name, context), ownValue(instance, concept, name, state, context)];
  if (instance.state === "include" && state.photos.length > 1) parts.push(carryButton(instance, name, context));
  if (instance.source === "clicked") parts.push(removeButton(instance, name, context));
  return element("li", { className: `instance ${isProposal(instance) ? "proposal" : instance.state}`, "data-instance": instance.instance_id }, edit, element("div", {}, ...parts));
}

// A clicked instance can be proposed in the other photos of the group.
function carryButton(instance, name, { texts, actions }) {
  const button = element("button", { type: "button", className: "quiet", textContent: texts.carry, ariaLabel: `${texts.carry}: ${name}`, "data-focus": `carry-${instance.instance_id}` });
  button.addEventListener("click", () => actions.carry(instance, button));
  return button;
}

function removeButton(instance, name, { texts, actions }) {
  const button = element("button", { type: "button", className: "quiet", textContent: texts.removeInstance, ariaLabel: `${texts.removeInstance}: ${name}`, "data-focus": `remove-${instance.instance_id}` });
  button.addEventListener("click", () => actions.removeInstance(instance));
  return button;
}

function stateChoice(instance, name, { texts, actions }) {
  const box = element("div", { className: "segments", role: "radiogroup", ariaLabel: name });
  for (const each of STATES) {
    const input = element("input", { type: "radio", name: `state-${instance.instance_id}`, value: each, checked: instance.state === each, "data-focus": `state-${instance.instance_id}-${each}` });
    input.addEventListener("change", () => actions.changeInstance(instance, { state: each }));
    box.append(element("label", {}, input, element("span", { textContent: texts.instanceStates[each] })));
  }
  return box;
}

// “Window #2: another frame colour.”
function ownValue(instance, concept, name, state, context) {
  const { texts, actions } = context;
  if (!instance.rule) {
    const button = element("button", { type: "button", className: "quiet", textContent: texts.ownValue, ariaLabel: `${texts.ownValue}: ${name}`, "data-focus": `own-${instance.instance_id}` });
    button.addEventListener("click", () => actions.changeInstance(instance, { rule: state.rules[concept.name] ?? firstSetting("recolor", state.preset) }));
    return button;
  }
  const remove = element("button", { type: "button", className: "quiet", textContent: texts.sameValue, "data-focus": `own-${instance.instance_id}` });
  remove.addEventListener("click", () => actions.changeInstance(instance, { rule: null }));
  const form = settingForm({ id: instance.instance_id, setting: { options: {}, ...instance.rule }, concept, photo: instance.idx, context, onChange: (rule) => actions.changeInstance(instance, { rule }) });
  return element("div", { className: "own-value" }, form, remove);
}

function conceptButtons(concept, cards, state, { texts, actions }) {
  const made = [];
  if (concept.is_many && cards.length) {
    const another = element("button", { type: "button", className: "outline", textContent: fill(texts.another, { concept: concept.title }), ariaPressed: String(state.instanceId === null), "data-focus": "another" });
    another.addEventListener("click", () => actions.chooseInstance(null));
    made.push(another);
  }
  const { segmentation } = state.job;
  const isRunning = ["queued", "running"].includes(segmentation?.status);
  const find = element("button", { type: "button", className: "outline", disabled: isRunning || state.photos.some((photo) => photo.status === "checking"), textContent: fill(texts.findAll, { concept: concept.title }), "data-focus": "find" });
  find.setAttribute("aria-busy", String(isRunning));
  find.addEventListener("click", () => actions.find(concept));
  made.push(find);
  const note = isRunning ? fill(texts.finding, { done: segmentation.done, total: segmentation.total })
    : segmentation?.status === "failed" ? texts.findFailed : texts.findHelp;
  return [element("div", { className: "part-actions" }, ...made), element("p", { role: "status" }, element("small", { textContent: note }))];
}

export function drawProtect(box, state, { texts, actions }) {
  redraw(box, () => {
    const list = element("ul", { className: "protected" });
    for (const concept of state.concepts) {
      const input = element("input", { type: "checkbox", checked: state.protect.includes(concept.name), value: concept.name, "data-focus": `protect-${concept.name}` });
      input.addEventListener("change", () => actions.protect(concept.name, input.checked));
      const text = element("span", { textContent: concept.title });
      if (concept.protection === "light") text.append(" ", element("small", { textContent: texts.asLight }));
      list.append(element("li", {}, element("label", {}, input, text)));
    }
    return [element("p", {}, element("small", { textContent: texts.protectHelp })), list];
  });
}
