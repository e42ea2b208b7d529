// The panel Rules: up to three proposals, each with one rule per concept, for all photos or for the
// photos of one group; and saved rules.

import { EVERYWHERE, MOST_PROPOSALS, redraw, taken } from "./sets-state.js";
import { actionsFor, faceOf, firstSetting, inWords, settingForm } from "./sets-setting.js";
import { element, fill, quiet, refuse } from "./sets-texts.js";

let open = null; // the concept whose form is shown

export function drawRules(box, state, context) {
  redraw(box, () => {
    const rows = Object.entries(state.rules).map(([name, setting]) => ruleRow(name, setting, state, context));
    return [
      proposals(state, context),
      savedRules(state, context),
      ...(state.groups.length > 1 || state.scope !== EVERYWHERE ? [scopes(state, context)] : []),
      rows.length ? element("ul", { className: "rule-rows" }, ...rows) : element("p", { className: "none", textContent: state.scope === EVERYWHERE ? context.texts.noRules : context.texts.noGroupRules }),
      addRule(state, context),
      ...(Object.keys(state.rules).length && state.scope === EVERYWHERE ? [saveForm(state, context)] : []),
    ];
  });
}

function proposals(state, { texts, actions }) {
  const box = element("div", { className: "proposal-tabs", role: "group", ariaLabel: texts.proposals });
  state.proposals.forEach((proposal, index) => {
    const title = proposal.name || fill(texts.proposal, { letter: "ABC"[index] });
    const button = element("button", { type: "button", className: "chip", textContent: title, ariaPressed: String(index === state.proposal), "data-focus": `proposal-${index}` });
    button.addEventListener("click", () => actions.chooseProposal(index));
    box.append(button);
  });
  if (state.proposals.length < MOST_PROPOSALS) {
    const add = element("button", { type: "button", className: "quiet", textContent: texts.addProposal, "data-focus": "proposal-add" });
    add.addEventListener("click", actions.addProposal);
    box.append(add);
  }
  if (state.proposals.length > 1) {
    const remove = element("button", { type: "button", className: "quiet", textContent: texts.removeProposal, "data-focus": "proposal-remove" });
    remove.addEventListener("click", actions.removeProposal);
    box.append(remove);
  }
  return box;
}

function scopes(state, { texts, actions }) {
  const select = element("select", { "data-focus": "scope" }, element("option", { value: EVERYWHERE, textContent: texts.allPhotos }));
  for (const group of state.groups) select.append(element("option", { value: group.id, textContent: fill(texts.onlyGroup, { group: group.title }), selected: group.id === state.scope }));
  select.addEventListener("change", () => actions.chooseScope(select.value));
  return element("label", { className: "scope" }, element("span", { textContent: texts.rulesFor }), select);
}

function ruleRow(name, setting, state, context) {
  const { texts, actions } = context;
  const concept = state.conceptOf(name);
  const details = element("details", { open: open === name });
  const summary = element("summary", { "data-focus": `rule-${name}` }, faceOf(setting, state.preset), element("span", {}, element("b", { textContent: concept.title }), " ", element("small", { textContent: inWords(setting, context) })));
  details.append(summary, settingForm({ id: `rule-${name}`, setting: { options: {}, ...setting }, concept, photo: state.photos.length === 1 ? state.current : null, context, onChange: (changed) => actions.setRule(name, changed) }));
  const remove = element("button", { type: "button", className: "quiet", textContent: texts.removeRule, ariaLabel: fill(texts.removeRuleOf, { concept: concept.title }), "data-focus": `remove-${name}` });
  remove.addEventListener("click", () => actions.setRule(name, null));
  details.append(remove);
  const problem = context.problems.get(name);
  details.addEventListener("toggle", () => { if (details.isConnected) open = details.open ? name : open === name ? null : open; });
  const missing = state.photos.filter((photo) => state.of(photo.idx, name).every((each) => each.state !== "include")).length;
  if (missing && missing < state.photos.length) details.append(element("p", {}, element("small", { textContent: fill(state.wasSearched(name) ? texts.notFoundIn : texts.missingIn, { count: missing }) })));
  const said = problem ? [element("p", { className: "field-problem", textContent: problem })] : [];
  return element("li", { "data-rule": name }, details, ...said);
}

function addRule(state, context) {
  const { texts, actions } = context;
  const select = element("select", { "data-focus": "add-rule", id: "add-rule" }, element("option", { value: "", textContent: texts.chooseConcept }));
  for (const concept of state.concepts) {
    if (!(concept.name in state.rules)) select.append(element("option", { value: concept.name, textContent: concept.title }));
  }
  select.addEventListener("change", () => {
    if (!select.value) return;
    const concept = state.conceptOf(select.value);
    open = concept.name;
    const [action] = actionsFor(state.preset, concept, context.isSignedIn);
    actions.setRule(concept.name, firstSetting(action, state.preset));
  });
  return element("div", { className: "add-rule" }, element("label", { htmlFor: "add-rule", textContent: texts.addRule }), select);
}

function savedRules(state, { texts, actions, saved }) {
  if (!saved.length) return element("p", { hidden: true });
  const list = element("ul", { className: "saved-rules", ariaLabel: texts.savedRules });
  for (const rule of saved) {
    const use = element("button", { type: "button", className: "chip", textContent: rule.name, "data-focus": `saved-${rule.id}` });
    use.addEventListener("click", () => actions.useRule(rule));
    const remove = element("button", { type: "button", className: "quiet", textContent: "×", ariaLabel: fill(texts.deleteRule, { rule: rule.name }), "data-focus": `delete-${rule.id}` });
    remove.addEventListener("click", () => actions.deleteRule(rule));
    list.append(element("li", {}, use, remove));
  }
  return element("div", { className: "saved" }, element("h3", { textContent: texts.savedRules }), list);
}

function saveForm(state, { texts, actions }) {
  const name = element("input", { id: "rule-name", type: "text", maxLength: 50, value: state.proposals[state.proposal].name, "data-focus": "rule-name", autocomplete: "off" });
  const problem = element("div", { className: "problem", tabIndex: -1, hidden: true, role: "alert" });
  const form = element("form", { className: "save-rule", noValidate: true }, element("label", { htmlFor: "rule-name", textContent: texts.saveAs }), element("div", { className: "together" }, name, element("button", { className: "outline", textContent: texts.save, "data-focus": "rule-save" })), problem);
  name.addEventListener("change", () => { taken(name); actions.nameProposal(name.value.trim()); });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    quiet(problem);
    await actions.saveRule(name.value.trim()).catch((error) => refuse(problem, error, texts));
  });
  return form;
}
