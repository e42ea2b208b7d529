"""What is said about a scene: tags of the vocabulary, shuffled and sometimes left out."""

from collections.abc import Sequence

import numpy as np

from gpu.pretrain.vocabulary import BROADER, FILLERS, STYLE_SLOTS, UNKNOWN

EMPTY_SHARE = 0.1
DROPPED_TAG = 0.08
STRAY_TAG = 0.06
BROADER_TAG = 0.08
LONG_SHARE = 0.04  # captions with many strays: thirty tags may be asked for
LONGEST_STRAYS = 28


def caption(tags: Sequence[str], random: np.random.Generator) -> str:
    """Turn a scene's true tags into one training caption.

    The first tag (the main thing) is dropped least. A stray style slot or unknown word is thrown in
    now and then, so that words the model was never taught change little in what it draws.
    """
    if random.random() < EMPTY_SHARE:
        return ""
    kept = [tag for tag in tags[1:] if random.random() >= DROPPED_TAG]
    if random.random() >= DROPPED_TAG / 2:
        kept.append(tags[0])
    # a wider word stands beside the exact one, sometimes in its place
    for index, tag in enumerate(kept):
        if tag in BROADER and random.random() < BROADER_TAG:
            if random.random() < 0.5:
                kept[index] = BROADER[tag]
            else:
                kept.append(BROADER[tag])
            break
    if random.random() < STRAY_TAG / 2:
        kept.append(FILLERS[random.integers(len(FILLERS))])
    if random.random() < STRAY_TAG:
        kept.append(UNKNOWN)
    if random.random() < STRAY_TAG:
        kept.append(STYLE_SLOTS[random.integers(len(STYLE_SLOTS))])
    if random.random() < LONG_SHARE:
        kept += [UNKNOWN] * int(random.integers(4, LONGEST_STRAYS + 1))
    random.shuffle(kept)
    return ", ".join(kept)
