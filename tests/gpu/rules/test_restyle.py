import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from gpu.rules.colour import luminance, to_linear
from gpu.rules.errors import InvalidRule
from gpu.rules.regions import Part, region_of
from gpu.rules.restyle import Restyle, canvas_of
from gpu.rules.restyle_frames import LARGE, PORTRAIT, SMALL
from tests.editing import as_light, deep_inside, edit, median, room, solid

SIZES = (SMALL, PORTRAIT, LARGE)


def boxed(width, height, left, top, right, bottom):
    """A mask that is true in a box."""
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right] = True
    return mask


def painted(canvas, colour=(200, 40, 90)):
    """The canvas, its mask filled with one colour as the engine fills it: the rest is the photo."""
    image = canvas.picture.copy()
    image.paste(colour, mask=canvas.mask)
    return canvas.painted(image)


def restyled(photo, mask, colour=(200, 40, 90), others=()):
    rule = Restyle("7", canvas=painted(canvas_of(photo, mask), colour))
    return edit(photo, [Part("Wall", mask, rule), *others])


def shaded(width, height):
    """A grey wall, three times as bright on the left as on the right in linear light."""
    light = np.linspace(0.6, 0.2, width)
    levels = (np.interp(light, to_linear(np.arange(256)), np.arange(256)) + 0.5).astype(np.uint8)
    return Image.fromarray(np.broadcast_to(levels[None, :, None], (height, width, 3)).copy())


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1 << 30),
    width=st.integers(3, 300),
    height=st.integers(3, 300),
    has_alpha=st.booleans(),
)
def test_bytes_outside_the_mask_and_under_protection_are_equal(seed, width, height, has_alpha):
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (5, 6, 4 if has_alpha else 3), dtype=np.uint8)
    photo = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    mask, protected, locked, light = (
        np.asarray(Image.fromarray(random.integers(0, 2, (4, 4), np.uint8) * 255).resize(
            (width, height))) > 128
        for _ in range(4)
    )  # fmt: skip
    mask[height // 2, width // 2] = True
    others = [
        solid("Logo", protected),
        Part("Door", locked, is_locked=True),
        as_light("Gloss", light & mask),
    ]
    after, before = restyled(photo, mask, others=others), np.asarray(photo)
    may_change = mask & ~protected & ~locked
    assert after.shape == before.shape
    assert np.array_equal(after[~may_change], before[~may_change])
    assert np.array_equal(after[..., 3:], before[..., 3:])


@pytest.mark.parametrize(
    "photo, box, size, frame",
    [
        ((800, 600), (300, 200, 400, 300), SMALL, (512, 512)),  # small: with all around it
        ((800, 600), (0, 0, 500, 450), SMALL, (624, 624)),
        ((2000, 1500), (500, 300, 1100, 900), LARGE, (750, 750)),
        ((2000, 1500), (0, 0, 2000, 1500), LARGE, (2000, 2000)),  # reaches beyond the photo
        ((2000, 1500), (1200, 100, 1500, 1100), PORTRAIT, (625, 1250)),
        ((400, 1600), (100, 0, 300, 1600), PORTRAIT, (800, 1600)),
        ((300, 200), (0, 0, 300, 200), SMALL, (300, 300)),  # enlarged
        ((90, 400), (30, 10, 40, 390), PORTRAIT, (200, 400)),
        ((1, 1), (0, 0, 1, 1), SMALL, (1, 1)),
    ],
)
def test_a_region_gets_the_one_canvas_that_fits_it(photo, box, size, frame):
    mask = boxed(*photo, *box)
    canvas = canvas_of(Image.new("RGB", photo, (90, 90, 90)), mask)
    shown = canvas.frame
    assert shown.size == canvas.picture.size == canvas.mask.size == size
    assert (shown.width, shown.height) == frame
    assert shown.width * size[1] == shown.height * size[0]  # nothing is stretched
    assert shown.left <= box[0] < box[2] <= shown.left + shown.width
    assert shown.top <= box[1] < box[3] <= shown.top + shown.height
    for start, length, available in (
        (shown.left, shown.width, photo[0]),
        (shown.top, shown.height, photo[1]),
    ):
        assert length > available or 0 <= start <= available - length


def test_the_same_region_gives_the_same_canvas():
    scene = room(3)
    first, again = (canvas_of(scene.image, scene.mask("Floor")) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("factor", [1, 3])
def test_every_pixel_that_a_region_touches_may_be_painted_and_little_else(factor):
    mask = np.zeros((600 * factor, 600 * factor), bool)
    mask[100:140:3, 200] = True
    mask[:: 150 * factor, 400] = True
    canvas = canvas_of(Image.new("RGB", mask.shape[::-1]), mask)
    free = np.asarray(canvas.mask)
    frame = canvas.frame
    for row, column in zip(*np.nonzero(mask), strict=True):
        x = (column + 0.5 - frame.left) * frame.size[0] / frame.width
        y = (row + 0.5 - frame.top) * frame.size[0] / frame.width
        assert free[int(y), int(x)]
    assert free.mean() < 0.05


@pytest.mark.parametrize("size", [(500, 400), (1500, 1200)])
def test_what_is_painted_lies_where_the_canvas_showed_it(size):
    width, height = size
    photo = Image.new("RGB", size, (120, 120, 120))
    mask = boxed(*size, width // 10, height // 5, width - 20, height - 30)
    canvas = canvas_of(photo, mask)
    frame, image = canvas.frame, canvas.picture.copy()
    x, y = width // 2, height // 2
    at = ((x - frame.left) * image.width / frame.width, (y - frame.top) * image.width / frame.width)
    image.paste((160, 90, 90), (int(at[0]) - 12, int(at[1]) - 12, int(at[0]) + 12, int(at[1]) + 12))
    after = edit(photo, [Part("Wall", mask, Restyle("7", canvas=canvas.painted(image)))])
    red = after[..., 0].astype(int) - after[..., 1] > 30
    rows, columns = np.nonzero(red)
    assert (rows.mean(), columns.mean()) == (pytest.approx(y, abs=2), pytest.approx(x, abs=2))
    side = 24 * frame.width / image.width
    assert red.sum() == pytest.approx(side**2, rel=0.15)


@pytest.mark.parametrize("size", [(480, 360), (1000, 750)])
def test_a_canvas_that_nobody_painted_gives_the_photo_back(size):
    scene = room(3, size)
    mask = scene.mask("Wall")
    canvas = canvas_of(scene.image, mask)
    rule = Restyle("7", canvas=canvas.painted(canvas.picture))
    after = edit(scene.image, [Part("Wall", mask, rule)])
    difference = np.abs(after.astype(int) - np.asarray(scene.image))[deep_inside(mask)]
    assert difference.mean() < 2


@pytest.mark.parametrize("width", [400, 2400])
def test_a_region_keeps_its_light_and_takes_the_colour_painted(width):
    photo = shaded(width, width // 2)
    mask = boxed(*photo.size, 10, 10, width - 10, width // 2 - 10)
    after = restyled(photo, mask, colour=(120, 60, 80))
    assert np.abs(median(after, deep_inside(mask)) - (120, 60, 80)).max() <= 3
    row = luminance(to_linear(after[width // 4]))
    left, right = row[width // 8 : width // 8 + 9].mean(), row[-width // 8 - 9 : -width // 8].mean()
    assert left / right == pytest.approx(0.55 / 0.25, rel=0.15)
    assert np.abs(np.diff(after[width // 4, 20:-20].astype(int), axis=0)).max() <= 2  # no seam


def test_a_light_that_only_the_painting_has_is_taken_out():
    photo = Image.new("RGB", (600, 600), (150, 150, 150))
    mask = boxed(600, 600, 0, 0, 600, 600)
    canvas = canvas_of(photo, mask)
    ramp = shaded(512, 512)
    after = edit(photo, [Part("Wall", mask, Restyle("7", canvas=canvas.painted(ramp)))])
    assert np.ptp(luminance(to_linear(np.asarray(ramp)[300, 60:-60]))) > 0.25
    assert np.ptp(luminance(to_linear(after[300, 60:-60]))) < 0.05


def test_nothing_from_beyond_the_edge_is_drawn_into_the_region():
    """No rim of the photo's old colour, though the canvas is a third of the size."""
    photo = Image.new("RGB", (1800, 1800), (20, 20, 20))
    mask = boxed(1800, 1800, 300, 300, 1500, 1500)
    photo.paste((240, 240, 240), (300, 300, 1500, 1500))
    after = restyled(photo, mask, colour=(200, 40, 90))
    assert np.abs(after[mask].astype(int) - (200, 40, 90)).max() <= 10


def test_the_edge_of_what_is_painted_begins_without_the_colours_beside_it():
    """Painted as it is, a dark thing before a wall would become a dark rim on the wall."""
    photo = Image.new("RGB", (600, 600), (20, 20, 20))
    photo.paste((240, 240, 240), (0, 0, 300, 600))
    canvas = canvas_of(photo, boxed(600, 600, 0, 100, 302, 500))  # grown by its mixed pixels
    shown, free = np.asarray(canvas.picture), np.asarray(canvas.mask)
    assert shown[free].min() >= 238
    assert shown[200, 310:].max() <= 22


def test_beyond_the_photos_border_a_canvas_shows_its_mirror_image():
    scene = room(3)
    canvas = canvas_of(scene.image, np.ones((360, 480), bool))
    assert (canvas.frame.left, canvas.frame.top) == (0, -60)
    shown = np.asarray(canvas.picture.resize((480, 480)), int)
    assert np.abs(shown[:60] - shown[60:120][::-1]).mean() < 2
    assert np.abs(shown[60:420] - np.asarray(scene.image)).mean() < 3


def test_a_rule_that_was_not_painted_or_for_another_part_is_refused():
    photo = Image.new("RGB", (2000, 600), (120, 120, 120))
    left, right = boxed(2000, 600, 0, 0, 300, 300), boxed(2000, 600, 1600, 0, 1900, 300)
    other = painted(canvas_of(photo, left))
    for rule in (Restyle("7"), Restyle("7", canvas=other)):
        with pytest.raises(InvalidRule) as refused:
            edit(photo, [Part("Wall", right, rule)])
        assert refused.value.field == "value"


def test_a_painting_of_another_size_or_mode_is_refused():
    canvas = canvas_of(Image.new("RGB", (300, 300)), np.ones((300, 300), bool))
    for image in (Image.new("RGB", (300, 300)), Image.new("RGBA", SMALL)):
        with pytest.raises(ValueError, match="need RGB"):
            canvas.painted(image)


def test_no_canvas_is_made_of_nothing_or_of_another_photos_mask():
    photo = Image.new("RGB", (30, 20))
    for mask in (np.zeros((20, 30), bool), np.ones((30, 20), bool)):
        with pytest.raises(ValueError, match=r"region|mask"):
            canvas_of(photo, mask)


def test_a_canvas_of_the_whole_region_holds_the_highlights_that_lie_on_it():
    photo = Image.new("RGB", (600, 600), (150, 60, 60))
    photo.paste((250, 235, 235), (200, 200, 260, 560))
    part = Part("Wall", boxed(600, 600, 100, 100, 400, 400) & ~boxed(600, 600, 200, 200, 260, 560))
    gloss = as_light("Gloss", boxed(600, 600, 200, 200, 260, 560))
    region = region_of(part, Restyle("7"), [part, gloss], np.asarray(photo))
    assert region.lit.any()
    rule = Restyle("7", canvas=painted(canvas_of(photo, region.mask), (40, 90, 60)))
    after = edit(photo, [dataclasses.replace(part, rule=rule), gloss]).astype(int)
    assert np.abs(median(after, deep_inside(part.mask)) - (40, 90, 60)).max() <= 6
    assert after[400, 230].min() > after[300, 150].max()  # its light stays


def test_a_region_smaller_than_its_canvas_by_a_later_protection_still_fits():
    scene = room(3)
    floor, wall = scene.mask("Floor"), scene.mask("Wall")
    rule = Restyle("7", canvas=painted(canvas_of(scene.image, floor | wall)))
    after = edit(scene.image, [Part("Surface", floor | wall, rule), solid("Wall", wall)])
    assert np.array_equal(after[wall], np.asarray(scene.image)[wall])
    assert (after[floor] != np.asarray(scene.image)[floor]).any(axis=1).mean() > 0.9
