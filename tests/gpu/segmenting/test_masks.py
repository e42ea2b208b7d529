import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gpu.segmenting.interface import Instance
from gpu.segmenting.masks import (
    EncodedMask,
    InvalidMask,
    bounding_box,
    encode_mask,
    grown,
    intersection_over_union,
)
from tests import images as made


def masks(seed, height=30, width=41):
    return np.random.default_rng(seed).random((height, width)) < 0.4


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 9999), height=st.integers(1, 40), width=st.integers(1, 40))
def test_a_mask_comes_back_from_its_bytes(seed, height, width):
    mask = masks(seed, height, width)
    assert np.array_equal(encode_mask(mask).decode(), mask)


def test_a_mask_of_twelve_megapixels_takes_a_few_kilobytes():
    mask = np.zeros((3000, 4000), bool)
    mask[500:2500, 300:3000] = True
    assert len(encode_mask(mask).png) < 20_000


@pytest.mark.parametrize(
    "data,width,height",
    [
        (b"", 41, 30),
        (b"not a picture", 41, 30),
        (encode_mask(masks(0)).png[:60], 41, 30),
        (encode_mask(masks(0)).png, 30, 41),
        (made.png(41, 30), 41, 30),
        (made.jpeg(41, 30), 41, 30),
        (made.png_claiming(60_000, 60_000), 60_000, 60_000),
    ],
)
def test_bytes_that_are_no_mask_of_this_photo_are_refused(data, width, height):
    with pytest.raises(InvalidMask):
        EncodedMask(data, width, height).decode()


def test_a_box_is_left_top_width_and_height():
    mask = np.zeros((20, 30), bool)
    mask[5:8, 10:14] = True
    assert bounding_box(mask) == (10, 5, 4, 3)
    assert bounding_box(np.zeros((3, 3), bool)) == (0, 0, 0, 0)


def test_agreement_is_the_share_of_what_either_covers():
    first, second = np.zeros((10, 10), bool), np.zeros((10, 10), bool)
    first[:6], second[4:] = True, True
    assert intersection_over_union(first, second) == pytest.approx(0.2)
    assert intersection_over_union(first, first) == 1
    assert intersection_over_union(first & second & False, first & False) == 1


def test_a_grown_mask_reaches_two_pixels_farther_and_not_around_the_photo():
    mask = np.zeros((9, 9), bool)
    mask[4, 0] = True
    pixels = np.argwhere(grown(mask))
    assert pixels.min(axis=0).tolist() == [2, 0]
    assert pixels.max(axis=0).tolist() == [6, 2]


def test_an_instance_knows_its_box_its_area_and_its_mask():
    mask = masks(3)
    instance = Instance.of("Window", 2, mask, 0.7)
    assert instance.area == mask.sum()
    assert instance.box == bounding_box(mask)
    assert np.array_equal(instance.mask.decode(), mask)


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
def test_a_confidence_outside_its_range_is_refused(confidence):
    with pytest.raises(ValueError, match="confidence"):
        Instance.of("Window", 1, masks(0), confidence)
