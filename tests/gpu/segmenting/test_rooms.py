import numpy as np
import pytest

from gpu.segmenting.furnishings import find_furnishings
from gpu.segmenting.layouts import SURFACES
from gpu.segmenting.masks import intersection_over_union
from gpu.segmenting.rooms import find_room
from tests.editing import room

SIZE = (480, 360)


@pytest.fixture(scope="module")
def plain():
    return room(710, SIZE), find_room(room(710, SIZE).image)


@pytest.fixture(scope="module")
def tiled():
    scene = room(711, SIZE, is_tiled=True)
    return scene, find_room(scene.image)


def test_the_surfaces_of_a_room_lie_where_its_box_has_them(plain):
    scene, estimated = plain
    floor = estimated.surfaces == SURFACES.index("Floor")
    assert (floor & scene.mask("Ceiling")).sum() == 0
    assert floor[scene.mask("Floor")].mean() > 0.9
    assert set(np.unique(estimated.surfaces)) <= set(range(len(SURFACES)))


def test_no_pixel_is_of_two_surfaces(plain):
    _, estimated = plain
    layers = [estimated.floor, estimated.ceiling, estimated.wall, estimated.things]
    assert (sum(layer.astype(int) for layer in layers) == 1).all()


def test_things_on_the_wall_have_their_names(plain):
    scene, estimated = plain
    things = find_furnishings(estimated)
    assert not things.is_tiled
    for concept, masks in (("Door", things.doors), ("Window", things.windows)):
        union = np.logical_or.reduce([scene.mask(concept) & False, *masks])
        assert intersection_over_union(union, scene.mask(concept)) > 0.7, concept


def test_a_net_of_joints_makes_a_wall_one_of_tiles(tiled):
    scene, estimated = tiled
    assert find_furnishings(estimated).is_tiled
    covered = scene.mask("Tile") | scene.mask("Grout")
    assert intersection_over_union(estimated.wall, covered) > 0.6
