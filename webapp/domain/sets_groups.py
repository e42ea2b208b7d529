"""The group of a photo as its file name suggests it: a kind of room, or a kind of product shot.

A suggestion is computed wherever a photo without a group is shown. It is never stored, so it cannot
overwrite what a person chose.
"""

import re
import unicodedata
from pathlib import PurePosixPath

from webapp.domain.sets_presets import Preset

# Where a capital letter begins a word ("LivingRoom"), and whatever is no letter.
_BREAKS = re.compile(r"(?<=[a-z])(?=[A-Z])|[\W\d_]+")


def suggested_group(preset: Preset, filename: str) -> str:
    """Return the id of the one group whose words are in a file name; "" for none or several."""
    # Some systems write Hangul in file names as separate letters.
    stem = PurePosixPath(unicodedata.normalize("NFC", filename)).stem
    words = " ".join(filter(None, _BREAKS.split(stem))).casefold()
    found = [each.id for each in preset.groups if any(_holds(words, word) for word in each.words)]
    return found[0] if len(found) == 1 else ""


def _holds(words: str, wanted: str) -> bool:
    """Tell whether words hold another one: whole in English, anywhere in Korean.

    Korean words are written together with those beside them.
    """
    if wanted.isascii():
        return f" {wanted} " in f" {words} "
    return wanted in words.replace(" ", "")
