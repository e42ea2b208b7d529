// The artworks of a new style as tiles: chosen, dropped or pasted, checked at once, tagged.

import { newKey } from "./api.js";
import { look, near } from "./artwork-checks.js";
import { inEnglish } from "./korean-words.js";
import { clean } from "./tags.js";

const TAG = /^[a-z0-9' -]*[a-z0-9][a-z0-9' -]*$/;
const MAX_TAG = 50;

export const split = (text) => [...new Set(text.split(/[,\n]/).map((part) => clean(inEnglish(part))).filter(Boolean))];
export const isTag = (word) => TAG.test(word) && word.length <= MAX_TAG;
// A text may have a singular and a plural form, selected by `values.count`.
export function fill(text, values) {
  const chosen = typeof text === "string" ? text : text[values.count === 1 ? "one" : "other"];
  return chosen.replace(/\{(\w+)\}/g, (_all, name) => values[name]);
}
export const forms = ({ dataset }) => ({ one: dataset.one, other: dataset.text });

export class Works extends EventTarget {
  constructor({ list, template, texts, limits, draft }) {
    super();
    Object.assign(this, { list, template, texts, limits, draft });
    this.all = [];
    this.acceptsSimilar = false;
    this.last = null;
    list.addEventListener("click", (event) => this.onClick(event));
    list.addEventListener("change", (event) => this.onChange(event));
  }

  // ── artworks ───────────────────────────────────────────────────────────────────────────────────

  get good() { return this.all.filter((work) => !this.problem(work)); }
  // Artworks used for training: of nearly identical ones only the first, unless all are accepted.
  get used() { return this.acceptsSimilar ? this.good : this.good.filter((work) => !this.twin(work)); }
  get similar() { return this.good.filter((work) => this.twin(work)); }
  get bad() { return this.all.filter((work) => this.problem(work)); }
  get chosen() { return this.all.filter((work) => work.tile.querySelector(".choose").checked && !work.tile.hidden); }

  // The code of a problem; a duplicate is one only while the first file is there.
  problem(work) {
    if (work.code) return work.code;
    const twin = this.all.find((each) => each.print === work.print);
    return twin && twin !== work ? "DUPLICATE_IMAGE" : null;
  }

  // An earlier, nearly identical artwork, which is only a warning.
  twin(work) {
    const good = this.good;
    return good.slice(0, good.indexOf(work)).find((each) => near(each.look, work.look)) ?? null;
  }

  state() {
    return this.all.map(({ id, name, size, type, width, height, print, light, look: hash, code, words }) => (
      { id, name, size, type, width, height, print, light, look: hash, code, words }));
  }

  async restore(kept) {
    for (const each of kept ?? []) {
      const files = await this.draft.get(each.id);
      if (files) this.hang({ ...each, file: files.file, thumb: files.thumb });
    }
    this.changed();
  }

  // ── add ────────────────────────────────────────────────────────────────────────────────────────

  async add(files, instead = null) {
    let at = 0;
    for (const file of files) {
      at += 1;
      this.dispatchEvent(new CustomEvent("looking", { detail: { at, total: files.length } }));
      if (!instead && this.all.length > this.limits.most) break;
      const words = instead?.words ?? [];
      const found = await look(file);
      const work = { id: newKey(), name: file.name || "pasted.png", size: file.size, file, words, ...found };
      await this.draft.put(work.id, { file, thumb: work.thumb });
      this.hang(work, instead);
      this.changed();
    }
  }

  hang(work, instead = null) {
    work.tile = this.template.content.firstElementChild.cloneNode(true);
    work.tile.dataset.id = work.id;
    const image = work.tile.querySelector("img");
    if (work.thumb) {
      image.src = URL.createObjectURL(work.thumb);
      image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
    } else image.classList.add("none");
    const name = work.tile.querySelector(".name");
    name.textContent = name.title = work.name;
    const size = work.size < 2 ** 20 ? `${Math.ceil(work.size / 2 ** 10)} KB` : `${(work.size / 2 ** 20).toFixed(1)} MB`;
    work.tile.querySelector(".size").textContent = work.width ? `${work.width} × ${work.height} · ${size}` : size;
    for (const each of work.tile.querySelectorAll("[data-label]")) {
      each.setAttribute("aria-label", fill(each.dataset.label, { file: work.name }));
    }
    if (instead) {
      this.all.splice(this.all.indexOf(instead), 1, work);
      instead.tile.replaceWith(work.tile);
      this.draft.remove(instead.id);
    } else {
      this.all.push(work);
      this.list.append(work.tile);
    }
  }

  remove(work) {
    const next = work.tile.nextElementSibling ?? work.tile.previousElementSibling;
    this.all = this.all.filter((each) => each !== work);
    work.tile.remove();
    this.draft.remove(work.id);
    this.changed();
    next?.querySelector(".remove")?.focus();
  }

  // ── tags ───────────────────────────────────────────────────────────────────────────────────────

  // Returns the error texts of tags that could not be added.
  addWords(works, words) {
    const problems = new Set(words.filter((word) => !isTag(word)).map((word) => fill(this.texts.notEnglish, { word })));
    for (const work of works) {
      work.words = [...new Set([...work.words, ...words.filter(isTag)])];
      if (work.words.length > this.limits.tags) problems.add(fill(this.texts.tooManyWords, { file: work.name, most: this.limits.tags }));
      work.words = work.words.slice(0, this.limits.tags);
    }
    this.changed();
    return [...problems];
  }

  copyFromPrevious(works) {
    for (const work of works) {
      const before = this.all[this.all.indexOf(work) - 1];
      if (before) work.words = [...new Set([...work.words, ...before.words])].slice(0, this.limits.tags);
    }
    this.changed();
  }

  removeWord(work, word) {
    work.words = work.words.filter((each) => each !== word);
    this.changed();
  }

  counts() {
    const found = new Map();
    for (const work of this.all) for (const word of work.words) found.set(word, (found.get(word) ?? 0) + 1);
    return [...found].sort(([a, n], [b, m]) => m - n || a.localeCompare(b));
  }

  // `wanted` is null for all, "" for artworks without tags, or a tag.
  filter(wanted) {
    for (const work of this.all) {
      const fits = wanted === null || (wanted === "" ? !work.words.length : work.words.includes(wanted));
      work.tile.hidden = !fits;
    }
  }

  choose(works) {
    for (const work of this.all) work.tile.querySelector(".choose").checked = works.includes(work);
    this.dispatchEvent(new Event("choice"));
  }

  // ── tiles ──────────────────────────────────────────────────────────────────────────────────

  changed() {
    for (const work of this.all) this.show(work);
    this.dispatchEvent(new Event("change"));
  }

  show(work) {
    const code = this.problem(work);
    const twin = code ? null : this.twin(work);
    const said = work.tile.querySelector(".work-problem");
    work.tile.classList.toggle("bad", Boolean(code));
    said.hidden = !code && !twin;
    said.textContent = code ? this.texts.codes[code] ?? code : "";
    if (twin) said.textContent = fill(this.texts.similarTo, { file: twin.name });
    const list = work.tile.querySelector(".words");
    list.replaceChildren(...work.words.map((word) => this.chip(work, word)));
  }

  chip(work, word) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    item.className = "chip";
    item.lang = "en";
    item.append(word);
    button.type = "button";
    button.textContent = "×";
    button.dataset.word = word;
    button.setAttribute("aria-label", fill(this.texts.removeWord, { word, file: work.name }));
    item.append(button);
    return item;
  }

  showSending(work, item) {
    const box = work.tile.querySelector(".sending");
    const percent = Math.round((100 * item.loaded) / item.file.size);
    box.hidden = false;
    box.dataset.state = item.state;
    box.querySelector("progress").value = item.state === "sent" ? 100 : percent;
    box.querySelector(".figures").textContent = item.state === "sending" ? `${percent} %` : this.texts.states[item.state];
  }

  of(target) {
    const id = target.closest("[data-id]")?.dataset.id;
    return this.all.find((work) => work.id === id);
  }

  onClick(event) {
    const work = this.of(event.target);
    if (!work) return;
    if (event.target.closest(".remove")) this.remove(work);
    else if (event.target.dataset.word !== undefined) {
      this.removeWord(work, event.target.dataset.word);
      work.tile.querySelector(".choose").focus();
    } else if (event.target.matches(".choose")) this.range(work, event);
  }

  // Shift extends the selection from the last artwork, as in file lists.
  range(work, event) {
    if (event.shiftKey && this.last && this.all.includes(this.last)) {
      const [from, to] = [this.all.indexOf(this.last), this.all.indexOf(work)].sort((a, b) => a - b);
      for (const each of this.all.slice(from, to + 1)) each.tile.querySelector(".choose").checked = event.target.checked;
    }
    this.last = work;
    this.dispatchEvent(new Event("choice"));
  }

  async onChange(event) {
    if (!event.target.matches(".instead")) return;
    const work = this.of(event.target);
    const [file] = event.target.files;
    if (work && file) await this.add([file], work);
  }
}
