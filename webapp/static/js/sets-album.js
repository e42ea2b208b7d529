// /sets/<job>: the album. Connects photos, stage and panels to the API; each renders itself from the
// state.

import * as api from "./sets-api.js";
import { call as askSite } from "./api.js";
import { Arrivals } from "./sets-resume.js";
import { makeActions } from "./sets-actions.js";
import { drawParts, drawProtect } from "./sets-parts.js";
import { drawPhotos, drawSuggestions } from "./sets-photos.js";
import { drawComparison, drawResult } from "./sets-results.js";
import { drawRules } from "./sets-rules.js";
import { Stage } from "./sets-stage.js";
import { isProposal, State } from "./sets-state.js";
import { isPainted, pricesOf, stylesOnSale } from "./sets-styles.js";
import { element, failureOf, fill, problemsOf, quiet, refuse, say, stateOf } from "./sets-texts.js";

const root = document.getElementById("album");
const texts = JSON.parse(root.dataset.texts);
const account = JSON.parse(root.dataset.account);
const presets = new Map(JSON.parse(root.dataset.presets).map((each) => [each.id, each]));
const state = new State(root.dataset.job, presets);
const problem = document.getElementById("album-problem");
const bar = document.getElementById("bar");
const tools = document.getElementById("tools");
const TABS = ["parts", "protect", "rules", "result"];
const pictures = new Map();

const context = {
  texts, account, isSignedIn: account.isSignedIn, saved: [], me: null, problems: new Map(), call: askSite, picture,
  get preset() { return state.preset; },
  get photos() { return state.photos; },
};
const stage = new Stage(document.getElementById("stage"), {
  onPoints: (points) => (state.corners ? context.actions.addCorner(points[0]) : context.actions.addPoints(points)),
  onUndo: undo,
});
context.actions = makeActions(state, context, {
  draw, load, refused, followJob, useTool,
  status: (text) => { document.getElementById("stage-status").textContent = text; },
  say: (found) => say(problem, found),
  clear: () => { context.problems = new Map(); quiet(problem); },
});

function undo() {
  return state.corners ? context.actions.removeCorner() : context.actions.undo();
}

function picture(photo) {
  if (!pictures.has(photo.idx)) {
    const image = new Image();
    image.src = photo.preview_url;
    pictures.set(photo.idx, image);
  }
  return pictures.get(photo.idx);
}

// Errors of a rule are shown in its row, others above the album.
function refused(error) {
  if (!(error instanceof api.ApiError)) throw error;
  context.problems = problemsOf(error);
  if (context.problems.size) state.tab = "rules";
  draw();
  refuse(problem, error, texts);
}

// ── render ───────────────────────────────────────────────────────────────────────────────────────

function draw() {
  const { job } = state;
  if (!job) return;
  root.dataset.status = job.status;
  root.classList.add("loaded");
  drawHead();
  if (job.status === "created") return;
  drawPhotos(document.getElementById("photos"), state, context);
  drawSuggestions(document.getElementById("suggestions"), state, context.actions);
  drawStage();
  drawTabs();
  const panel = document.getElementById(`panel-${state.tab}`);
  if (state.tab === "parts") drawParts(panel, state, context);
  if (state.tab === "protect") drawProtect(panel, state, context);
  if (state.tab === "rules") drawRules(panel, state, context);
  if (state.tab === "result") drawResult(panel, state, context);
  drawComparison(document.getElementById("comparison"), state, context);
  drawBar();
  state.save();
}

function drawHead() {
  const { job } = state;
  document.getElementById("album-title").textContent = [state.preset.title, job.name].filter(Boolean).join(" · ");
  Object.assign(document.getElementById("album-state"), stateOf(job, texts));
  document.querySelector(".album-head .cancel-album").hidden = job.status !== "uploaded";
  document.getElementById("album-count").textContent = fill(texts.photos, { count: job.item_count });
  document.getElementById("album-credits").textContent = context.me ? fill(texts.youHave, { credits: fill(texts.credits, { count: context.me.credits }) }) : "";
}

let waitsForCheck = false;
const isSettled = (photo) => Boolean(photo.preview_url && photo.width);

function drawStage() {
  const { photo } = state;
  if (state.corners && (state.corners.idx !== photo.idx || state.corners.tab !== state.tab)) context.actions.stopCorners();
  const title = fill(texts.photoNumber, { number: photo.idx + 1 });
  stage.isLocked = !state.isEditable || !isSettled(photo);
  stage.root.classList.toggle("locked", stage.isLocked);
  tools.classList.toggle("reading", !state.isEditable);
  document.getElementById("stage-help").hidden = !state.isEditable;
  if (isSettled(photo) && waitsForCheck) document.getElementById("stage-status").textContent = "";
  waitsForCheck = !isSettled(photo);
  stage.root.classList.toggle("waiting", waitsForCheck);
  if (waitsForCheck) {
    document.getElementById("stage-status").textContent = failureOf(photo, texts) ?? texts.photoStates[photo.status];
    stage.compareWith(null);
    return stage.lay([], []);
  }
  picture(photo);
  stage.show({ url: pictures.get(photo.idx).src, width: photo.width, height: photo.height, alt: fill(texts.before, { title }) });
  const after = afterOf(photo.idx);
  stage.compareWith(after, fill(texts.after, { title }));
  const compare = tools.querySelector("[value=compare]");
  compare.disabled = !after;
  if (!state.isEditable && after && stage.tool !== "compare") useTool("compare");
  if (!after && stage.tool === "compare") useTool("tap");
  drawWarnings(photo);
  document.getElementById("undo").disabled = !(state.corners ?? state.active)?.points?.length || !state.isEditable;
  if (!state.isEditable) return stage.lay([], []);
  const layers = state.of(photo.idx, state.concept).map((each) => ({
    key: `${each.instance_id}-${each.area}-${each.bbox}-${each.points.length}`, url: each.mask_url, state: isProposal(each) ? "proposal" : each.state,
    isActive: each.instance_id === state.instanceId,
  }));
  return stage.lay(layers, state.corners?.points ?? (state.active?.idx === photo.idx ? state.active.points ?? [] : []));
}

// The picture right of the divider: the result of the selected job, or a preview.
function afterOf(idx) {
  if (state.isEditable) return state.previews.get(idx) ?? null;
  const shown = [state.job, ...(state.compared ?? [])].find((job) => job.job_id === (state.shown ?? state.job.job_id));
  return shown?.outputs?.get(idx)?.preview_url ?? null;
}

function drawWarnings(photo) {
  const box = document.getElementById("warnings");
  const { ruled, others } = state.warningsOf(photo);
  const found = ruled.map(({ code, concept }) => fill(texts.warnings[code] ?? code, { concept: state.conceptOf(concept).title }));
  if (photo.error) found.push(failureOf(photo, texts));
  const notes = found.map((text) => element("p", { className: "notice bad", textContent: text }));
  const unprotected = others.map(({ concept }) => state.conceptOf(concept).title).join(", ");
  if (unprotected) notes.push(element("p", {}, element("small", { textContent: fill(texts.unprotected, { concepts: unprotected }) })));
  box.replaceChildren(...notes);
}

function drawTabs() {
  if (!state.isEditable) state.tab = "result";
  for (const name of TABS) {
    const tab = document.getElementById(`tab-${name}`);
    const isChosen = name === state.tab;
    tab.setAttribute("aria-selected", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
    tab.hidden = state.isEditable ? name === "result" : name !== "result";
    document.getElementById(`panel-${name}`).hidden = !isChosen;
  }
}

function drawBar() {
  bar.hidden = !state.isEditable;
  if (bar.hidden) return;
  const proposals = Math.max(1, state.filled.length);
  const price = state.job.item_count * proposals;
  const extra = price - state.job.item_count;
  document.getElementById("preview").textContent = fill(texts.preview, { count: Math.min(3, state.photos.length) });
  document.getElementById("apply").textContent = fill(texts.apply, { count: price });
  const checking = state.photos.filter((photo) => photo.status === "checking").length;
  for (const id of ["preview", "apply"]) document.getElementById(id).disabled = checking > 0 || document.getElementById(id).ariaBusy === "true";
  document.getElementById("bar-note").textContent = checking ? fill(texts.beingChecked, { count: checking }) : extra
    ? fill(texts.priceMore, { proposals, reserved: state.job.item_count, extra })
    : fill(texts.priceReserved, { count: state.job.item_count });
  drawStylePrices();
}

// What each painted part costs, beside the button that orders it.
async function drawStylePrices() {
  const line = document.getElementById("bar-styles");
  const painted = state.settings.filter(isPainted);
  if (painted.length) await stylesOnSale(askSite, painted.map((each) => each.value));
  const prices = pricesOf(state.settings, texts);
  line.hidden = prices.length === 0;
  const text = fill(texts.eachPart, { prices: prices.join(", ") });
  if (line.textContent !== text) line.textContent = text;
}

// ── tools and tabs ───────────────────────────────────────────────────────────────────────────

function useTool(tool) {
  tools.querySelector(`[name=tool][value=${tool}]`).checked = true;
  stage.use(tool);
}

tools.addEventListener("change", (event) => {
  if (event.target.name === "tool") useTool(event.target.value);
  else stage.isAdding = event.target.value === "add";
});
document.getElementById("undo").addEventListener("click", undo);
root.addEventListener("keydown", (event) => event.key === "Escape" && context.actions.stopCorners());
document.getElementById("preview").addEventListener("click", () => context.actions.preview());
document.getElementById("apply").addEventListener("click", () => context.actions.apply());
const cancelling = document.getElementById("cancelling");
cancelling.addEventListener("close", () => cancelling.returnValue === "cancel" && context.actions.cancel());
root.addEventListener("click", (event) => {
  if (!event.target.closest(".cancel-album")) return;
  cancelling.returnValue = "";
  cancelling.showModal();
});

const tabs = document.getElementById("tabs");
tabs.addEventListener("click", (event) => {
  const name = event.target.closest("[role=tab]")?.id.slice("tab-".length);
  if (!name) return;
  state.tab = name;
  draw();
});
tabs.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const shown = TABS.filter((name) => !document.getElementById(`tab-${name}`).hidden);
  state.tab = shown[(shown.indexOf(state.tab) + step + shown.length) % shown.length];
  draw();
  document.getElementById(`tab-${state.tab}`).focus();
});

// ── the job ──────────────────────────────────────────────────────────────────────────────────

let following = null;

function isMoving(job) {
  return ["queued", "running"].includes(job.status) || ["queued", "running"].includes(job.segmentation?.status)
    || job.items.some((photo) => photo.status === "checking");
}

// Follows the job while it changes.
function followJob() {
  if (following || !isMoving(state.job)) return;
  following = new AbortController();
  api.follow(state.id, (job) => take(api.normal(job)), following.signal).finally(() => { following = null; });
}



async function take(job) {
  const before = state.job;
  state.take(job);
  const hasNewMasks = job.segmentation?.done !== before?.segmentation?.done || job.segmentation?.status !== before?.segmentation?.status;
  if (before && hasNewMasks && state.isEditable) {
    state.instances = await api.allInstances(state.id).catch(() => state.instances);
    state.instanceId ??= state.of(state.current, state.concept)[0]?.instance_id ?? null;
  }
  const hasEnded = before && !api.isFinal(before) && api.isFinal(job);
  if (hasEnded) await load();
  else draw();
  if (!isMoving(job)) following?.abort();
}

async function load() {
  const job = api.normal(await api.call("GET", `/jobs/${state.id}`));
  state.take(job);
  context.me = await api.call("GET", "/me").catch(() => null);
  if (job.status === "created") return draw();
  if (state.isEditable) {
    [state.instances, context.saved] = await Promise.all([
      api.allInstances(state.id), api.call("GET", `/rules?preset_id=${job.preset}&limit=50`).then((page) => page.results),
    ]);
    state.instanceId ??= state.of(state.current, state.concept)[0]?.instance_id ?? null;
  } else await context.actions.findFamily();
  draw();
  watchFamily();
  return followJob();
}

// Proposals applied together finish one after another; their results are polled.
const FAMILY_MS = 3000;
let watching = null;

function watchFamily() {
  const isWaiting = api.isFinal(state.job) && (state.compared ?? []).some((job) => !api.isFinal(job));
  if (!isWaiting || watching) return;
  watching = setTimeout(async () => {
    watching = null;
    await context.actions.findFamily();
    draw();
    watchFamily();
  }, FAMILY_MS);
}

async function begin() {
  document.getElementById("adopted").hidden = !(await api.begin(account));
  state.restore();
  if (!api.hasAccount()) {
    root.dataset.ready = "true";
    return lose();
  }
  try {
    await load();
    if (state.job.status === "created") await new Arrivals(document.getElementById("arrivals"), state.job, texts, load).go();
  } catch (error) {
    if (error.status === 401 || error.status === 404) lose();
    else refused(error);
  }
  root.dataset.ready = "true";
  return null;
}

function lose() {
  root.classList.add("lost");
  document.getElementById("guest").hidden = true;
  say(problem, [texts.lost]);
}

await begin();
