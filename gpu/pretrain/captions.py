"""What is said about a scene: tags of the vocabulary, shuffled and sometimes left out."""

from collections.abc import Sequence

import numpy as np

from gpu.pretrain.vocabulary import PERSON, STYLE_SLOTS, UNKNOWN, Thing

EMPTY_SHARE = 0.1
DROPPED_TAG = 0.08
STRAY_TAG = 0.06
_PEOPLE = {Thing.WOMAN, Thing.MAN}


def caption(tags: Sequence[str], random: np.random.Generator) -> str:
    """Turn a scene's true tags into one training caption.

    The first tag (the main thing) is dropped least. A stray style slot or unknown word is thrown in
    now and then, so that words the model was never taught change little in what it draws.
    """
    if random.random() < EMPTY_SHARE:
        return ""
    kept = [tag for tag in tags[1:] if random.random() >= DROPPED_TAG]
    if random.random() >= DROPPED_TAG / 2:
        is_person = tags[0] in _PEOPLE and random.random() < 0.15
        kept.append(PERSON if is_person else tags[0])
    if random.random() < STRAY_TAG:
        kept.append(UNKNOWN)
    if random.random() < STRAY_TAG:
        kept.append(STYLE_SLOTS[random.integers(len(STYLE_SLOTS))])
    random.shuffle(kept)
    return ", ".join(kept)
