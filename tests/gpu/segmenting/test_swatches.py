import io

import numpy as np
import pytest
from PIL import Image

from gpu.rules.colour import to_levels
from gpu.rules.swatches import Swatch
from gpu.segmenting.scenes.swatches import MATERIALS, PAINTS, draw_swatch
from imaging.reading import read_picture
from webapp.domain.sets_presets import swatches

MOST_BYTES = 1_500_000


def levels_of(name):
    return np.asarray(read_picture(swatches()[name].path))


def seam(levels, axis):
    """How much the last line differs from the first, over the most that neighbours differ."""
    light = levels.astype(float)
    steps = np.abs(np.roll(light, -1, axis) - light).mean(axis=(1 - axis, 2))
    return steps[-1] / steps[:-1].max()


def test_every_swatch_that_is_drawn_is_listed_with_its_width():
    assert set(swatches()) == {*MATERIALS, *PAINTS}
    for name, listed in swatches().items():
        assert listed.metres == (MATERIALS[name].metres if name in MATERIALS else None)


def test_the_listed_colour_is_the_median_that_rules_use():
    for name, listed in swatches().items():
        median = to_levels(np.array([[Swatch(levels_of(name)).colour]], np.float32))[0, 0]
        listed_levels = np.array(list(bytes.fromhex(listed.colour[1:])), int)
        assert np.abs(median - listed_levels).max() <= 1, name


@pytest.mark.parametrize("name", MATERIALS)
def test_a_material_has_no_seam(name):
    levels = levels_of(name)
    assert seam(levels, 0) <= 1.05
    assert seam(levels, 1) <= 1.05


def test_a_material_that_was_cut_has_one():
    levels = levels_of("marble")
    assert seam(levels[:, : levels.shape[1] * 3 // 5], 1) > 1.5


@pytest.mark.parametrize("name", ["terrazzo", "sage_tile"])
def test_a_material_is_drawn_again_as_it_is_shipped(name):
    drawn = draw_swatch(name).astype(int)
    difference = np.abs(drawn - levels_of(name))
    assert difference.mean() < 3  # the file has a palette of 128 colours


def test_paints_are_one_colour():
    for name in PAINTS:
        assert np.unique(levels_of(name).reshape(-1, 3), axis=0).tolist() == [list(PAINTS[name])]


def test_all_pictures_together_stay_small():
    assert sum(each.path.stat().st_size for each in swatches().values()) <= MOST_BYTES


def test_sides_of_materials_halve_evenly():
    for name in MATERIALS:
        with Image.open(io.BytesIO(swatches()[name].path.read_bytes())) as image:
            assert all(side & (side - 1) == 0 for side in image.size), name
