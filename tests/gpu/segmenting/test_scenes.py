import numpy as np
import pytest

from gpu.rules.colour import colour_difference
from gpu.segmenting.scenes.products import draw_product
from gpu.segmenting.scenes.rooms import draw_room
from tests.editing import room

DRAW = {"room": draw_room, "product": draw_product}


@pytest.mark.parametrize("kind", DRAW)
def test_a_seed_draws_the_same_scene_every_time_and_another_seed_another(kind):
    first, again, other = (DRAW[kind](seed, (160, 120)) for seed in (3, 3, 4))
    assert np.array_equal(np.asarray(first.image), np.asarray(again.image))
    assert not np.array_equal(np.asarray(first.image), np.asarray(other.image))
    assert list(first.masks) == list(again.masks)


def test_a_room_has_the_concepts_of_its_kind():
    assert {"Wall", "Floor", "Ceiling", "Frame_Molding", "Door"} <= set(room(0).masks)
    tiled = room(0, is_tiled=True).masks
    assert {"Tile", "Grout", "Floor", "Ceiling"} <= set(tiled)
    assert "Wall" not in tiled


@pytest.mark.parametrize("seed", range(4))
def test_the_surfaces_of_a_room_do_not_overlap(seed):
    scene = draw_room(seed, (200, 150))
    names = set(scene.masks) - {"Glass_highlight"}  # lies on the window
    covered = sum(mask.astype(int) for name in names for mask in scene.masks[name])
    assert covered.max() == 1
    assert covered.mean() > 0.8


@pytest.mark.parametrize("seed", range(6))
def test_a_product_and_its_background_fill_the_photo(seed):
    scene = draw_product(seed, (200, 200))
    parts = [scene.mask(name) for name in ("Product", "Background", "Accessories")]
    assert (sum(part.astype(int) for part in parts) == 1).all()
    for name in ("Body", "Label_Text", "Logo", "Gloss"):
        assert scene.mask(name).any()
        assert not (scene.mask(name) & ~scene.mask("Product")).any()


def test_another_body_changes_the_body_alone():
    red, blue = (draw_product(1, (200, 200), body=body) for body in ((190, 40, 44), (34, 80, 150)))
    changed = colour_difference(np.asarray(red.image), np.asarray(blue.image)) > 0.03
    assert changed[red.mask("Body")].mean() > 0.95
    assert changed[red.mask("Background")].mean() < 0.02
