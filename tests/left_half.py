"""A segmenter for tests: the wall is the left half of any photo, and nothing else is found."""

import numpy as np

from gpu.segmenting.classic import UnservedConcept
from gpu.segmenting.interface import Instance, InvalidConcept

UNSERVED = "a concept that is not served"
BROKEN = "a prompt that nobody can read"


class LeftHalf:
    """Finds "Wall" in every photo; `asked` are the prompts of each photo it was given."""

    name = "classic"
    version = "of the tests"

    def __init__(self):
        self.asked = []

    def segment(self, photo, concepts):
        assert photo.mode == "RGB"
        self.asked.append([concept.prompt for concept in concepts])
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
