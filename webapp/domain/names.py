"""Names that people choose: which characters they may have, and which names look the same.

Two names look the same when their skeletons are equal (Unicode Technical Standard 39, section 4),
whatever the case of their letters: "Ink" looks like "lnk" and differs from "ink" only in case. So a
name has two keys, the skeleton of the name as written and that of its case-folded form.
"""

import unicodedata
from functools import cache

from confusable_homoglyphs.confusables import confusables_data

MAX_MARKS = 3  # on one letter; no living script needs more
# Controls, formats, surrogates, private and unassigned code points, and line breaks.
NOT_DRAWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Invisible, although their category is letter, mark or symbol.
BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
) | frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
LEFT_TO_RIGHT = "\u200e"  # the library puts it around letters of right-to-left scripts
# For the comparison with reserved names: digits become letters, separators are dropped.
DISGUISES = str.maketrans("013457", "oieast", "._-")
SEPARATORS = str.maketrans("", "", "._-")
# Names that a reader could take for the operator of the site.
RESERVED = (
    "admin", "administration", "administrator", "anonymous", "api", "billing", "deleted", "help",
    "info", "mail", "me", "moderation", "moderator", "nobody", "null", "official", "operator",
    "owner", "payment", "payments", "postmaster", "root", "security", "service", "staff",
    "stylelicense", "support", "sysadmin", "system", "team", "undefined", "verified", "webmaster",
    "관리자", "운영자", "운영팀", "고객센터", "스타일라이선스", "공식",
)  # fmt: skip


def normalise(name: str) -> str:
    """Return a name in NFC, with single blanks and none at its ends."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def is_visible(name: str) -> bool:
    """Tell whether every character of a name is visible and no letter has too many marks."""
    marks = 0
    for character in unicodedata.normalize("NFC", name):
        if character in BLANK or unicodedata.category(character) in NOT_DRAWN:
            return False
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > MAX_MARKS:
            return False
    return True


def visible_part(name: str) -> str:
    """Return a name of an identity provider without its invisible characters."""
    visible, marks = [], 0
    for character in unicodedata.normalize("NFC", name):
        if character in BLANK or unicodedata.category(character) in NOT_DRAWN - {"Cc"}:
            continue
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MAX_MARKS:
            visible.append(character)
    return normalise("".join(visible))


def keys(name: str) -> frozenset[str]:
    """Return the unique keys of a name: another name with one of these keys looks the same."""
    joined = "".join(unicodedata.normalize("NFKC", name).split())
    visible = "".join(character for character in joined if character not in BLANK)
    return frozenset({_skeleton(visible).casefold(), _skeleton(visible.casefold()).casefold()})


def is_reserved(name: str) -> bool:
    """Tell whether a name could be mistaken for the site, also with digits or separators."""
    spelled = keys(name.translate(SEPARATORS)) | keys(name.translate(DISGUISES))
    return not spelled.isdisjoint(_reserved_keys())


def romanised(name: str) -> str:
    """Return a name in ASCII letters, as far as Unicode has a romanisation of its letters.

    Hangul and kana are romanised by their Unicode character names; Latin letters lose their marks.
    Letters of other scripts are dropped: their Unicode names are not their sounds.
    """
    return "".join(map(_romanised, unicodedata.normalize("NFC", name)))


def wholly_romanised(name: str) -> str | None:
    """Return a name in ASCII letters, or None when a letter of it has no romanisation."""
    letters = filter(str.isalpha, unicodedata.normalize("NFC", name))
    return romanised(name) if all(map(_romanised, letters)) else None


def has_only_words(name: str) -> bool:
    """Tell whether a name has letters, digits, blanks, hyphens and apostrophes only."""
    return all(
        character in " -'" or unicodedata.category(character)[0] in "LMN"
        for character in unicodedata.normalize("NFC", name)
    )


def width(name: str) -> int:
    """Return how many Latin letters are as long as a name: two for a syllable or an ideograph."""
    composed = unicodedata.normalize("NFC", name)
    return sum(1 + (unicodedata.east_asian_width(each) in "FW") for each in composed)


def _romanised(character: str) -> str:
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
    """Return the one character that represents all characters that look like this one.

    The library lists lookalikes in both directions: all others for a prototype, only the prototype
    for any other character.
    """
    alike = _alike(character)
    if len(alike) != 1:
        return character
    (other,) = alike
    if len(_alike(other)) > 1:
        return other
    return min(character, other, key=lambda each: (-len(each), each))  # of a pair, always the same


def _alike(text: str) -> list[str]:
    return [str(each["c"]).strip(LEFT_TO_RIGHT) for each in confusables_data.get(text, [])]
