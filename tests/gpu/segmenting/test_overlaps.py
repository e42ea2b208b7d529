import itertools

import numpy as np
import pytest

from gpu.segmenting.interface import Concept
from gpu.segmenting.overlaps import Candidate, resolve_overlaps

SIZE = (40, 20)  # width and height of the photo: four times those of the network's masks
WALL, WINDOW, LABEL = Concept("Wall", "wall"), Concept("Window", "window", True), Concept("L", "l")


def soft(*columns, rows=slice(None), score=0.9):
    """A mask that is true in some columns of ten."""
    probabilities = np.zeros((5, 10), np.float32)
    for span in columns:
        probabilities[rows, span] = 1
    return Candidate(score, probabilities)


def resolved(concepts, *candidates):
    return resolve_overlaps(concepts, candidates, SIZE)


def test_a_mask_has_the_photos_size_and_its_score():
    (instance,) = resolved([WALL], [soft(slice(0, 5), score=0.75)])
    mask = instance.mask.decode()
    assert mask.shape == (20, 40)
    assert mask[:, :20].all()
    assert not mask[:, 20:].any()
    assert (instance.concept, instance.number, instance.confidence) == ("Wall", 1, 0.75)
    assert instance.box == (0, 0, 20, 20)


@pytest.mark.parametrize("wall,window", [(0.9, 0.6), (0.6, 0.9)])
def test_a_contested_pixel_goes_to_the_higher_score(wall, window):
    instances = resolved(
        [WALL, WINDOW], [soft(slice(0, 6), score=wall)], [soft(slice(4, 10), score=window)]
    )
    assert sum(instance.mask.decode().astype(int) for instance in instances).max() == 1
    wider = max(instances, key=lambda instance: instance.area)
    assert wider.concept == ("Wall" if wall > window else "Window")
    assert sum(instance.area for instance in instances) == 40 * 20


def test_of_equal_scores_the_concept_that_was_named_first_keeps_the_pixels():
    same = [soft(slice(0, 6))], [soft(slice(4, 10))]
    instances = resolved([WALL, WINDOW], *same)
    assert [instance.area for instance in instances] == [24 * 20, 16 * 20]
    turned = resolved([WINDOW, WALL], *same)
    assert [instance.area for instance in turned] == [24 * 20, 16 * 20]


def test_the_answer_does_not_depend_on_the_order_of_candidates():
    own = [soft(slice(0, 4), score=0.5), soft(slice(3, 7), score=0.7), soft(slice(6, 9), score=0.6)]
    answers = {
        tuple(
            (instance.number, instance.box, instance.confidence)
            for instance in resolved([WINDOW], list(order))
        )
        for order in itertools.permutations(own)
    }
    assert len(answers) == 1


def test_a_label_within_a_product_keeps_its_pixels_and_so_does_the_product():
    label = soft(slice(3, 6), rows=slice(1, 4), score=0.4)
    product, part = resolved([WALL, LABEL], [soft(slice(0, 9))], [label])
    assert product.area == 36 * 20
    assert part.area == pytest.approx(12 * 12, abs=30)
    assert (part.mask.decode() & ~product.mask.decode()).sum() == 0


def test_two_names_for_the_same_thing_go_to_the_higher_score_alone():
    instances = resolved(
        [WALL, LABEL], [soft(slice(0, 5), score=0.6)], [soft(slice(0, 5), score=0.7)]
    )
    assert [instance.concept for instance in instances] == ["L"]


def test_one_thing_seen_twice_is_one_instance():
    own = [soft(slice(0, 5), score=0.6), soft(slice(0, 6), score=0.8), soft(slice(8, 10))]
    instances = resolved([WINDOW], own)
    assert [(instance.number, instance.area) for instance in instances] == [
        (1, 24 * 20),
        (2, 8 * 20),
    ]


def test_instances_are_numbered_by_area():
    small, large = soft(slice(0, 2), score=0.9), soft(slice(4, 9), score=0.5)
    assert [instance.area for instance in resolved([WINDOW], [small, large])] == [20 * 20, 8 * 20]


def test_a_concept_of_which_there_is_one_is_all_its_masks_together():
    (wall,) = resolved([WALL], [soft(slice(0, 3), score=0.5), soft(slice(6, 9), score=0.8)])
    assert wall.area == 24 * 20
    assert wall.confidence == 0.8


def test_nothing_found_is_no_instance():
    assert resolved([WALL, WINDOW], [], []) == []
    assert resolved([WALL], [soft()]) == []
