"""Suggests the group of a photo from its file name: a kind of room, or a kind of product shot.

A suggestion is computed wherever a photo without a group is displayed. It is never stored, so it
cannot overwrite a person's choice.
"""

import re
import unicodedata
from pathlib import PurePosixPath

from webapp.domain.sets_presets import Preset

# Before a capital letter that begins a word ("LivingRoom"), and at characters that are not letters.
_BREAKS = re.compile(r"(?<=[a-z])(?=[A-Z])|[\W\d_]+")


def suggested_group(preset: Preset, filename: str) -> str:
    """Return the id of the only group with a word in the file name; "" for none or several."""
    # Some systems write Hangul in file names as separate letters (NFD).
    stem = PurePosixPath(unicodedata.normalize("NFC", filename)).stem
    words = " ".join(filter(None, _BREAKS.split(stem))).casefold()
    matches = [
        group.id for group in preset.groups if any(_contains(words, word) for word in group.words)
    ]
    return matches[0] if len(matches) == 1 else ""


def _contains(words: str, word: str) -> bool:
    """Tell whether the words contain a word: as a whole word in English, anywhere in Korean.

    Korean nouns are often written together without blanks.
    """
    if word.isascii():
        return f" {word} " in f" {words} "
    return word in words.replace(" ", "")
