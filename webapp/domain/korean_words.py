"""The Korean dictionary of tags: Korean words that stand for English tags, in `korean_words.txt`.

Tags are English. A Korean word that the dictionary has is replaced by its tag wherever tags come
in, so only English tags are stored. Blanks inside Korean words do not count: "밤 하늘" is "밤하늘".
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from webapp.domain import visible_text

FILE = Path(__file__).with_name("korean_words.txt")
KOREAN_WORD = re.compile("[가-힣]+")
TAG = re.compile(r"[a-z0-9][a-z0-9 '\-]*")
# Syllables, and the letters that they are made of; without the invisible fillers.
HANGUL = re.compile(
    "[\u1100-\u115e\u1161-\u11ff\u3131-\u3163\u3165-\u318e\ua960-\ua97c\uac00-\ud7fb]"
)


class InvalidLine(ValueError):
    """A line of the dictionary is not words = tag, or has a word that an earlier line has."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"line {number} of the Korean dictionary: {reason}")
        self.number, self.reason = number, reason


@dataclass(frozen=True, slots=True)
class KoreanWord:
    """A Korean word, in NFC and without blanks, and the English tag that stands for it."""

    korean: str
    tag: str


def read(lines: Iterable[str]) -> tuple[KoreanWord, ...]:
    """Return the words of a dictionary, in its order. Raises InvalidLine."""
    words: dict[str, KoreanWord] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        left, _, right = line.partition("=")
        tag = right.strip()
        if not TAG.fullmatch(tag):
            raise InvalidLine(number, f"{tag!r} is not an English tag")
        for korean in (each.strip() for each in left.split(",")):
            if not KOREAN_WORD.fullmatch(korean):
                raise InvalidLine(number, f"{korean!r} is not a Korean word")
            if korean in words:
                raise InvalidLine(number, f"{korean!r} is on an earlier line")
            words[korean] = KoreanWord(korean, tag)
    return tuple(words.values())


@cache
def words() -> tuple[KoreanWord, ...]:
    """Return all words of the dictionary; the file is read once. Raises InvalidLine."""
    return read(FILE.read_text(encoding="utf-8").splitlines())


def is_korean(text: str) -> bool:
    """Tell whether a text has Korean letters."""
    return HANGUL.search(text) is not None


def translated(text: str) -> str | None:
    """Return a text with its Korean words in English, or None without a complete translation.

    The whole text may be one word of the dictionary; else each word between blanks is looked up,
    and words without Korean letters stay. None also for a text without Korean words.
    """
    if not is_korean(text):
        return None
    tags, parts = _tags(), _parts(text)
    whole = tags.get("".join(parts))
    if whole is not None:
        return whole
    found = [tags.get(part) if is_korean(part) else part for part in parts]
    return " ".join(each for each in found if each) if all(found) else None


def in_english(text: str) -> str:
    """Return a text in English, or as it is without a complete translation."""
    return translated(text) or text


def korean_for(tag: str) -> str | None:
    """Return the Korean word for a tag: the first on its line, or None without a line."""
    return _korean().get(tag)


def unknown(text: str) -> list[str]:
    """Return the words of a text that have Korean letters and are not in the dictionary."""
    return [part for part in _parts(text) if is_korean(part) and part not in _tags()]


def _parts(text: str) -> list[str]:
    return visible_text.without_invisible(text).split()


@cache
def _tags() -> Mapping[str, str]:
    return {word.korean: word.tag for word in words()}


@cache
def _korean() -> Mapping[str, str]:
    return {word.tag: word.korean for word in reversed(words())}
