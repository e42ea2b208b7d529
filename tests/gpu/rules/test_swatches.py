import numpy as np
import pytest

from gpu.rules.colour import to_levels, to_linear
from gpu.rules.swatches import Swatch, plain
from tests.editing import striped_swatch


def at(swatch, u, v, footprint=0.0):
    places = (np.array([value], np.float32) for value in (u, v, footprint))
    return to_levels(swatch.at(*places))[0].tolist()


def test_a_swatch_is_read_in_repeats_that_go_on_for_ever():
    swatch = striped_swatch()
    for repeat in (-3, 0, 7):
        assert at(swatch, repeat + 0.25, repeat + 0.6) == [200, 200, 200]
        assert at(swatch, repeat + 0.75, repeat + 0.1) == [90, 60, 40]


def test_seen_from_very_far_a_swatch_is_its_mean_in_linear_light():
    swatch = striped_swatch()
    mean = to_levels(to_linear(swatch.levels).mean(axis=(0, 1)))
    assert np.abs(np.array(at(swatch, 0.3, 0.3, footprint=5)) - mean).max() <= 1


def test_the_colour_of_a_swatch_is_its_median():
    levels = np.full((10, 10, 3), (10, 20, 30), np.uint8)
    levels[:4] = 255
    assert to_levels(np.array(Swatch(levels).colour, np.float32)).tolist() == [10, 20, 30]


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (64, 16)])
def test_swatches_of_any_shape_can_be_read(shape):
    swatch = Swatch(np.full((*shape, 3), (10, 20, 30), np.uint8))
    assert swatch.height_share == shape[0] / shape[1]
    for footprint in (0.0, 0.3, 9.0):
        assert at(swatch, 0.9, 0.1, footprint) == [10, 20, 30]


def test_a_plain_swatch_is_one_colour_everywhere():
    assert at(plain(to_linear(np.array([31, 42, 68], np.uint8))), 0.4, 0.8) == [31, 42, 68]
