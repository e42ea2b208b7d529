// The photos of an album: thumbnail, status dot and group. A group that only the file name suggests
// is marked as a suggestion until the user chooses it.

import { isProposal, redraw } from "./sets-state.js";
import { element, fill } from "./sets-texts.js";

export function drawPhotos(list, state, { texts, actions }) {
  redraw(list, () => state.photos.map((photo) => {
    const isCurrent = photo.idx === state.current;
    const title = fill(texts.photoNumber, { number: photo.idx + 1 });
    const mark = markOf(photo, state, texts);
    const button = element("button", { type: "button", className: "thumb", ariaLabel: `${title}, ${mark}`, "data-focus": `photo-${photo.idx}`, "data-idx": photo.idx });
    if (isCurrent) button.setAttribute("aria-current", "true");
    const url = pictureOf(photo, state);
    if (url) button.append(element("img", { src: url, alt: "", width: 128, height: 96, decoding: "async", loading: "lazy" }));
    button.append(element("span", { className: `dot ${dotOf(photo, state)}`, title: mark, ariaHidden: "true" }));
    if (state.warningsOf(photo).ruled.length) button.append(element("span", { className: "warned", title: texts.hasWarnings, textContent: "!" }));
    button.addEventListener("click", () => actions.choosePhoto(photo.idx));
    return element("li", { "data-status": photo.status }, button, groupOf(photo, state, { texts, actions, title }));
  }));
}

// Keep the first URL of a thumbnail: each response presigns another one.
const addresses = new Map();
function pictureOf(photo, state) {
  const output = state.job.outputs?.get(photo.idx);
  const key = `${photo.idx}-${output ? "after" : "before"}`;
  if (!addresses.has(key)) addresses.set(key, output?.preview_url ?? photo.preview_url);
  return addresses.get(key) ?? (addresses.delete(key), null);
}

function markOf(photo, state, texts) {
  if (!state.isEditable) return texts.photoStates[photo.status];
  if (state.of(photo.idx).some(isProposal)) return texts.hasProposals;
  return state.previews.has(photo.idx) ? texts.previewed : texts.photoStates[photo.status];
}

function dotOf(photo, state) {
  if (photo.status !== "ready") return photo.status;
  const found = state.of(photo.idx);
  if (found.some(isProposal)) return "proposed";
  return found.some((each) => each.state === "include") ? "marked" : "ready";
}

function groupOf(photo, state, { texts, actions, title }) {
  if (!state.isEditable) {
    return element("span", { className: "group", textContent: state.preset.groups.find((each) => each.id === photo.group)?.title ?? "" });
  }
  const select = element("select", { className: "group", ariaLabel: `${texts.group}: ${title}`, "data-focus": `group-${photo.idx}` }, element("option", { value: "", textContent: noGroup(photo, state, texts) }));
  for (const group of state.preset.groups) select.append(element("option", { value: group.id, textContent: group.title, selected: group.id === photo.group }));
  select.addEventListener("change", () => actions.setGroups([{ idx: photo.idx, group: select.value }]));
  return select;
}

function noGroup(photo, state, texts) {
  const suggested = state.preset.groups.find((each) => each.id === photo.suggested_group);
  return suggested ? fill(texts.suggestedGroup, { group: suggested.title }) : texts.noGroup;
}

export function drawSuggestions(button, state, actions) {
  const changes = state.job.items.filter((each) => each.suggested_group).map((each) => ({ idx: each.idx, group: each.suggested_group }));
  button.hidden = !state.isEditable || !changes.length;
  button.onclick = () => actions.setGroups(changes);
}
