// The panel Result: progress, failures, export, and results of other rules for the same photos.

import { isFinal } from "./sets-api.js";
import { faceOf, inWords } from "./sets-setting.js";
import { redraw } from "./sets-state.js";
import { element, failureOf, fill, quiet, refuse, stateOf } from "./sets-texts.js";

const SPOKEN_STEP = 10; // percent
let isListOpen = false; // of full-size photos

export function drawResult(box, state, context) {
  redraw(box, () => {
    const { job } = state;
    if (state.isEditable || job.status === "created") return [element("p", { className: "none", textContent: context.texts.noResult })];
    return [
      progress(job, context),
      ...(isFinal(job) ? [] : [cancelButton(context)]),
      ...failures(state, context),
      ...fullSize(state, context),
      ...(hasResults(job) ? [exportForm(state, context)] : []),
      appliedRules(state, context),
      ...orders(state, context),
      ...(isFinal(job) ? [another(state, context)] : []),
      ...family(state, context),
    ];
  });
}

function progress(job, { texts }) {
  const { done, failed, total } = job.progress;
  const percent = Math.round((100 * (done + failed)) / total);
  const text = fill(texts.finished, { done, total }) + (failed ? ` · ${fill(texts.failed, { count: failed })}` : "");
  const bar = element("progress", { max: 100, value: percent, ariaLabel: texts.progress });
  const spoken = element("span", { className: "visually-hidden", role: "status", textContent: `${Math.floor(percent / SPOKEN_STEP) * SPOKEN_STEP} %` });
  return element("div", { className: "gauge" }, element("h2", { textContent: texts.states[job.status] }), bar, element("p", { className: "figures" }, element("b", { textContent: `${percent} %` }), element("span", { textContent: text })), spoken, element("p", {}, element("small", { textContent: credits(job, texts) })));
}

function credits(job, texts) {
  const { charged, returned } = job.credits;
  return isFinal(job) ? fill(texts.creditsEnd, { charged, returned }) : texts.leaveSafely;
}

const cancelButton = ({ texts }) => element("button", { type: "button", className: "outline cancel-album", textContent: texts.cancel, "data-focus": "cancel" });

function failures(state, { texts, actions }) {
  const failed = state.photos.filter((photo) => photo.status === "failed");
  if (!failed.length) return [];
  const list = element("ul", { className: "failures" });
  for (const photo of failed) {
    const show = element("button", { type: "button", className: "quiet", textContent: fill(texts.photoNumber, { number: photo.idx + 1 }) });
    show.addEventListener("click", () => actions.choosePhoto(photo.idx));
    list.append(element("li", {}, show, element("span", { textContent: failureOf(photo, texts) })));
  }
  const parts = [element("h3", { textContent: fill(texts.failed, { count: failed.length }) }), list];
  if (isFinal(state.job) && state.job.status !== "canceled") {
    // The same selection would fail again: the parts have to be selected in a new album.
    const selected = failed.filter(({ error }) => ["CONCEPT_NOT_FOUND", "TOO_MANY_INSTANCES"].includes(error?.code));
    const others = failed.filter((photo) => photo.width && !selected.includes(photo));
    parts.push(...onward("select-parts", texts.selectParts, selected, actions.selectParts), ...onward("retry", texts.retry, others, actions.retry));
  }
  return [element("div", { className: "failed-photos" }, ...parts)];
}

function onward(name, text, photos, act) {
  if (!photos.length) return [];
  const button = element("button", { type: "button", textContent: fill(text, { count: photos.length }), "data-focus": name });
  button.addEventListener("click", () => act(photos.map((photo) => photo.idx)));
  return [button];
}

// Also a canceled job may have finished photos.
const hasResults = (job) => isFinal(job) && job.progress.done > 0 && Date.parse(job.expires_at) > Date.now();

// The finished photos at full size; their URLs expire, so an old one is replaced when it is used.
function fullSize(state, { texts, actions }) {
  const finished = state.photos.filter((photo) => state.job.outputs.get(photo.idx)?.result_url);
  if (!finished.length) return [];
  const list = element("ul", { className: "family full-size" });
  for (const photo of finished) {
    const link = element("a", { href: state.job.outputs.get(photo.idx).result_url, download: "", textContent: fill(texts.photoNumber, { number: photo.idx + 1 }), "data-focus": `full-${photo.idx}` });
    link.addEventListener("click", (event) => actions.refreshResult(event, photo.idx));
    list.append(element("li", {}, link, " ", element("small", { textContent: photo.filename })));
  }
  const details = element("details", { open: isListOpen }, element("summary", { textContent: fill(texts.fullSize, { count: finished.length }), "data-focus": "full-size" }), list);
  details.addEventListener("toggle", () => { if (details.isConnected) isListOpen = details.open; });
  return [details];
}

function exportForm(state, context) {
  const { texts, actions, me } = context;
  const others = (state.family ?? []).filter((job) => hasResults(job) && job.job_id !== state.job.job_id).reverse(); // the oldest first
  const form = element("form", { className: "export", noValidate: true }, element("h2", { textContent: texts.exportTitle }));
  const isPro = me?.plan === "pro";
  const chosen = state.template ?? state.job.output_template;
  state.preset.templates.forEach((template, index) => {
    const isLocked = template.plan === "pro" && !isPro;
    const input = element("input", { type: "radio", name: "template", value: template.id, disabled: isLocked, checked: chosen ? chosen === template.id : index === 0, "data-focus": `template-${template.id}` });
    input.addEventListener("change", () => { state.template = template.id; limit(); });
    form.append(element("label", { className: "template" }, input, element("span", {}, element("b", { textContent: template.title }), isLocked ? element("small", { className: "lock-note", textContent: texts.needsPro }) : "", element("small", { textContent: template.description }))));
  });
  if (!form.querySelector("input:checked")) form.querySelector("input:not(:disabled)").checked = true;
  const limit = otherJobs(form, others, state, texts);
  limit();
  const problem = element("div", { className: "problem", role: "alert", tabIndex: -1, hidden: true });
  const note = element("p", { className: "figures", role: "status" });
  const button = element("button", { textContent: texts.download, className: "download", "data-focus": "download" });
  form.append(problem, button, note);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    quiet(problem);
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    note.textContent = texts.exporting;
    const given = new FormData(form);
    try {
      const url = await actions.export(given.get("template"), given.getAll("jobs"));
      const link = element("a", { href: url, textContent: texts.downloadAgain, download: "" });
      note.replaceChildren(texts.exported, " ", link);
      link.click();
    } catch (error) {
      note.textContent = "";
      refuse(problem, error, texts);
    }
    button.disabled = false;
    button.removeAttribute("aria-busy");
  });
  return form;
}

// The other jobs of the archive: as many of the chosen ones as the template shows.
function otherJobs(form, others, state, texts) {
  if (!others.length) return () => {};
  const note = element("small", { role: "status" });
  const boxes = others.map((job) => {
    const box = element("input", { type: "checkbox", name: "jobs", value: job.job_id, "data-focus": `also-${job.job_id}` });
    box.addEventListener("change", () => {
      if (box.checked) state.leftOut.delete(job.job_id);
      else state.leftOut.add(job.job_id);
      limit();
    });
    return box;
  });
  function limit() {
    const chosen = new FormData(form).get("template");
    const most = state.preset.templates.find((each) => each.id === chosen).most_jobs - 1;
    const wanted = boxes.filter((box) => !state.leftOut.has(box.value));
    for (const box of boxes) {
      box.checked = wanted.indexOf(box) >= 0 && wanted.indexOf(box) < most;
      box.disabled = wanted.indexOf(box) >= most;
    }
    note.textContent = wanted.length > most ? fill(texts.exportMost, { count: most }) : "";
  }
  form.append(element("fieldset", {}, element("legend", { textContent: texts.exportAlso }), ...boxes.map((box, index) => element("label", {}, box, element("span", { textContent: nameOf(others[index], texts) }))), note));
  return limit;
}

function appliedRules(state, context) {
  const { texts } = context;
  const list = element("ul", { className: "applied" });
  const entries = [...Object.entries(state.job.concepts ?? {}).map(([name, setting]) => [name, setting, null]),
    ...(state.job.overrides ?? []).flatMap((each) => Object.entries(each.concepts).map(([name, setting]) => [name, setting, each.group]))];
  for (const [name, setting, group] of entries) {
    const place = group && state.preset.groups.find((each) => each.id === group)?.title;
    list.append(element("li", {}, faceOf(setting, state.preset), element("span", {}, element("b", { textContent: state.conceptOf(name).title }), " ", element("small", { textContent: [inWords(setting, context), place].filter(Boolean).join(" · ") }))));
  }
  return element("div", { hidden: entries.length === 0 }, element("h2", { textContent: texts.appliedRules }), list);
}

// What was ordered for the photo that is shown: its tokens, licence and certificate.
function orders(state, { texts }) {
  const ordered = state.photo?.restyles ?? [];
  if (!ordered.length) return [];
  const list = element("ul", { className: "applied" });
  for (const each of ordered) {
    const price = fill(texts.styleFor, { style: texts.licences[each.license_type], count: each.price_tokens });
    const certificate = each.certificate_url ? [" ", element("a", { href: each.certificate_url, textContent: texts.certificate })] : [];
    list.append(element("li", {}, element("span", {}, element("b", { textContent: state.conceptOf(each.concept).title }), " ", element("small", {}, price), ...certificate)));
  }
  return [element("div", { className: "orders" }, element("h2", { textContent: texts.ordered }), list)];
}

function another(state, { texts, actions }) {
  const count = state.photos.filter((each) => each.width).length; // photos that could be decoded
  const button = element("button", { type: "button", className: "outline", textContent: fill(texts.anotherRule, { count }), "data-focus": "another-rule" });
  button.addEventListener("click", actions.anotherRule);
  return element("div", { className: "another" }, button, element("p", {}, element("small", { textContent: texts.anotherHelp })));
}

export const nameOf = (job, texts) => job.name || fill(texts.albumOf, { time: new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "short", timeStyle: "short" }).format(new Date(job.created_at)) });

function family(state, { texts }) {
  const others = (state.family ?? []).filter((job) => job.job_id !== state.job.job_id);
  if (!others.length) return [];
  const list = element("ul", { className: "family" });
  for (const job of others) list.append(element("li", {}, element("a", { href: `/sets/${job.job_id}`, textContent: nameOf(job, texts) }), " ", element("span", stateOf(job, texts))));
  return [element("div", {}, element("h2", { textContent: texts.samePhotos }), list)];
}

// Up to three results of one photo, side by side.
export function drawComparison(section, state, { texts, actions }) {
  const shown = [state.job, ...(state.compared ?? [])].filter((job) => job.outputs?.has(state.current)).slice(0, 3);
  section.hidden = shown.length < 2;
  const { width, height } = state.photo;
  redraw(section.querySelector("ul"), () => shown.map((job) => {
    const image = element("img", { src: job.outputs.get(state.current).preview_url, alt: fill(texts.resultOf, { name: nameOf(job, texts) }), width, height, decoding: "async" });
    const button = element("button", { type: "button", ariaPressed: String(job.job_id === (state.shown ?? state.job.job_id)), "data-focus": `compare-${job.job_id}` }, image, element("span", { textContent: nameOf(job, texts) }));
    button.addEventListener("click", () => actions.showResultOf(job));
    return element("li", {}, button);
  }));
}
