// The Korean dictionary of tags in the browser. It is loaded when the first Korean letter is typed;
// without it Korean words stay as they are, and the server translates them.

import { call } from "./api.js";

const HANGUL = /\p{Script=Hangul}/u;
const MOST = 6;
const tags = new Map();
let loading = null;

export const isKorean = (text) => HANGUL.test(text);
const parts = (text) => text.normalize("NFC").split(/\s+/).filter(Boolean);

// Resolves when the words are there, or cannot be had now.
export function load() {
  loading ??= call("GET", "/api/v1/tags/korean")
    .then(({ results }) => { for (const { korean, tag } of results) tags.set(korean, tag); })
    .catch(() => { loading = null; });
  return loading;
}

// A text in English as `translated` on the server, or as it is without a complete translation.
export function inEnglish(text) {
  if (!isKorean(text)) return text;
  const given = parts(text);
  const whole = tags.get(given.join(""));
  if (whole) return whole;
  const found = given.map((part) => (isKorean(part) ? tags.get(part) : part));
  return found.every(Boolean) ? found.join(" ") : text;
}

// What a typed text may become: Korean texts with their tags, the shortest first. Several words
// begin with words that have a translation; the last one is completed.
export function completions(text) {
  if (!isKorean(text)) return [];
  const given = parts(text);
  const whole = beginning(given.join(""), [], "");
  if (whole.length || given.length === 1) return whole.slice(0, MOST);
  const before = given.slice(0, -1);
  const english = inEnglish(before.join(" "));
  return isKorean(english) ? [] : beginning(given.at(-1), before, english).slice(0, MOST);
}

function beginning(start, before, english) {
  return [...tags]
    .filter(([korean]) => korean.startsWith(start))
    .sort(([one], [other]) => one.length - other.length)
    .map(([korean, tag]) => ({ korean: [...before, korean].join(" "), tag: `${english} ${tag}`.trim() }));
}
