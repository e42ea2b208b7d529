import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from imaging.framing import (
    aspect_buckets,
    fit_to_bucket,
    is_too_long,
    nearest_bucket,
    windows,
)
from tests import images as made

BUCKETS = aspect_buckets(512, 64)


def circle_picture(width, height):
    """A circle whose diameter is half of the shorter side, in the middle."""
    y, x = np.mgrid[:height, :width]
    radius = min(width, height) / 4
    inside = (x - width / 2) ** 2 + (y - height / 2) ** 2 < radius**2
    return Image.fromarray(np.where(inside[..., None], 255, 0).astype(np.uint8).repeat(3, axis=2))


def test_buckets_have_about_the_same_area_and_fit_the_network():
    assert (512, 512) in BUCKETS
    for width, height in BUCKETS:
        assert width % 64 == height % 64 == 0
        assert 0.9 < width * height / 512**2 < 1.2


@settings(deadline=None)
@given(st.integers(64, 3000), st.integers(64, 3000))
def test_a_picture_fits_its_bucket_with_its_aspect_ratio(width, height):
    picture = Image.new("RGB", (width, height))
    bucket = nearest_bucket(picture, BUCKETS)
    scale = max(bucket[0] / width, bucket[1] / height)
    assert round(width * scale) >= bucket[0]
    assert round(height * scale) >= bucket[1]


@pytest.mark.parametrize("size", [(600, 600), (900, 600), (500, 900), (1500, 400)])
def test_a_circle_stays_a_circle_in_every_bucket(size):
    fitted = fit_to_bucket(circle_picture(*size), nearest_bucket(Image.new("L", size), BUCKETS))
    bright = np.asarray(fitted.convert("L")) > 127
    wide = bright.any(axis=0).sum()
    high = bright.any(axis=1).sum()
    assert wide > 50
    assert abs(int(wide) - int(high)) <= 2


def test_the_crop_contains_the_side_with_edges():
    levels = np.full((100, 400, 3), 128, dtype=np.uint8)
    levels[:, 300:] = np.random.default_rng(0).integers(0, 256, (100, 100, 3))
    fitted = np.asarray(fit_to_bucket(Image.fromarray(levels), (100, 100)), dtype=float)
    assert fitted[:, 20:].std() > 30


def framed(picture):
    return windows(picture, nearest_bucket(picture, BUCKETS))


def ramp(width, height):
    """Dark on the left and light on the right, with stripes that are visible everywhere."""
    across = np.linspace(0, 255, width)
    levels = np.tile(across, (height, 1))
    levels[::8] = 128
    grey = levels.astype(np.uint8)[..., None].repeat(3, axis=2)
    return Image.fromarray(grey)


@pytest.mark.parametrize("ratio,count", [(1, 1), (2, 1), (3.5, 1), (5, 3), (8, 5), (16, 9)])
def test_a_work_of_which_a_crop_shows_less_than_half_gives_several_windows(ratio, count):
    for size in ((int(200 * ratio), 200), (200, int(200 * ratio))):
        picture = ramp(*size) if size[0] > size[1] else ramp(*size[::-1]).transpose(Image.ROTATE_90)
        crops = framed(picture)
        assert len(crops) == count
        assert {window.size for window in crops} == {nearest_bucket(picture, BUCKETS)}


@pytest.mark.parametrize("ratio", [4.5, 6, 9, 16])
def test_windows_show_all_of_a_long_work_from_end_to_end(ratio):
    crops = framed(ramp(int(200 * ratio), 200))
    spans = [(np.asarray(each).min(), np.asarray(each).max()) for each in crops]
    assert spans[0][0] <= 2
    assert spans[-1][1] >= 253
    for (_, ends), (begins, _) in itertools.pairwise(spans):
        assert begins <= ends + 6


def test_blank_windows_are_left_out():
    picture = Image.new("RGB", (2000, 200), "white")
    picture.paste(made.scene(400, 200), (0, 0))
    crops = framed(picture)
    assert 1 <= len(crops) <= 2
    assert np.asarray(crops[0]).std() > 10


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_a_work_is_too_long_beyond_sixteen_to_one(width, height):
    assert is_too_long(width, height) == (max(width, height) / min(width, height) > 16)
