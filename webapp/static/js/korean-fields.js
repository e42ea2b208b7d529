// Plain fields of tags, separated by commas: a chosen Korean word is replaced by its tag.

import { KoreanSuggestions } from "./korean-suggestions.js";

const LAST = /[^,]*$/;

for (const input of document.querySelectorAll("input[data-korean]")) {
  if (input.closest("[data-tags]")) continue;
  new KoreanSuggestions(input, {
    typed: () => LAST.exec(input.value)[0],
    accept: (tag) => {
      const before = input.value.slice(0, LAST.exec(input.value).index);
      input.value = before ? `${before} ${tag}` : tag;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    },
  });
}
