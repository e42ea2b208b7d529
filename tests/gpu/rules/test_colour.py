import numpy as np
import pytest
from PIL import Image

from gpu.rules.colour import (
    bake,
    colour_difference,
    from_oklab,
    luminance,
    map_by_table,
    map_exactly,
    measure,
    parse_colour,
    to_levels,
    to_linear,
    to_oklab,
)
from gpu.rules.errors import InvalidRule

EVERY_LEVEL = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
COLOURS = np.random.default_rng(0).integers(0, 256, (60, 50, 3), dtype=np.uint8)


def test_every_level_comes_back_from_linear_light():
    assert np.array_equal(to_levels(to_linear(EVERY_LEVEL)), EVERY_LEVEL)


def test_light_outside_the_range_is_clipped():
    assert to_levels(np.array([-0.5, 0.0, 7.0], np.float32)).tolist() == [0, 0, 255]


def test_middle_grey_reflects_a_fifth_of_the_light():
    assert luminance(to_linear(np.array([119, 119, 119], np.uint8))) == pytest.approx(
        0.184, abs=2e-3
    )


def test_oklab_has_its_published_values():
    # from the author's table: white, and the primaries of sRGB
    white, red, blue = to_oklab(
        to_linear(np.array([[255] * 3, [255, 0, 0], [0, 0, 255]], np.uint8))
    )
    assert white == pytest.approx([1, 0, 0], abs=1e-3)
    assert red == pytest.approx([0.628, 0.225, 0.126], abs=1e-3)
    assert blue == pytest.approx([0.452, -0.032, -0.312], abs=1e-3)


def test_oklab_comes_back():
    light = to_linear(COLOURS)
    assert np.abs(from_oklab(to_oklab(light)) - light).max() < 1e-4


def test_a_difference_is_zero_only_between_equal_colours():
    one = np.array([[120, 90, 60]], np.uint8)
    assert colour_difference(one, one)[0] == 0
    assert colour_difference(one, one + np.uint8(1))[0] > 0


def test_a_table_that_changes_nothing_changes_no_byte():
    assert np.array_equal(map_by_table(COLOURS, lambda light: light), COLOURS)


def test_a_table_swaps_channels_as_the_map_does():
    def reverse(light):
        return light[..., ::-1]

    assert np.array_equal(map_by_table(COLOURS, reverse), COLOURS[..., ::-1])


def test_a_table_is_within_a_level_of_the_exact_map():
    def halved(light):
        return light * np.float32(0.5)

    difference = map_by_table(COLOURS, halved).astype(int) - map_exactly(COLOURS, halved)
    assert np.abs(difference).max() <= 1


def test_a_table_has_33_colours_to_a_side():
    assert bake(lambda light: light).size == (33, 33, 33)


@pytest.mark.parametrize(
    "text", ["", "1F2A44", "#1F2A4", "#1F2A444", "#1F2A4G", "#１２３４５６", "red"]
)
def test_a_colour_that_is_not_written_in_hexadecimal_is_refused(text):
    with pytest.raises(InvalidRule) as refused:
        parse_colour(text)
    assert refused.value.field == "value"
    assert refused.value.code == "VALIDATION_ERROR"


@pytest.mark.parametrize("text", ["#1F2A44", "#1f2a44"])
def test_a_colour_is_read_in_either_case(text):
    assert to_levels(parse_colour(text)).tolist() == [31, 42, 68]


def test_statistics_are_of_the_masked_pixels_alone():
    image = np.asarray(Image.new("RGB", (30, 20), (200, 10, 10))).copy()
    image[:, 10:] = (10, 10, 200)
    mask = np.zeros((20, 30), bool)
    mask[:, :10] = True
    assert to_levels(measure(image, mask).median).tolist() == [200, 10, 10]
    assert measure(image, mask).lab_deviation.max() < 1e-5


def test_statistics_of_no_pixel_are_refused():
    with pytest.raises(ValueError, match="no pixels"):
        measure(COLOURS, np.zeros((60, 50), bool))
