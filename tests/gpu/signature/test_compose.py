import itertools

import numpy as np
import pytest
from PIL import Image

from gpu.signature.compose import BLACK, WHITE, compose, contrast
from gpu.signature.ink import prepare_ink
from gpu.signature.placement import Position, Size, placement

SIZES = [
    (512, 512),
    pytest.param((1024, 1024), marks=pytest.mark.long),
    pytest.param((512, 1024), marks=pytest.mark.long),
]
GROUNDS = ["light", "dark", "mid", "noisy"]
EVERYWHERE = list(itertools.product(Position, Size))


def pixels(image):
    return np.asarray(image).astype(float)


def changed_box(before, after):
    """Left, top, right, bottom of the pixels that differ."""
    differs = (pixels(before) != pixels(after)).any(axis=2)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


@pytest.mark.parametrize("kind", GROUNDS)
@pytest.mark.parametrize("position,width", EVERYWHERE)
@pytest.mark.parametrize("size", SIZES)
def test_the_changed_pixels_are_the_box_within_a_pixel(ground, ink, kind, size, position, width):
    image = ground(kind, size)
    stamped = compose(image, ink, position=position, size=width)
    assert stamped.box == placement(size, ink.size, position, width)
    changed = changed_box(image, stamped.image)
    assert np.abs(np.subtract(changed, stamped.box.edges())).max() <= 1
    outside = np.ones((size[1], size[0]), bool)
    left, top, right, bottom = stamped.box.edges()
    outside[top:bottom, left:right] = False
    assert np.array_equal(pixels(image)[outside], pixels(stamped.image)[outside])


@pytest.mark.parametrize("kind", GROUNDS)
@pytest.mark.parametrize("opacity", [0.3, 0.5, 0.7, 0.85, 1.0])
@pytest.mark.parametrize("size", SIZES)
def test_opaque_ink_is_blended_with_the_opacity_within_one_level(
    ground, block_ink, kind, opacity, size
):
    image = ground(kind, size)
    for position, width in itertools.product(Position, Size):
        stamped = compose(image, block_ink(), position=position, size=width, opacity=opacity)
        before = pixels(image.crop(stamped.box.edges()))
        after = pixels(stamped.image.crop(stamped.box.edges()))
        colour = np.array(stamped.colour, float)
        assert np.abs(after - (before + opacity * (colour - before))).max() <= 0.5
        # The opacity itself, read back where the colours are far enough apart to read it.
        apart = np.abs(colour - before) >= 128
        measured = (after - before)[apart] / (colour - before)[apart]
        assert np.abs(measured - opacity).max(initial=0) <= 1 / 255


@pytest.mark.parametrize("level", range(0, 256, 15))
@pytest.mark.parametrize("tint", [(20, 30, 120), (0, 0, 0), (255, 255, 255), (230, 60, 40)])
def test_ink_has_a_contrast_of_three_to_one_on_any_flat_background(block_ink, level, tint):
    image = Image.new("RGB", (512, 512), (level, level, level))
    stamped = compose(image, block_ink(colour=tint))
    ground_colour = np.array([level] * 3, float)
    assert contrast(np.array(stamped.colour, float), ground_colour) >= 3
    if stamped.halo is None:
        seen = pixels(stamped.image)[stamped.box.top, stamped.box.left]
        assert contrast(seen, ground_colour) >= 2.9  # one level of rounding below three


def test_a_tint_with_enough_contrast_is_not_changed(ground, block_ink):
    stamped = compose(ground("light", (512, 512)), block_ink(colour=(120, 20, 60)), opacity=1.0)
    assert stamped.colour == (120, 20, 60)
    assert stamped.halo is None


def test_dark_ink_becomes_light_on_a_dark_background(ground, block_ink):
    stamped = compose(ground("dark", (512, 512)), block_ink(colour=(20, 10, 30)))
    assert min(stamped.colour) > 100


def test_an_adapted_tint_has_the_same_hue(ground, block_ink):
    stamped = compose(ground("dark", (512, 512)), block_ink(colour=(110, 20, 20)))
    assert stamped.colour[0] > stamped.colour[1]
    assert stamped.colour not in {BLACK, WHITE}


def test_a_noisy_background_gets_a_halo_of_the_opposite_colour_inside_the_box(ground, ink):
    image = ground("noisy", (512, 512))
    stamped = compose(image, ink)
    assert {stamped.colour, stamped.halo} == {BLACK, WHITE}
    plain = compose(Image.new("RGB", (512, 512), "white"), ink)
    assert plain.halo is None
    touched = (pixels(image) != pixels(stamped.image)).any(axis=2).sum()
    strokes = (pixels(plain.image) != 255).any(axis=2).sum()
    assert touched > strokes


def test_a_background_half_light_half_dark_has_contrast_on_both_halves(ink):
    image = Image.new("RGB", (512, 512), "white")
    image.paste((0, 0, 0), (438, 0, 512, 512))
    stamped = compose(image, ink)
    assert stamped.halo is not None
    for half in ((374, 438), (438, 502)):
        before = pixels(image.crop((half[0], stamped.box.top, half[1], stamped.box.bottom)))
        after = pixels(stamped.image.crop((half[0], stamped.box.top, half[1], stamped.box.bottom)))
        assert contrast(after, before).max() >= 3


def test_thin_strokes_are_opaque(autograph):
    white = Image.new("RGB", (512, 512), "white")
    ink = prepare_ink(autograph(size=(1800, 600)))
    stamped = compose(white, ink, size=Size.SMALL, opacity=1.0)
    assert np.abs(pixels(stamped.image) - np.array(stamped.colour)).sum(axis=2).min() == 0


def test_the_original_image_does_not_change(ground, block_ink):
    image = ground("noisy", (512, 512))
    before = image.tobytes()
    compose(image, block_ink())
    assert image.tobytes() == before


@pytest.mark.parametrize("opacity", [0.0, 0.29, 1.01, float("nan")])
def test_an_opacity_out_of_range_is_refused(ground, block_ink, opacity):
    with pytest.raises(ValueError, match="opacity"):
        compose(ground("light", (512, 512)), block_ink(), opacity=opacity)


@pytest.mark.parametrize("image_mode,ink_mode", [("RGBA", "RGBA"), ("L", "RGBA"), ("RGB", "RGB")])
def test_only_rgb_images_and_rgba_ink_are_composed(image_mode, ink_mode):
    with pytest.raises(ValueError, match="RGB image"):
        compose(Image.new(image_mode, (512, 512)), Image.new(ink_mode, (30, 10)))
