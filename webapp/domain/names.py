"""Names that people choose: what may be in them, and which of them look the same.

Two names look the same when their skeletons are equal (Unicode Technical Standard 39, section 4),
whatever the case of their letters: "Ink" is drawn like "lnk", and written like "ink". So a name has
two keys, the skeleton of what is written and that of its folded form, and takes both.
"""

import unicodedata
from functools import cache

from confusable_homoglyphs.confusables import confusables_data

MAX_MARKS = 3  # on one letter; no living script needs more
# Controls, formats, surrogates, private and unassigned code points, and line breaks.
NOT_DRAWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Drawn as nothing, though their category is that of a letter, a mark or a symbol.
BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
) | frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
LEFT_TO_RIGHT = "\u200e"  # the library puts it around letters of scripts from right to left
# What is left out and what digits stand for when a name is compared with those of the site.
DISGUISES = str.maketrans("013457", "oieast", "._-")
SEPARATORS = str.maketrans("", "", "._-")
# Names that sound as if the site itself spoke.
RESERVED = (
    "admin", "administration", "administrator", "anonymous", "api", "billing", "deleted", "help",
    "info", "mail", "me", "moderation", "moderator", "nobody", "null", "official", "operator",
    "owner", "payment", "payments", "postmaster", "root", "security", "service", "staff",
    "stylelicense", "support", "sysadmin", "system", "team", "undefined", "verified", "webmaster",
    "관리자", "운영자", "운영팀", "고객센터", "스타일라이선스", "공식",
)  # fmt: skip


def tidy(name: str) -> str:
    """Return a name composed (NFC), with single blanks and none around it."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def is_visible(name: str) -> bool:
    """Tell whether all of a name can be seen: nothing invisible, no stacks of marks."""
    marks = 0
    for character in unicodedata.normalize("NFC", name):
        if character in BLANK or unicodedata.category(character) in NOT_DRAWN:
            return False
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > MAX_MARKS:
            return False
    return True


def visible_part(name: str) -> str:
    """Return a name of somebody else's choosing without what cannot be seen."""
    kept, marks = [], 0
    for character in unicodedata.normalize("NFC", name):
        if character in BLANK or unicodedata.category(character) in NOT_DRAWN - {"Cc"}:
            continue
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MAX_MARKS:
            kept.append(character)
    return tidy("".join(kept))


def keys(name: str) -> frozenset[str]:
    """Return what a name takes: another name with one of these keys looks the same."""
    whole = "".join(unicodedata.normalize("NFKC", name).split())
    drawn = "".join(character for character in whole if character not in BLANK)
    return frozenset({_skeleton(drawn).casefold(), _skeleton(drawn.casefold()).casefold()})


def is_reserved(name: str) -> bool:
    """Tell whether a name could be taken for the site itself, also in disguise."""
    spelled = keys(name.translate(SEPARATORS)) | keys(name.translate(DISGUISES))
    return not spelled.isdisjoint(_reserved_keys())


def romanised(name: str) -> str:
    """Return a name in ASCII letters as far as Unicode knows how its letters are read.

    It reads Hangul and kana by the names of the characters, and takes the marks off Latin letters.
    Letters of other scripts are left out: their names are no readings.
    """
    return "".join(map(_read, unicodedata.normalize("NFC", name)))


def _read(character: str) -> str:
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    if plain or not character.isalpha():
        return plain
    described = unicodedata.name(character, "")
    if described.startswith(("HANGUL SYLLABLE ", "HIRAGANA LETTER ", "KATAKANA LETTER ")):
        return described.rpartition(" ")[2].lower()
    return ""


@cache
def _reserved_keys() -> frozenset[str]:
    return frozenset(key for name in RESERVED for key in keys(name))


def _skeleton(name: str) -> str:
    mapped = "".join(map(_prototype, unicodedata.normalize("NFD", name)))
    return unicodedata.normalize("NFD", mapped)


@cache
def _prototype(character: str) -> str:
    """Return what stands for a character and all that look like it.

    The library lists lookalikes in both directions: of a prototype all others, of every other
    character its prototype alone.
    """
    alike = _alike(character)
    if len(alike) != 1:
        return character
    (other,) = alike
    if len(_alike(other)) > 1:
        return other
    return min(character, other, key=lambda each: (-len(each), each))  # a pair: either will do


def _alike(text: str) -> list[str]:
    return [str(each["c"]).strip(LEFT_TO_RIGHT) for each in confusables_data.get(text, [])]
