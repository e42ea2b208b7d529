// A tag field with chips. The plain comma-separated field below it is what the form submits.

import { KoreanSuggestions } from "./korean-suggestions.js";
import { completions, inEnglish, isKorean, load } from "./korean-words.js";

const SEPARATOR = /[,\n]/;
const LETTERS = { ß: "ss", æ: "ae", œ: "oe", ø: "o", đ: "d", ð: "d", ł: "l", þ: "th", ı: "i" };

// Normalises a tag as `mapped` does on the server, so that the stored tag is the one shown.
export function clean(text) {
  const plain = (each) => each.replace(/[\u2018\u2019\u201b\u2032\u02bc\u02b9\u00b4`]/g, "'");
  const letters = plain(text).normalize("NFKD").replace(/[\u00ad\u200b-\u200f\u2060\ufe0e\ufe0f\ufeff]/g, "");
  const mapped = letters.toLowerCase().replace(/[ßæœøđðłþı]/g, (letter) => LETTERS[letter]).normalize("NFKD");
  return plain(mapped.replace(/\p{Mn}/gu, "")).replace(/[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]/g, "-")
    .replaceAll("_", " ").trim().replace(/\s+/g, " ").normalize("NFC");
}

export class TagField {
  constructor(box) {
    this.box = box;
    this.input = box.querySelector("input");
    this.suggestions = JSON.parse(box.dataset.suggestions ?? "[]");
    this.sent = document.createElement("input");
    this.sent.type = "hidden";
    this.sent.name = this.input.name;
    this.input.removeAttribute("name");
    this.isRequired = this.input.required;
    box.append(this.sent);
    box.classList.add("live");
    this.words = [];
    // Before the listeners of this field: a key that chooses a suggestion does nothing else.
    this.korean = new KoreanSuggestions(this.input, { below: box, accept: (tag) => this.complete(tag) });
    this.set(this.input.value.split(SEPARATOR));
    this.input.addEventListener("input", (event) => !event.isComposing && this.split());
    this.input.addEventListener("compositionend", () => this.split());
    this.input.addEventListener("blur", () => this.take());
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    box.addEventListener("click", (event) => event.target === box && this.input.focus());
  }

  set(words) {
    this.words = [];
    this.input.value = "";
    for (const word of words) this.add(word);
    this.draw();
  }

  add(text) {
    const word = clean(inEnglish(text));
    if (word && !this.words.includes(word)) this.words.push(word);
    this.draw();
    if (isKorean(word)) this.translate();
  }

  // Korean words that were added before the dictionary was there.
  async translate() {
    await load();
    const words = [...new Set(this.words.map((word) => clean(inEnglish(word))))];
    if (words.join() === this.words.join()) return;
    this.words = words;
    this.draw();
  }

  remove(word) {
    this.words = this.words.filter((each) => each !== word);
    this.draw();
    this.input.focus();
  }

  take() {
    const parts = this.input.value.split(SEPARATOR);
    this.input.value = "";
    this.korean.close();
    for (const part of parts) this.add(part);
  }

  split() {
    if (SEPARATOR.test(this.input.value)) this.take();
  }

  complete(tag) {
    this.input.value = tag;
    this.take();
  }

  // Completion of the typed text for Tab, if there is one.
  completion() {
    if (isKorean(this.input.value)) return completions(this.input.value)[0]?.tag;
    const typed = clean(this.input.value);
    const fits = (each) => each.startsWith(typed) && each !== typed && !this.words.includes(each);
    return typed ? this.suggestions.find(fits) : undefined;
  }

  onKey(event) {
    const typed = clean(this.input.value);
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && typed) {
      event.preventDefault();
      this.take();
    } else if (event.key === "Tab" && !event.shiftKey) {
      const found = this.completion();
      if (!found) return;
      event.preventDefault();
      this.complete(found);
    } else if (event.key === "Backspace" && !this.input.value && this.words.length) {
      this.remove(this.words.at(-1));
    }
  }

  draw() {
    this.sent.value = this.words.join(", ");
    this.input.required = this.isRequired && this.words.length === 0;
    for (const chip of this.box.querySelectorAll(".chip")) chip.remove();
    for (const word of this.words) this.input.before(this.chip(word));
    this.box.dispatchEvent(new CustomEvent("change", { bubbles: true }));
  }

  chip(word) {
    const chip = document.createElement("span");
    const button = document.createElement("button");
    chip.className = "chip";
    chip.lang = "en";
    chip.textContent = word;
    button.type = "button";
    button.textContent = "×";
    button.setAttribute("aria-label", this.box.dataset.remove.replace("{tag}", word));
    button.addEventListener("click", () => this.remove(word));
    chip.append(button);
    return chip;
  }
}
