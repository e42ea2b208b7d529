import numpy as np
import pytest
from PIL import Image

from gpu.rules.colour import luminance, to_linear
from gpu.rules.errors import InvalidRule
from gpu.rules.regions import Part
from tests.editing import edit, median, room, rule

SIDE = 200
EVERYWHERE = np.ones((SIDE, SIDE), bool)
GREY = Image.new("RGB", (SIDE, SIDE), (128, 128, 128))
DEEP = [[0.3, 0.2], [0.7, 0.2], [1.0, 1.0], [0.0, 1.0]]  # a floor that goes away from the camera


def laid(value="oak", photo=GREY, mask=EVERYWHERE, **options):
    return edit(photo, [Part("Floor", mask, rule("texture", value, **options))])


def dark(levels):
    return levels[..., 2] < 120


def changes(line):
    """How often a line of pixels goes from light to dark or back."""
    return int(np.abs(np.diff(line.astype(int))).sum())


def test_a_share_says_how_often_a_swatch_repeats():
    across = dark(laid(share=0.25))[SIDE // 2]
    assert changes(across) == 7  # four repeats of two stripes
    assert across.mean() == pytest.approx(0.5, abs=0.03)
    assert changes(dark(laid(share=0.125))[SIDE // 2]) == 15


def test_a_quarter_turn_makes_columns_rows():
    turned = dark(laid(share=0.25, rotation=90))
    assert changes(turned[:, SIDE // 2]) >= 7
    assert changes(turned[SIDE // 2 + 5]) == 0


def test_half_a_repeat_of_offset_swaps_the_stripes():
    first, second = (dark(laid(share=0.25, offset=(shift, 0)))[100] for shift in (0, 0.5))
    assert (first != second).mean() > 0.95


def test_metres_are_counted_on_the_plane():
    plane = {"corners": DEEP, "width": 4, "height": 6}
    levels = dark(laid(plane=plane, metres=1))
    assert changes(levels[-1]) == pytest.approx(7, abs=1)  # 4 metres along the near side
    wide = dark(laid(plane=plane, metres=2))
    assert changes(wide[-1]) == pytest.approx(3, abs=1)


def test_stripes_run_towards_the_vanishing_point():
    plane = {"corners": DEEP, "width": 4, "height": 6}
    levels = dark(laid(plane=plane, metres=2))
    near, far = (np.flatnonzero(np.diff(levels[row].astype(int))) for row in (195, 60))
    assert np.diff(near).mean() > 1.5 * np.diff(far).mean()


def test_repeats_smaller_than_a_pixel_melt_into_their_mean_instead_of_flickering():
    square = [[0, 0], [1, 0], [1, 1], [0, 1]]
    plane = {"corners": square, "width": 100, "height": 100}
    levels = laid(plane=plane, metres=0.1).astype(float)[..., 2]
    assert levels.std() < 3
    assert 60 < levels.mean() < 170


def test_a_material_takes_the_light_of_the_region():
    shade = np.linspace(0.25, 1, SIDE)[:, None, None] * np.full((SIDE, SIDE, 3), 200.0)
    lit = laid("sage", photo=Image.fromarray(shade.astype(np.uint8)))
    brightness = luminance(to_linear(lit)).mean(axis=1)
    expected = luminance(to_linear(shade.astype(np.uint8))).mean(axis=1)
    assert np.corrcoef(brightness, expected)[0, 1] > 0.98


def test_the_old_pattern_is_gone():
    board = np.full((SIDE, SIDE, 3), 150, np.uint8)
    board[:, ::2] = 110
    levels = laid("sage", photo=Image.fromarray(board))
    assert levels.reshape(-1, 3).std(axis=0).max() < 2


def test_the_median_is_the_colour_of_an_even_swatch():
    scene = room(2)
    floor = scene.mask("Floor")
    levels = laid("sage", photo=scene.image, mask=floor)
    assert np.abs(median(levels, floor) - (156, 175, 136)).max() <= 3


@pytest.mark.parametrize(
    "corners",
    [
        [[0, 0], [1, 0], [0, 1], [1, 1]],
        [[0, 0], [0, 1], [1, 1], [1, 0]],
        [[0, 0], [0.5, 0], [1, 0], [0, 1]],
        [[0, 0], [0, 0], [0, 0], [0, 0]],
    ],
)
def test_corners_that_span_no_plane_are_an_error(corners):
    with pytest.raises(InvalidRule) as refused:
        laid(plane={"corners": corners, "width": 1, "height": 1})
    assert refused.value.field == "options.plane.corners"


def test_a_plane_may_have_its_horizon_at_the_upper_edge_of_the_photo():
    corners = [[0.3, 0.4], [0.7, 0.4], [1.0, 1.0], [0.0, 1.0]]
    levels = laid(plane={"corners": corners, "width": 6, "height": 2})
    assert changes(dark(levels)[-2]) == pytest.approx(12, abs=1)


def test_beyond_the_horizon_lies_the_mean_of_the_material():
    corners = [[0.45, 0.6], [0.55, 0.6], [1.0, 1.0], [0.0, 1.0]]
    sky = laid(plane={"corners": corners, "width": 4, "height": 4})[:60].astype(float)
    assert sky[..., 2].std() < 3
