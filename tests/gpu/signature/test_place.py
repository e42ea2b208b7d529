"""A detected watermark says where the shown picture lies in the marked one."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from gpu.signature.place import (
    ORIENTATIONS,
    inside_border,
    inverse,
    orientation_matrix,
    oriented,
    rotation_matrix,
    whole_place,
)
from gpu.signature.watermark import detect, embed
from tests.attacks import reencoded
from tests.images import scene

KEY = b"the key of these tests"
CORNERS = np.array([[0, 0, 1], [30, 0, 1], [0, 20, 1], [30, 20, 1]], float)


@pytest.fixture(scope="module")
def marked():
    return embed(scene(512, 768, seed=3), 7, KEY)


@pytest.mark.parametrize("orientation", range(ORIENTATIONS))
def test_the_matrix_of_an_orientation_moves_pixels_as_the_orientation_does(orientation):
    plane = np.arange(6, dtype=np.float32).reshape(2, 3)
    turned = oriented(plane, orientation)
    matrix = orientation_matrix((3, 2), orientation)
    for row, column in np.ndindex(plane.shape):
        x, y, _ = matrix @ (column + 0.5, row + 0.5, 1)
        assert turned[int(y), int(x)] == plane[row, column]


@pytest.mark.parametrize("orientation", range(ORIENTATIONS))
def test_an_orientation_is_undone_by_its_inverse(orientation):
    plane = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert (oriented(oriented(plane, orientation), inverse(orientation)) == plane).all()


def test_the_eight_orientations_differ():
    plane = np.arange(16, dtype=np.float32).reshape(4, 4)
    assert len({oriented(plane, orientation).tobytes() for orientation in range(8)}) == 8


@pytest.mark.parametrize("orientation", range(ORIENTATIONS))
def test_a_whole_picture_covers_all_units_of_the_registered_one(orientation):
    turned = (20, 30) if orientation % 2 else (30, 20)
    corners = whole_place((30, 20), (turned[0] * 9, turned[1] * 9), orientation).matrix @ CORNERS.T
    assert corners[:2].min() == pytest.approx(0)
    assert corners[:2].max(1) == pytest.approx([512 * side / 20 for side in turned])


def test_the_matrix_of_a_rotation_moves_pixels_as_pillow_does():
    dot = Image.new("L", (101, 61))
    dot.putpixel((80, 20), 255)
    x, y, _ = rotation_matrix(dot.size, 30) @ (80.5, 20.5, 1)
    rotated = np.asarray(dot.rotate(30))
    row, column = np.unravel_index(rotated.argmax(), rotated.shape)
    assert (column, row) == (int(x), int(y))


@pytest.mark.parametrize("quality", [50, 70])
@pytest.mark.parametrize(
    "widths, colour",
    [
        ((4, 4, 4, 4), "white"),
        ((5, 5, 5, 5), "black"),
        ((9, 30, 40, 14), (238, 238, 240)),
        ((0, 12, 0, 12), "white"),
    ],
)
def test_the_box_inside_a_border_is_exact_after_jpeg(widths, colour, quality):
    picture = textured(scene(425, 300, seed=4))
    framed = reencoded(ImageOps.expand(picture, widths, colour), "JPEG", quality)
    left, top, *_ = widths
    box = inside_border(np.asarray(framed.convert("L"), np.float32))
    assert box == (left, top, left + 425, top + 300)


def test_a_picture_that_fills_the_screenshot_has_no_border():
    picture = textured(scene(300, 300, seed=4))
    assert inside_border(np.asarray(picture.convert("L"), np.float32)) is None


def textured(picture):
    """With grain, so that the picture's edge is nowhere as plain as a border."""
    levels = np.asarray(picture, np.float64)
    grained = levels + np.random.default_rng(8).normal(0, 6, levels.shape)
    return Image.fromarray(np.clip(grained, 0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    "left, top, zoom, turn", [(60, 40, 1.0, 0), (40, 300, 1.5, 0), (50, 90, 1.0, 2)]
)
def test_the_place_of_a_crop_is_detected_within_two_units(marked, left, top, zoom, turn):
    side = 360
    crop = marked.crop((left, top, left + side, top + side)).rotate(90 * turn)
    shown = crop.resize((round(side * zoom), round(side * zoom)), Image.Resampling.BICUBIC)
    place = detect(shown, {1: KEY}).place
    x, y, _ = place.matrix @ (0, 0, 1)
    expected = (left, top) if turn == 0 else (left + side, top + side)
    error = np.array([x, y]) - expected
    assert np.abs(error - 512 * np.round(error / 512)).max() < 2


def test_the_place_of_a_large_picture_is_in_its_own_pixels(marked):
    large = marked.resize((1024, 1536), Image.Resampling.BICUBIC)
    place = detect(large, {1: KEY}, deep=False).place
    assert place.matrix[:2] == pytest.approx(np.array([[0.5, 0, 0], [0, 0.5, 0]]), abs=1)
