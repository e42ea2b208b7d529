// The user's actions on an album, and their API calls.

import * as api from "./sets-api.js";
import { cornering, withoutPhoto } from "./sets-plane.js";
import { blank, EVERYWHERE, hasRules } from "./sets-state.js";
import { areKnown, asShown, forgetStyles, isPainted, stylesOnSale } from "./sets-styles.js";
import { fill } from "./sets-texts.js";

const MOST_PREVIEWED = 3;
const MOST_POINTS = 50; // of one instance
const URL_FRESH_MS = 45 * 60 * 1000;

export function makeActions(state, context, page) {
  return {
    ...choosing(state, context, page),
    ...selecting(state, context, page),
    ...ruling(state, context, page),
    ...cornering(state, context, page),
    ...applying(state, context, page),
  };
}

// Runs an action of the user; shows its error.
async function attempt(page, work) {
  page.clear();
  try { return await work(); } catch (error) { page.refused(error); return null; }
}

function choosing(state, context, page) {
  const first = () => { state.instanceId = state.of(state.current, state.concept)[0]?.instance_id ?? null; };
  return {
    choosePhoto(idx) { state.current = idx; first(); page.status(""); page.draw(); },
    chooseConcept(name) { state.concept = name; first(); page.status(""); page.draw(); },
    chooseInstance(id) { state.instanceId = id; page.draw(); },
    addConcept(words) {
      if (!state.concepts.some((each) => each.name === words)) state.own.push({ name: words, prompt: words });
      this.chooseConcept(words);
    },
    protect(name, isProtected) {
      state.protect = isProtected ? [...state.protect, name] : state.protect.filter((each) => each !== name);
      // The values of a saved rule would replace the current choice.
      for (const each of state.proposals) delete each.rule_id;
      page.draw();
    },
    setGroups(changes) {
      return attempt(page, async () => {
        await api.call("PATCH", `/jobs/${state.id}/items`, { changes });
        for (const { idx, group } of changes) Object.assign(state.job.items.find((each) => each.idx === idx), { group, suggested_group: "" });
        page.draw();
      });
    },
  };
}

// ── select parts ─────────────────────────────────────────────────────────────────────────────────

function selecting(state, context, page) {
  const steps = new Map(); // instance → points before each action
  let queue = Promise.resolve();

  async function send(points) {
    const { active, current: idx, concept } = state;
    const own = state.own.find((each) => each.name === concept);
    page.status(context.texts.selecting);
    const body = { idx, concept, points, ...(active ? { instance_id: active.instance_id } : {}), ...(own ? { prompt: own.prompt } : {}) };
    const made = await api.call("POST", `/jobs/${state.id}/instances`, body);
    const instance = { points, ...made };
    state.instances = [...state.instances.filter((each) => each.instance_id !== instance.instance_id), instance];
    state.instanceId = instance.instance_id;
    state.previews.delete(idx);
    page.status(fill(context.texts.selectedShare, { concept: state.conceptOf(concept).title, share: Math.round((1000 * instance.area) / (state.photo.width * state.photo.height)) / 10 }));
    page.draw();
    return instance;
  }

  // In sequence: the second click refines the mask of the first.
  const enqueue = (work) => { queue = queue.then(() => attempt(page, work)); return queue; };

  return {
    addPoints(points) {
      return enqueue(async () => {
        const before = state.active?.idx === state.current ? state.active.points ?? [] : [];
        if (!before.length && !points.some((each) => each.include)) return page.status(context.texts.addFirst);
        if (before.length + points.length > MOST_POINTS) return page.status(fill(context.texts.tooManyPoints, { most: MOST_POINTS }));
        try {
          const instance = await send([...before, ...points]);
          steps.set(instance.instance_id, [...(steps.get(instance.instance_id) ?? []), before]);
        } catch (error) {
          page.status("");
          page.draw();
          throw error;
        }
        return null;
      });
    },
    undo() {
      return enqueue(async () => {
        const { active } = state;
        if (!active?.points?.length) return null;
        const before = steps.get(active.instance_id)?.pop() ?? active.points.slice(0, -1);
        if (before.some((each) => each.include)) return send(before);
        return remove(active);
      });
    },
    removeInstance: (instance) => attempt(page, () => remove(instance)),
    changeInstance: (instance, changes) => attempt(page, () => change(instance, changes)),
    carry(instance, button) {
      button.disabled = true;
      return attempt(page, async () => {
        const { results } = await api.call("POST", `/jobs/${state.id}/instances/${instance.instance_id}/carry`, {}).finally(() => { button.disabled = false; });
        const made = new Set(results.map((each) => each.instance_id));
        state.instances = [...state.instances.filter((each) => !made.has(each.instance_id)), ...results];
        page.status(results.length ? fill(context.texts.carried, { count: results.length }) : context.texts.carriedNowhere);
        page.draw();
      });
    },
    find(concept) {
      return attempt(page, async () => {
        const asked = { concepts: [concept.name], prompts: concept.isOwn ? { [concept.name]: concept.prompt } : {} };
        const job = await api.call("POST", `/jobs/${state.id}/segment`, asked);
        state.take(api.normal(job));
        if (!state.searched.includes(concept.name)) state.searched.push(concept.name);
        // Masks computed before are available at once.
        state.instances = await api.allInstances(state.id);
        state.instanceId ??= state.of(state.current, state.concept)[0]?.instance_id ?? null;
        page.draw();
        page.followJob();
      });
    },
  };

  async function remove(instance) {
    await api.call("DELETE", `/jobs/${state.id}/instances/${instance.instance_id}`);
    state.instances = state.instances.filter((each) => each !== instance);
    state.instanceId = state.of(state.current, state.concept)[0]?.instance_id ?? null;
    state.previews.delete(instance.idx);
    page.status("");
    page.draw();
  }

  async function change(instance, changes) {
    await api.call("PATCH", `/jobs/${state.id}/instances`, { changes: [{ instance_id: instance.instance_id, ...changes }] });
    Object.assign(instance, changes);
    state.previews.delete(instance.idx);
    page.draw();
  }
}

// ── rules ────────────────────────────────────────────────────────────────────────────────────

function ruling(state, context, page) {
  const changed = () => { state.previews.clear(); page.draw(); };
  return {
    chooseProposal(index) { state.proposal = index; changed(); },
    addProposal() {
      state.proposals.push(structuredClone({ ...state.proposals[state.proposal], name: "", rule_id: undefined }));
      state.proposal = state.proposals.length - 1;
      changed();
    },
    removeProposal() {
      state.proposals.splice(state.proposal, 1);
      if (!state.proposals.length) state.proposals.push(blank());
      state.proposal = Math.max(0, state.proposal - 1);
      changed();
    },
    nameProposal(name) { state.proposals[state.proposal].name = name; page.draw(); },
    chooseScope(scope) { state.scope = scope; page.draw(); },
    setRule(concept, setting) {
      if (setting) state.rules[concept] = setting;
      else delete state.rules[concept];
      delete state.proposals[state.proposal].rule_id;
      changed();
    },
    useRule(rule) {
      // Indexes and corners mean other photos in another album.
      const entries = Object.entries(structuredClone(rule.concepts)).map(([name, setting]) => [name, setting, state.savedHere.includes(rule.id) ? setting : withoutPhoto(setting)]);
      const left = entries.filter(([, before, now]) => now !== before).map(([name]) => state.conceptOf(name).title);
      const concepts = Object.fromEntries(entries.filter(([, , now]) => now).map(([name, , now]) => [name, now]));
      state.proposals[state.proposal] = { ...blank(rule.name), concepts, rule_id: left.length ? undefined : rule.id };
      state.protect = [...rule.protect];
      state.scope = EVERYWHERE;
      for (const [name, setting] of Object.entries(rule.concepts)) {
        if (setting.prompt && !state.own.some((each) => each.name === name)) state.own.push({ name, prompt: setting.prompt });
      }
      page.clear();
      changed();
      if (left.length) page.say([fill(context.texts.referencesLeft, { concepts: left.join(", ") })]);
    },
    async saveRule(name) {
      const { concepts, protect } = state.body(state.proposals[state.proposal]);
      const same = context.saved.find((each) => each.name === name);
      const body = { name, concepts, protect };
      const rule = same ? await api.call("PUT", `/rules/${same.id}`, body) : await api.call("POST", "/rules", { ...body, preset_id: state.job.preset });
      context.saved = [rule, ...context.saved.filter((each) => each.id !== rule.id)];
      if (!state.savedHere.includes(rule.id)) state.savedHere.push(rule.id);
      Object.assign(state.proposals[state.proposal], { name, rule_id: rule.id });
      page.draw();
    },
    deleteRule(rule) {
      return attempt(page, async () => {
        await api.call("DELETE", `/rules/${rule.id}`);
        context.saved = context.saved.filter((each) => each.id !== rule.id);
        page.draw();
      });
    },
  };
}

// ── preview, apply, and after ────────────────────────────────────────────────────────────────

function applying(state, context, page) {
  const button = (id) => document.getElementById(id);
  async function busy(id, work) {
    button(id).setAttribute("aria-busy", "true");
    button(id).disabled = true;
    try { return await attempt(page, work); } finally {
      button(id).removeAttribute("aria-busy");
      button(id).disabled = false;
    }
  }
  // The current photo and the next ones with a selection for a rule.
  function previewed() {
    const { concepts } = state.proposals[state.proposal];
    const has = (photo) => state.of(photo.idx).some((each) => each.state === "include" && each.concept in concepts);
    const others = state.photos.filter((photo) => photo.idx !== state.current && photo.status === "ready");
    const ordered = [...others.filter(has), ...others.filter((photo) => !has(photo))];
    return [state.photo, ...ordered].slice(0, MOST_PREVIEWED).map((photo) => photo.idx);
  }
  // A group with its own rules is previewed separately.
  function byRules(items) {
    const { concepts, overrides } = state.body(state.proposals[state.proposal]);
    const found = new Map();
    for (const idx of items) {
      const { group } = state.job.items.find((each) => each.idx === idx);
      const rules = JSON.stringify({ ...concepts, ...overrides.find((each) => each.group === group)?.concepts });
      if (rules !== "{}") found.set(rules, [...(found.get(rules) ?? []), idx]);
    }
    return found;
  }
  const priced = (concepts) => Object.fromEntries(Object.entries(concepts).map(([name, setting]) => [name, asShown(setting)]));
  function pricedBody(proposal) {
    const { concepts, overrides, ...others } = state.body(proposal);
    return { ...others, concepts: priced(concepts), overrides: overrides.map((each) => ({ ...each, concepts: priced(each.concepts) })) };
  }
  // Own rules of instances are stored with the prices that are shown now.
  async function agree() {
    const painted = state.instances.filter((each) => each.state === "include" && isPainted(each.rule));
    const changes = painted.map((each) => ({ instance_id: each.instance_id, rule: asShown(each.rule) }));
    if (changes.length) await api.call("PATCH", `/jobs/${state.id}/instances`, { changes });
  }
  const reuse = (photos) => attempt(page, async () => {
    const made = await api.create({ source_job_id: state.id, ...photos }, api.newKey());
    location.assign(`/sets/${made.job_id}`);
  });
  async function start(body) {
    let job = null;
    try {
      await agree();
      job = await api.call("POST", `/jobs/${state.id}/execute`, body);
    } catch (error) {
      forgetStyles(); // their prices may have changed
      throw error;
    }
    state.take(api.normal(job));
    state.shown = null;
    page.status("");
    page.useTool("tap");
    await page.load();
    window.scrollTo({ top: 0 });
  }
  return {
    preview() {
      if (!hasRules(state.proposals[state.proposal])) return page.say([context.texts.ruleFirst]);
      return busy("preview", async () => {
        for (const [rules, items] of byRules(previewed())) {
          const made = await api.call("POST", `/jobs/${state.id}/preview`, { items, concepts: JSON.parse(rules), protect: state.protect });
          for (const each of api.previews(made)) {
            state.previews.set(each.idx, each.url);
            state.job.items.find((item) => item.idx === each.idx).warnings = each.warnings;
          }
        }
        page.draw();
        if (state.previews.has(state.current)) page.useTool("compare");
        button("stage").scrollIntoView({ block: "nearest" });
      });
    },
    apply() {
      if (!state.filled.length) return page.say([context.texts.ruleFirst]);
      return busy("apply", async () => {
        const painted = state.settings.filter(isPainted);
        if (painted.length && !areKnown()) {
          await stylesOnSale(context.call, painted.map((each) => each.value));
          page.draw();
          return page.say([context.texts.seePrices]);
        }
        const bodies = state.filled.map((each, index) => ({
          name: each.name || fill(context.texts.proposal, { letter: "ABC"[index] }), ...(each.rule_id ? { rule_id: each.rule_id } : {}), ...pricedBody(each),
        }));
        const [{ name, ...only }] = bodies;
        return start(bodies.length > 1 ? { variants: bodies } : only);
      });
    },
    cancel: () => attempt(page, async () => {
      await api.call("POST", `/jobs/${state.id}/cancel`);
      await page.load();
    }),
    retry: (items) => attempt(page, async () => {
      await api.call("POST", `/jobs/${state.id}/retry`, { items });
      await page.load();
    }),
    // Signed URLs of results are valid for at least an hour.
    refreshResult(event, idx) {
      if (Date.now() - state.takenAt < URL_FRESH_MS) return null;
      event.preventDefault();
      return attempt(page, async () => {
        await page.load();
        const url = state.job.outputs.get(idx)?.result_url;
        if (url) location.assign(url);
      });
    },
    export: (template, jobs) => api.download(state.id, template, jobs),
    anotherRule: () => reuse({}),
    selectParts: (items) => reuse({ items }),
    showResultOf(job) { state.shown = job.job_id; page.useTool("compare"); page.draw(); },
    // Other jobs with the same photos; the results of two of them can be compared with this one's.
    async findFamily() {
      const page_ = await api.call("GET", "/jobs?limit=100").catch(() => ({ results: [] }));
      state.family = api.familyOf(state.job, page_.results);
      const done = state.family.filter((job) => job.job_id !== state.id && ["done", "running"].includes(job.status)).slice(0, 2);
      const read = await Promise.all(done.map((job) => api.call("GET", `/jobs/${job.job_id}`).catch(() => null)));
      state.compared = read.filter(Boolean).map(api.normal);
    },
  };
}
