import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy import ndimage

from gpu.rules.colour import to_linear
from gpu.rules.edges import BAND, core_of, unmix
from gpu.rules.regions import Part
from tests.editing import NAVY, edit, rule

INSIDE, OUTSIDE = (200, 60, 50), (60, 120, 190)


def two_sides(first=INSIDE, second=OUTSIDE, *, blur=0.0):
    """Levels of two colours side by side, mixed in linear light, and the mask of the left one."""
    light = np.empty((60, 80, 3), np.float32)
    light[:, :40], light[:, 40:] = to_linear(np.array([first, second], np.uint8))
    light = ndimage.gaussian_filter(light, (0, blur, 0)) if blur else light
    mask = np.zeros((60, 80), bool)
    mask[:, :40] = True
    levels = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(levels * 255).astype(np.uint8), mask


def test_the_core_is_farther_than_the_band_from_everything_outside():
    mask = np.zeros((30, 30), bool)
    mask[:, :15] = True
    core = core_of(mask)
    assert np.flatnonzero(core[10]).max() == 14 - BAND
    assert core[0, 0]  # the photo's border is no edge


def test_shares_are_those_of_the_mixture():
    levels, mask = two_sides(blur=1.2)
    grown = mask.copy()
    grown[:, 40:43] = True
    edge = unmix(levels, grown, core_of(grown))
    line = edge.rows == 30
    share = dict(zip(edge.columns[line].tolist(), edge.share[line].tolist(), strict=True))
    truth = ndimage.gaussian_filter1d((np.arange(80) < 40).astype(float), 1.2)
    assert len(share) == BAND
    for column, estimated in share.items():
        assert estimated == pytest.approx(truth[column], abs=0.06)


def test_a_recoloured_edge_looks_as_if_the_new_colour_had_been_mixed():
    levels, mask = two_sides(blur=1.2)
    truth, _ = two_sides((31, 42, 68), OUTSIDE, blur=1.2)
    mask[:, 40:43] = True
    after = edit(Image.fromarray(levels), [Part("Wall", mask, rule("recolor", NAVY))])
    # three grown columns show nearly nothing of the old red
    assert np.abs(after.astype(int) - truth).max() <= 12


def test_a_thing_thinner_than_its_band_changes_whole():
    levels = np.full((40, 60, 3), 230, np.uint8)
    levels[:, 30:33] = (150, 148, 142)
    mask = np.zeros((40, 60), bool)
    mask[:, 30:33] = True
    after = edit(Image.fromarray(levels), [Part("Grout", mask, rule("recolor", NAVY))])
    assert np.abs(after[:, 30:33].astype(int) - (31, 42, 68)).max() <= 3


def test_where_both_sides_look_alike_the_new_colour_ends_within_a_pixel():
    photo = Image.fromarray(
        np.random.default_rng(0).normal(150, 2, (60, 80, 3)).clip(0, 255).astype(np.uint8)
    ).filter(ImageFilter.BoxBlur(1))
    _, mask = two_sides()
    after = edit(photo, [Part("Wall", mask, rule("recolor", NAVY))])
    assert np.abs(after[:, :39].mean(axis=(0, 1)) - (31, 42, 68)).max() < 4


def test_a_region_that_fills_the_photo_has_no_edge():
    levels, _ = two_sides()
    everything = np.ones((60, 80), bool)
    assert unmix(levels, everything, core_of(everything)).rows.size == 0
