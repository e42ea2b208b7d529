// State of the album page: the job from the API, the selection, and the rules being edited, which
// survive a reload.

const KEPT = ["proposals", "proposal", "scope", "protect", "concept", "current", "tab", "own", "searched", "savedHere"];
export const MOST_PROPOSALS = 3;
export const EVERYWHERE = "";

export class State {
  constructor(id, presets) {
    this.id = id;
    this.presets = presets;
    this.job = null;
    this.preset = null;
    this.me = null;
    this.instances = [];
    this.previews = new Map(); // idx → URL
    this.current = 0;
    this.concept = null;
    this.instanceId = null; // the instance that clicks change; null: a new one
    this.tab = "parts";
    this.own = []; // the user's own concepts: {name, prompt}
    this.searched = []; // names of concepts that were searched in all photos
    this.protect = null;
    this.proposals = [blank()];
    this.proposal = 0;
    this.scope = EVERYWHERE; // or the id of a group
    this.savedHere = []; // ids of rules that were saved in this album
    this.corners = null; // {id, idx, tab, points, taken} while four corners are set
    this.leftOut = new Set(); // ids of jobs that are not exported with this one
    this.takenAt = 0;
  }

  get key() { return `sets-album-${this.id}`; }

  take(job) {
    this.job = job;
    this.takenAt = Date.now();
    this.preset = this.presets.get(job.preset);
    this.protect ??= this.preset.concepts.filter((each) => each.is_protected).map((each) => each.name);
    this.concept ??= this.preset.concepts[0].name;
    if (!this.photo) this.current = job.items[0]?.idx ?? 0;
  }

  save() {
    const kept = Object.fromEntries(KEPT.map((name) => [name, this[name]]));
    try { localStorage.setItem(this.key, JSON.stringify(kept)); } catch { /* kept until the page closes */ }
  }

  restore() {
    try {
      const kept = JSON.parse(localStorage.getItem(this.key)) ?? {};
      for (const name of KEPT) if (kept[name] !== undefined && kept[name] !== null) this[name] = kept[name];
    } catch { /* nothing was kept */ }
  }

  get photos() { return [...this.job.items].sort((one, two) => one.position - two.position); }
  get photo() { return this.job?.items.find((each) => each.idx === this.current); }
  get isEditable() { return this.job.status === "uploaded"; }

  get concepts() {
    return [...this.preset.concepts, ...this.own.map((each) => ({ name: each.name, title: each.name, prompt: each.prompt, is_many: true, isOwn: true }))];
  }

  conceptOf(name) {
    return this.concepts.find((each) => each.name === name) ?? { name, title: name, is_many: true, isOwn: true };
  }

  of(idx, concept) {
    return this.instances.filter((each) => each.idx === idx && (concept === undefined || each.concept === concept));
  }

  // Warnings about concepts with a rule, and about concepts that are only protected.
  warningsOf(photo) {
    const { concepts, overrides } = this.job;
    const applied = new Set([concepts, ...(overrides ?? []).map((each) => each.concepts)].flatMap((each) => Object.keys(each ?? {})));
    const all = photo.warnings ?? [];
    const ruled = all.filter(({ concept }) => this.isEditable || applied.has(concept));
    return { ruled, others: all.filter((each) => !ruled.includes(each)) };
  }

  wasSearched(concept) { return this.searched.includes(concept) && this.job.segmentation?.status === "ready"; }

  get active() { return this.instances.find((each) => each.instance_id === this.instanceId) ?? null; }

  get rules() {
    const { concepts, overrides } = this.proposals[this.proposal];
    return this.scope === EVERYWHERE ? concepts : (overrides[this.scope] ??= {});
  }

  get groups() {
    const used = new Set(this.job.items.map((each) => each.group));
    return this.preset.groups.filter((each) => used.has(each.id));
  }

  // Rules in the format of the API; the user's own concepts with their prompt.
  body(proposal) {
    const prompts = new Map(this.own.map((each) => [each.name, each.prompt]));
    const asked = (concepts) => Object.fromEntries(Object.entries(concepts).map(([name, setting]) => [
      name, prompts.has(name) ? { ...setting, prompt: prompts.get(name) } : setting,
    ]));
    const overrides = Object.entries(proposal.overrides)
      .filter(([group, concepts]) => Object.keys(concepts).length && this.groups.some((each) => each.id === group))
      .map(([group, concepts]) => ({ group, concepts: asked(concepts) }));
    return { concepts: asked(proposal.concepts), protect: this.protect, overrides };
  }

  // All settings that would be applied: those of the proposals, and own rules of instances.
  get settings() {
    const ofProposals = this.filled.map((each) => this.body(each)).flatMap(({ concepts, overrides }) => [concepts, ...overrides.map((each) => each.concepts)]);
    return [...ofProposals.flatMap(Object.values), ...this.instances.filter((each) => each.state === "include" && each.rule).map((each) => each.rule)];
  }

  get filled() { return this.proposals.filter((each) => hasRules(each)); }
}

// A proposal from another photo that was neither included nor excluded yet.
export const isProposal = (instance) => instance.source === "carried" && instance.state === "exclude";

export function blank(name = "") {
  return { name, concepts: {}, overrides: {} };
}

export function hasRules({ concepts, overrides }) {
  return Object.keys(concepts).length > 0 || Object.values(overrides).some((each) => Object.keys(each).length > 0);
}

// Rebuilds a part of the page; focus and typed text are kept. A click in progress ends first,
// otherwise its button would be removed under it.
const waiting = new Map();
let isPressed = false;
addEventListener("pointerdown", () => { isPressed = true; }, true);
for (const name of ["pointerup", "pointercancel"]) {
  addEventListener(name, () => {
    isPressed = false;
    setTimeout(() => {
      const builds = [...waiting];
      waiting.clear();
      for (const [box, build] of builds) redraw(box, build);
    });
  }, true);
}
addEventListener("input", ({ target }) => { if (target.type === "text") target.dataset.typed = "true"; }, true);

export function redraw(box, build) {
  if (isPressed) return void waiting.set(box, build);
  const typed = [...box.querySelectorAll("[data-typed]")];
  const focused = box.contains(document.activeElement) ? document.activeElement : null;
  const find = (element) => box.querySelector(`[data-focus="${CSS.escape(element.dataset.focus ?? "")}"]`);
  box.replaceChildren(...build());
  for (const { value, dataset } of typed) {
    const now = find({ dataset });
    if (!now) continue;
    now.value = value;
    now.dataset.typed = "true";
  }
  if (!focused) return null;
  const now = find(focused);
  now?.focus({ preventScroll: true });
  if (focused.type === "text") now?.setSelectionRange(focused.selectionStart, focused.selectionEnd);
  return null;
}

// The typed text was saved; the field shows the state again.
export function taken(input) {
  delete input.dataset.typed;
}
