import numpy as np
import pytest

from gpu.rules.rectangles import largest_rectangle


def brute(mask):
    """The area of the largest rectangle, by trying all of them."""
    height, width = mask.shape
    return max(
        (bottom - top) * (right - left)
        for top in range(height)
        for bottom in range(top + 1, height + 1)
        for left in range(width)
        for right in range(left + 1, width + 1)
        if mask[top:bottom, left:right].all()
    )


@pytest.mark.parametrize("seed", range(4))
def test_no_rectangle_inside_a_small_mask_is_larger(seed):
    mask = np.random.default_rng(seed).random((7, 9)) < 0.75
    left, top, right, bottom = largest_rectangle(mask)
    assert mask[top:bottom, left:right].all()
    assert (right - left) * (bottom - top) == brute(mask)


def test_in_a_large_mask_it_lies_inside_and_is_nearly_the_largest():
    mask = np.zeros((900, 1300), bool)
    mask[103:797, 211:1187] = True
    mask[300:500, 600:700] = False
    left, top, right, bottom = largest_rectangle(mask)
    assert mask[top:bottom, left:right].all()
    assert (right - left) * (bottom - top) > 0.9 * 487 * 694


def test_a_line_has_room_and_an_empty_mask_has_none():
    mask = np.zeros((600, 600), bool)
    assert largest_rectangle(mask) is None
    mask[np.arange(600), np.arange(600)] = True
    left, top, right, bottom = largest_rectangle(mask)
    assert mask[top:bottom, left:right].all()
