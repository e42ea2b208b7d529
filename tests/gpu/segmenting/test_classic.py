from statistics import mean

import numpy as np
import pytest
from PIL import Image

from gpu.segmenting.classic import KNOWN, SERVED, Classic, UnservedConcept
from gpu.segmenting.interface import AUTOMATIC_CONFIDENCE, Concept, Segmenter
from gpu.segmenting.masks import intersection_over_union
from gpu.segmenting.scenes.products import draw_product
from gpu.segmenting.scenes.rooms import draw_room
from tests.ordinary_photos import artworks, landscapes, patterns, photographs

SEEDS = (700, 702)  # nothing was tuned on these scenes
ROOM_GOALS = {"Wall": 0.75, "Floor": 0.75, "Ceiling": 0.75}
PRODUCT_GOALS = {"Product": 0.85, "Background": 0.85, "Label_Text": 0.85}
INTERIOR = {"Wall", "Floor", "Ceiling", "Window", "Door", "Frame_Molding", "Tile", "Grout",
            "Cabinet", "Countertop", "Backsplash", "Light", "Handle", "Switch_Outlet",
            "Glass_highlight"}  # fmt: skip
SELLER = {"Product", "Background", "Body", "Label_Text", "Logo", "Parts", "Accessories", "Gloss"}


def concepts(names):
    return [Concept(name, name.lower()) for name in names]


def agreement(scene, names):
    """Intersection over union with the truth of each concept, and the least confidence."""
    instances = Classic().segment(scene.image, concepts(names))
    scores = {}
    for name in names:
        detected = [instance.mask.decode() for instance in instances if instance.concept == name]
        truth = scene.mask(name)
        scores[name] = intersection_over_union(
            np.logical_or.reduce([truth & False, *detected]), truth
        )
    return scores, min(instance.confidence for instance in instances)


# This and the next measure over many photos. `make test` has single ones: test_rooms.py,
# test_packaging.py, and the test that a room is no product.
@pytest.mark.long
@pytest.mark.parametrize(
    "draw,size,goals",
    [
        (lambda seed, size: draw_room(seed, size, is_tiled=False), (480, 360), ROOM_GOALS),
        (draw_product, (700, 700), PRODUCT_GOALS),
    ],
    ids=["rooms", "products"],
)
def test_drawn_scenes_are_understood_and_classic_is_sure_of_it(draw, size, goals):
    detected = [agreement(draw(seed, size), list(goals)) for seed in SEEDS]
    for name, goal in goals.items():
        assert mean(scores[name] for scores, _ in detected) >= goal, name
    assert min(confidence for _, confidence in detected) > 0.5


def ordinary():
    """A few of them, small; `make bench-sets` measures them all."""
    painted = artworks(("gouache", "posters"), count=1)
    outside = landscapes(seeds=(3, 4), size=(240, 180))
    photos = photographs() | painted | outside | {"checks": patterns((240, 180))["checks"]}
    for photo in photos.values():
        photo.thumbnail((240, 240))
    return photos


@pytest.mark.long
def test_nothing_is_sure_in_a_photo_of_neither_a_room_nor_a_product():
    for name, photo in ordinary().items():
        instances = Classic().segment(photo, concepts(["Wall", "Window", "Product", "Label_Text"]))
        assert all(one.confidence < AUTOMATIC_CONFIDENCE for one in instances), name


def test_a_room_is_no_product_and_a_product_no_room():
    instances = Classic().segment(draw_room(700, (480, 360)).image, concepts(["Product", "Body"]))
    instances += Classic().segment(draw_product(700, (480, 480)).image, concepts(["Wall", "Door"]))
    assert all(one.confidence < AUTOMATIC_CONFIDENCE for one in instances)


@pytest.mark.parametrize("name", ["the red chair", "wall", "", "Sofa"])
def test_a_concept_without_a_name_of_a_preset_is_refused_before_anything_is_computed(name):
    with pytest.raises(UnservedConcept, match="does not know") as refused:
        Classic().segment(Image.new("RGB", (40, 30)), [Concept("Wall", "wall"), Concept(name, "x")])
    assert refused.value.concept == name


def test_all_concepts_of_both_presets_are_known():
    assert KNOWN == INTERIOR | SELLER
    assert KNOWN > SERVED


def test_a_known_concept_that_is_not_there_gives_no_instance():
    assert (
        Classic().segment(Image.new("RGB", (200, 150), (200, 190, 180)), concepts(["Product"]))
        == []
    )
    instances = Classic().segment(
        draw_room(701, (480, 360), is_tiled=False).image, concepts(["Tile", "Handle"])
    )
    assert instances == []


def test_instances_are_numbered_by_concept_the_largest_first():
    segmenter: Segmenter = Classic()
    scene = draw_room(702, (480, 360), is_tiled=False)
    instances = segmenter.segment(scene.image, concepts(["Window", "Floor"]))
    assert [one.concept for one in instances] == ["Window"] * (len(instances) - 1) + ["Floor"]
    windows = instances[:-1]
    assert [one.number for one in windows] == list(range(1, len(windows) + 1))
    assert [one.area for one in windows] == sorted((one.area for one in windows), reverse=True)
    assert segmenter.segment(scene.image, concepts(["Window", "Floor"])) == instances


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (64, 64)])
def test_photos_of_any_size_are_taken(size):
    photo = Image.effect_noise(size, 60).convert("RGB")
    for one in Classic().segment(photo, concepts(sorted(KNOWN))):
        assert one.mask.decode().shape == size[::-1]
        assert one.confidence < AUTOMATIC_CONFIDENCE
