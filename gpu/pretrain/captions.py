"""Training captions of scenes: tags of the vocabulary, shuffled, with random dropout."""

from collections.abc import Sequence

import numpy as np

from gpu.pretrain.vocabulary import BROADER, FILLERS, STYLE_SLOTS, UNKNOWN

EMPTY_SHARE = 0.1
DROPPED_TAG = 0.08
STRAY_TAG = 0.06
BROADER_TAG = 0.08
LONG_SHARE = 0.04  # captions with many unknown words, because a prompt may have thirty tags
LONGEST_STRAYS = 28


def caption(tags: Sequence[str], random: np.random.Generator) -> str:
    """Make one training caption of a scene's tags.

    The first tag (the main thing) is dropped least often. Style slots and unknown words are added
    at random, so that words outside the vocabulary change little in what the model draws.
    """
    if random.random() < EMPTY_SHARE:
        return ""
    words = [tag for tag in tags[1:] if random.random() >= DROPPED_TAG]
    if random.random() >= DROPPED_TAG / 2:
        words.append(tags[0])
    # add the broader word of one tag, or replace the tag by it
    for index, tag in enumerate(words):
        if tag in BROADER and random.random() < BROADER_TAG:
            if random.random() < 0.5:
                words[index] = BROADER[tag]
            else:
                words.append(BROADER[tag])
            break
    if random.random() < STRAY_TAG / 2:
        words.append(FILLERS[random.integers(len(FILLERS))])
    if random.random() < STRAY_TAG:
        words.append(UNKNOWN)
    if random.random() < STRAY_TAG:
        words.append(STYLE_SLOTS[random.integers(len(STYLE_SLOTS))])
    if random.random() < LONG_SHARE:
        words += [UNKNOWN] * int(random.integers(4, LONGEST_STRAYS + 1))
    random.shuffle(words)
    return ", ".join(words)
