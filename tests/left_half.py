"""A segmenter for tests: the left half of any photo is a wall."""

import numpy as np

from gpu.segmenting.classic import UnservedConcept
from gpu.segmenting.interface import Instance, InvalidConcept

UNSERVED = "a concept that is not served"
BROKEN = "an invalid prompt"


class LeftHalf:
    """Detects "Wall" and no other concept; `prompts` are those of each segmented photo."""

    name = "classic"
    version = "of the tests"

    def __init__(self):
        self.prompts = []

    def segment(self, photo, concepts):
        assert photo.mode == "RGB"
        self.prompts.append([concept.prompt for concept in concepts])
        for concept in concepts:
            if concept.prompt == UNSERVED:
                raise UnservedConcept(concept.name)
            if concept.prompt == BROKEN:
                raise InvalidConcept(concept.name, "prompt", "is too long")
        mask = np.zeros((photo.height, photo.width), np.bool_)
        mask[:, : photo.width // 2] = True
        return [
            Instance.of(concept.name, 1, mask, 0.9)
            for concept in concepts
            if concept.name == "Wall"
        ]
