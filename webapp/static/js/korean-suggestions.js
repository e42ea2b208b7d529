// Suggestions below a tag field while Korean is typed: the words of the dictionary with their tags.

import { completions, isKorean, load } from "./korean-words.js";

let count = 0;

export class KoreanSuggestions {
  // `accept` takes the tag of a chosen word instead of what is being typed; `typed` returns that.
  constructor(input, { typed = () => input.value, accept, below = input }) {
    Object.assign(this, { input, typed, accept, below, found: [], active: -1, isComposing: false, leftover: null });
    this.list = document.createElement("ul");
    this.list.className = "korean-words";
    this.list.id = `korean-words-${count += 1}`;
    this.list.hidden = true;
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", input.dataset.korean);
    below.after(this.list);
    const controls = [input.getAttribute("aria-controls"), this.list.id].filter(Boolean).join(" ");
    for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-expanded", "false"], ["aria-controls", controls]]) {
      input.setAttribute(name, value);
    }
    input.addEventListener("input", () => this.show());
    input.addEventListener("compositionstart", () => Object.assign(this, { isComposing: true, leftover: null }));
    input.addEventListener("compositionend", () => this.composed());
    input.addEventListener("blur", () => this.close());
    input.addEventListener("keydown", (event) => this.onKey(event));
    // The field keeps the focus.
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.take(Number(option.dataset.at));
    });
  }

  async show() {
    if (isKorean(this.typed())) await load();
    this.found = document.activeElement === this.input ? completions(this.typed()) : [];
    this.list.replaceChildren(...this.found.map(({ korean, tag }, at) => this.option(korean, tag, at)));
    this.list.hidden = this.found.length === 0;
    this.input.setAttribute("aria-expanded", String(!this.list.hidden));
    this.activate(-1);
    if (!this.list.hidden) this.place();
  }

  place() {
    const { offsetLeft, offsetTop, offsetHeight, offsetWidth } = this.below;
    this.list.style.left = `${offsetLeft}px`;
    this.list.style.top = `${offsetTop + offsetHeight}px`;
    this.list.style.minWidth = `${offsetWidth}px`;
  }

  option(korean, tag, at) {
    const option = document.createElement("li");
    const texts = [["ko", korean], ["", "→"], ["en", tag]].map(([language, text]) => {
      const part = document.createElement("span");
      if (language) part.lang = language;
      part.textContent = text;
      return part;
    });
    option.id = `${this.list.id}-${at}`;
    option.dataset.at = at;
    option.setAttribute("role", "option");
    option.append(...texts);
    return option;
  }

  activate(at) {
    this.active = at;
    for (const [number, option] of [...this.list.children].entries()) {
      option.setAttribute("aria-selected", String(number === at));
      if (number === at) option.scrollIntoView({ block: "nearest" });
    }
    if (at < 0) this.input.removeAttribute("aria-activedescendant");
    else this.input.setAttribute("aria-activedescendant", this.list.children[at].id);
  }

  take(at) {
    // An input method may write the syllable that it was composing once more.
    this.accept(this.found[at].tag);
    this.leftover = this.isComposing ? this.input.value : null;
    this.close();
    this.input.focus();
  }

  composed() {
    this.isComposing = false;
    if (this.leftover === null) return this.show();
    this.input.value = this.leftover;
    this.leftover = null;
    return this.close();
  }

  close() {
    this.found = [];
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.activate(-1);
  }

  onKey(event) {
    if (event.isComposing || this.list.hidden) return;
    const { length } = this.found;
    if (event.key === "ArrowDown") this.activate((this.active + 1) % length);
    else if (event.key === "ArrowUp") this.activate(this.active <= 0 ? length - 1 : this.active - 1);
    else if (event.key === "Enter" && this.active >= 0) this.take(this.active);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}
