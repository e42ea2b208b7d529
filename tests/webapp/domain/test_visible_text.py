import unicodedata

import pytest
from hypothesis import given, strategies as st

from webapp.domain import visible_text

SEEN = [
    "x<y and y>z",
    "see <https://example.org/a?b=1&c=2>",
    "two\nlines\tand a tab",
    "서하늘",
    unicodedata.normalize("NFD", "서하늘"),
    "Việt Nam",
    unicodedata.normalize("NFD", "Ệ"),
    "שָׁלוֹם",
    "ครั้งนี้น้ำ",
    "می‌خواهم",  # Persian writes a non-joiner here
    "क्‍ष",  # a joiner after a virama
    "👩‍⚕️ 👨‍👩‍👧 🏳️‍🌈 🧑🏽‍💻 ❤️ 1️⃣ ©️ ☺︎",
    "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "葛\U000e0100飾",
    "¯\\_(ツ)_/¯",
    "\U0001fae9 an emoji that is newer than this Python",
]
UNSEEN = {
    "zero width space": "\u200b",
    "joiner": "\u200d",
    "non-joiner": "\u200c",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "left-to-right mark": "\u200e",
    "override": "\u202e",
    "isolate": "\u2066",
    "grapheme joiner": "\u034f",
    "Hangul filler": "\u3164",
    "halfwidth Hangul filler": "\uffa0",
    "Hangul choseong filler": "\u115f",
    "Hangul jungseong filler": "\u1160",
    "Mongolian separator": "\u180e",
    "Khmer vowel": "\u17b4",
    "Braille blank": "\u2800",
    "selector": "\ufe0f",
    "selector of ideographs": "\U000e0100",
    "tag": "\U000e0041",
    "nul": "\0",
    "escape": "\x1b",
    "C1 control": "\x9b",
}


@pytest.mark.parametrize("text", SEEN)
def test_what_people_write_in_any_script_is_kept(text):
    kept = visible_text.composed(text)
    assert kept == unicodedata.normalize("NFC", text)
    assert not visible_text.has_invisible(kept)
    assert not visible_text.has_stacked_marks(kept)


@pytest.mark.parametrize("character", UNSEEN.values(), ids=UNSEEN.keys())
@pytest.mark.parametrize(
    "around", ["{}", "name{}", "{}name", "na{}me", "서{}늘", "a {} b", "{0}{0}"]
)
def test_what_cannot_be_seen_is_found_wherever_it_stands(character, around):
    assert visible_text.has_invisible(visible_text.composed(around.format(character)))


@pytest.mark.parametrize(
    "text", ["☺\ufe0f\ufe0f", "👩\u200d", "👩\u200d\u200d👧", "م\u200c", "a\u200db"]
)
def test_a_joiner_or_selector_that_changes_nothing_is_found(text):
    assert visible_text.has_invisible(text)


@pytest.mark.parametrize(
    "text", ["Z\u0335\u0336\u0337\u0338\u0339algo", "\u0301", "a \u0301", "a" + "\u0301" * 50]
)
def test_stacks_of_marks_and_marks_on_nothing_are_found(text):
    assert visible_text.has_stacked_marks(visible_text.composed(text))


def test_all_ends_of_lines_become_line_feeds():
    assert visible_text.composed(" a\r\nb\rc\u2028d\x0be\r\n ") == "a\nb\nc\nd\ne"


@given(st.text())
def test_what_is_left_without_the_unseen_has_nothing_unseen_in_it(text):
    left = visible_text.without_invisible(text)
    assert not visible_text.has_invisible(left)
    assert "\0" not in left
