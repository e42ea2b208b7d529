// A field of words as chips. The plain field with commas stays underneath as what a form sends.

const SEPARATOR = /[,\n]/;
const clean = (text) => text.normalize("NFKC").toLowerCase().trim().replace(/\s+/g, " ");

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
    this.set(this.input.value.split(SEPARATOR));
    this.input.addEventListener("input", () => SEPARATOR.test(this.input.value) && this.take());
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
    const word = clean(text);
    if (word && !this.words.includes(word)) this.words.push(word);
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
    for (const part of parts) this.add(part);
  }

  // What Tab makes of the word being typed, if it knows one.
  completion() {
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
      this.input.value = found;
      this.take();
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
