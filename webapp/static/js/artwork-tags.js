// Tag many artworks at once: select tiles, add tags to all of them, see how often each is used.

import { fill, split } from "./artworks.js";
import { isKorean, load } from "./korean-words.js";

export class Words {
  constructor(box, works, texts, say) {
    Object.assign(this, { box, works, texts, say, wanted: null });
    this.input = box.querySelector("#word");
    this.counts = box.querySelector(".counts-of-words");
    this.state = box.querySelector("[data-state]");
    box.querySelector("[data-add]").addEventListener("click", () => this.add());
    box.querySelector("[data-copy]").addEventListener("click", () => this.works.copyFromPrevious(this.works.chosen));
    box.querySelector("[data-all]").addEventListener("click", () => this.chooseAll());
    box.querySelector("[data-none]").addEventListener("click", () => this.works.choose([]));
    box.querySelector("[data-untagged]").addEventListener("click", () => this.toggle(""));
    this.counts.addEventListener("click", (event) => {
      const button = event.target.closest("[data-word]");
      if (button) this.toggle(button.dataset.word);
    });
    this.input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      this.add();
    });
    works.addEventListener("change", () => this.show());
    works.addEventListener("choice", () => this.showState());
  }

  get shown() { return this.works.all.filter((work) => !work.tile.hidden); }

  chooseAll() { this.works.choose(this.shown); }

  async add() {
    if (isKorean(this.input.value)) await load();
    const words = split(this.input.value);
    const chosen = this.works.chosen;
    if (!words.length) return this.input.focus();
    if (!chosen.length) return this.say([this.texts.chooseFirst]);
    this.input.value = "";
    this.input.dispatchEvent(new Event("input", { bubbles: true }));
    this.say(this.works.addWords(chosen, words));
    if (!document.activeElement.closest(".problem")) this.input.focus();
    return null;
  }

  toggle(wanted) {
    this.wanted = this.wanted === wanted ? null : wanted;
    this.show();
  }

  show() {
    const counts = this.works.counts();
    if (this.wanted && !counts.some(([word]) => word === this.wanted)) this.wanted = null;
    document.getElementById("known-words").replaceChildren(...counts.map(([word]) => new Option(word, word)));
    const focused = document.activeElement?.dataset?.word;
    this.counts.replaceChildren(...counts.map(([word, count]) => this.chip(word, count)));
    if (focused !== undefined) this.counts.querySelector(`[data-word="${CSS.escape(focused)}"]`)?.focus();
    const bare = this.works.all.filter((work) => !work.words.length).length;
    const untagged = this.box.querySelector("[data-untagged]");
    untagged.textContent = fill(untagged.dataset.text, { count: bare });
    untagged.setAttribute("aria-pressed", String(this.wanted === ""));
    if (this.works.list.dataset.mode === "words") this.works.filter(this.wanted);
    this.showState();
  }

  showState() {
    const { length } = this.works.chosen;
    this.state.textContent = fill(this.state.dataset.text, { count: length, total: this.works.all.length });
    this.box.querySelector("[data-copy]").disabled = length === 0;
  }

  chip(word, count) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "chip";
    button.lang = "en";
    button.dataset.word = word;
    button.textContent = `${word} ${count}`;
    button.setAttribute("aria-pressed", String(this.wanted === word));
    item.append(button);
    return item;
  }
}
