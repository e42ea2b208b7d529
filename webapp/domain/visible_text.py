"""Text that people write: kept as written, and refused when part of it cannot be seen.

Characters without a shape – zero width, fillers, direction marks, tags – make two names look like
one, or a comment look empty. They are refused rather than removed, so that nothing is stored that
its author did not write. Joiners and selectors stay where a script or an emoji needs them.

Sources: Default_Ignorable_Code_Point of the Unicode Character Database; joiners in context as in
UAX 31, section 2.3; emoji sequences as in UTS 51.
"""

import re
import unicodedata

# More than any living script puts on one letter; Vietnamese needs two, pointed Hebrew four.
MAX_MARKS = 4
NEW_LINES = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# Controls but tab and line feed, surrogates, what Unicode calls default ignorable, the blank of
# Braille, and code points that are no characters.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U0001bca0-\U0001bca3\U0001d159"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
NON_JOINER, JOINER = "\u200c", "\u200d"
TEXT_SHAPE, EMOJI_SHAPE = "\ufe0e", "\ufe0f"
FLAG = "\U0001f3f4"  # followed by the tags of a region
FLAG_TAGS = re.compile(FLAG + "[\U000e0020-\U000e007e]{2,7}\U000e007f")
IDEOGRAPH = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
VARIANT = re.compile("[\ufe00-\ufe0d\U000e0100-\U000e01ef]")
PICTOGRAPH = re.compile("[\u203c\u2049\u2139\u3030\u303d#*0-9\U0001f000-\U0001fbff]")
VIRAMA = 9  # the combining class of the mark that joins consonants


def composed(text: str) -> str:
    """Return the text with composed letters and line feeds, without blanks at its ends."""
    return unicodedata.normalize("NFC", NEW_LINES.sub("\n", text)).strip()


def has_unseen(text: str) -> bool:
    """Tell whether part of a composed text has no shape of its own and changes none."""
    text = FLAG_TAGS.sub(FLAG, text)
    return any(not _shapes(text, found.start()) for found in UNSEEN.finditer(text))


def has_stacked_marks(text: str) -> bool:
    """Tell whether a composed text has marks without a letter, or more than a letter can carry."""
    marks, is_on_letter = 0, False
    for character in text:
        if unicodedata.category(character) in {"Mn", "Me"}:
            marks += 1
            if not is_on_letter or marks > MAX_MARKS:
                return True
        else:
            marks, is_on_letter = 0, not character.isspace()
    return False


def without_unseen(text: str) -> str:
    """Return the text without whatever has no shape: for searches, and for what machines report."""
    return UNSEEN.sub("", composed(text)).strip()


def _shapes(text: str, place: int) -> bool:
    """Tell whether the character at a place changes the shape of those beside it."""
    character, before, after = text[place], text[place - 1 : place], text[place + 1 : place + 2]
    if character in {TEXT_SHAPE, EMOJI_SHAPE}:
        return _is_pictograph(before)
    if VARIANT.match(character):
        return bool(IDEOGRAPH.match(before))
    if character == NON_JOINER:
        return _is_virama(before) or (_is_arabic(before) and _is_arabic(after))
    is_emoji = _is_pictograph(before) or before == EMOJI_SHAPE
    is_joined = _is_virama(before) or _is_arabic(before) or (is_emoji and _is_pictograph(after))
    return character == JOINER and is_joined


def _is_pictograph(character: str) -> bool:
    is_symbol = bool(character) and unicodedata.category(character) in {"So", "Sk", "Sm"}
    return is_symbol or bool(PICTOGRAPH.match(character))


def _is_arabic(character: str) -> bool:
    return bool(character) and unicodedata.bidirectional(character) == "AL"


def _is_virama(character: str) -> bool:
    return bool(character) and unicodedata.combining(character) == VIRAMA
