import numpy as np
import pytest

from gpu.segmenting.superpixels import cut_into_superpixels
from tests.editing import room


@pytest.fixture(scope="module")
def patches():
    return cut_into_superpixels(np.asarray(room(2, (240, 180)).image), 8)


def test_superpixels_cover_the_picture_and_are_about_as_many_as_asked(patches):
    assert patches.labels.min() == 0
    assert patches.labels.max() == patches.count - 1
    assert patches.areas.sum() == 240 * 180
    assert patches.areas.min() >= 1
    expected_count = -(-240 // 8) * -(-180 // 8)
    assert 0.8 * expected_count < patches.count <= expected_count


def test_superpixels_end_where_things_end(patches):
    scene = room(2, (240, 180))
    floor = scene.mask("Floor")
    share = np.bincount(patches.labels.ravel(), floor.ravel()) / patches.areas
    mixed = ((share > 0.1) & (share < 0.9)) * patches.areas
    assert mixed.sum() / patches.areas.sum() < 0.03


def test_neighbours_are_named_once_and_differ(patches):
    low, high = patches.pairs.T
    assert (low < high).all()
    assert len(np.unique(patches.pairs, axis=0)) == len(patches.pairs)
    assert (patches.borders >= 1).all()


def test_steps_are_greater_across_the_edge_of_a_thing():
    levels = np.full((40, 40, 3), 60, np.uint8)
    levels[:, 20:] = 200
    levels += np.random.default_rng(0).integers(0, 3, levels.shape, dtype=np.uint8)
    segmented = cut_into_superpixels(levels, 8)
    lightness = segmented.colours[:, 0]
    across = np.abs(lightness[segmented.pairs[:, 0]] - lightness[segmented.pairs[:, 1]]) > 20
    assert across.any()
    assert segmented.steps[across].min() > segmented.steps[~across].max()
