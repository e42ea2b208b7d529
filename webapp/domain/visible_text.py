"""Text that people write: stored as written, and refused if part of it is invisible.

Invisible characters – zero width, fillers, direction marks, tags – make two different texts look
equal, or a comment look empty. They are refused, not removed, so that only text is stored that its
author wrote. Joiners and variation selectors are allowed where a script or an emoji needs them.

Sources: Default_Ignorable_Code_Point of the Unicode Character Database; joiners in context as in
UAX 31, section 2.3; emoji sequences as in UTS 51.
"""

import re
import unicodedata

# The most that a living script puts on one letter; Vietnamese needs two, pointed Hebrew four.
MAX_MARKS = 4
NEW_LINES = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# Controls except tab and line feed, surrogates, default ignorable code points, the Braille blank,
# and noncharacters.
INVISIBLE = re.compile(
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
    """Return the text in NFC with line feeds as line ends, without blanks at its ends."""
    return unicodedata.normalize("NFC", NEW_LINES.sub("\n", text)).strip()


def has_invisible(text: str) -> bool:
    """Tell whether a composed text has invisible characters that change no visible one."""
    text = FLAG_TAGS.sub(FLAG, text)
    return any(not _changes_shape(text, match.start()) for match in INVISIBLE.finditer(text))


def has_stacked_marks(text: str) -> bool:
    """Tell whether a composed text has marks without a letter, or more than MAX_MARKS on one."""
    marks, is_on_letter = 0, False
    for character in text:
        if unicodedata.category(character) in {"Mn", "Me"}:
            marks += 1
            if not is_on_letter or marks > MAX_MARKS:
                return True
        else:
            marks, is_on_letter = 0, not character.isspace()
    return False


def without_invisible(text: str) -> str:
    """Return the text without invisible characters, for searches and for reports of machines."""
    return INVISIBLE.sub("", composed(text)).strip()


def _changes_shape(text: str, index: int) -> bool:
    """Tell whether the character at an index changes the shape of a character beside it."""
    character, before, after = text[index], text[index - 1 : index], text[index + 1 : index + 2]
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
