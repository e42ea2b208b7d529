import numpy as np
import pytest

from gpu.segmenting.corrections import Corrections

WALL, FRAME, PANE = (90, 0, 0), (97, 0, 0), (70, -3, -8)
CENTRE, FRAME_CORNER = (60, 80), (27, 37)


def rectangle(top, left, bottom, right):
    mask = np.zeros((120, 160), np.bool_)
    mask[top:bottom, left:right] = True
    return mask


PANE_MASK, FRAMED_PANE = rectangle(30, 40, 90, 120), rectangle(24, 34, 96, 126)


@pytest.fixture
def window():
    """Edges of a pane in a white frame on a wall that is nearly as white, with a sensor's noise."""
    lab = np.full((120, 160, 3), WALL, np.float32)
    lab[FRAMED_PANE], lab[PANE_MASK] = FRAME, PANE
    noise = np.random.default_rng(1).normal(0, 0.3, lab.shape)
    return Corrections(lab + noise.astype(np.float32))


def test_one_excluding_click_takes_a_whole_frame_out_of_a_mask(window):
    mask = window.correct(FRAMED_PANE, FRAMED_PANE, FRAME_CORNER, [CENTRE], is_included=False)
    assert (mask & FRAMED_PANE & ~PANE_MASK).mean() < 0.1 * (FRAMED_PANE & ~PANE_MASK).mean()
    assert (mask & PANE_MASK).sum() > 0.95 * PANE_MASK.sum()


def test_one_including_click_takes_what_is_missing_up_to_its_edge(window):
    half = rectangle(30, 40, 90, 80)
    mask = window.correct(half, half, (60, 100), [], is_included=True)
    assert (mask != PANE_MASK).sum() < 0.05 * PANE_MASK.sum()


def test_a_suggested_change_thicker_than_at_the_click_is_not_made(window):
    everything = np.ones((120, 160), np.bool_)
    mask = window.correct(PANE_MASK, everything, FRAME_CORNER, [], is_included=True)
    assert not mask[5:15].any()


def test_a_suggested_change_that_is_not_too_thick_is_made(window):
    suggested = PANE_MASK & ~rectangle(50, 60, 70, 100)
    mask = window.correct(PANE_MASK, suggested, CENTRE, [(85, 45)], is_included=False)
    assert not mask[55:65, 70:90].any()
    assert mask[85, 45]


def test_a_region_does_not_grow_over_a_click_of_the_other_kind():
    even = Corrections(np.full((120, 160, 3), WALL, np.float32))
    mask = rectangle(0, 0, 120, 160)
    corrected = even.correct(mask, mask, (60, 20), [(60, 140)], is_included=False)
    assert not corrected[60, 20]
    assert corrected[60, 100:].all()


@pytest.mark.parametrize("is_included", [True, False])
def test_a_click_on_what_is_right_already_changes_nothing(window, is_included):
    pixel = CENTRE if is_included else (5, 5)
    mask = window.correct(PANE_MASK, ~PANE_MASK, pixel, [], is_included=is_included)
    assert np.array_equal(mask, PANE_MASK)


@pytest.mark.parametrize("is_included", [True, False])
def test_a_click_only_changes_what_it_says(window, is_included):
    pixel = FRAME_CORNER if is_included else CENTRE
    mask = window.correct(PANE_MASK, FRAMED_PANE, pixel, [], is_included=is_included)
    assert mask[pixel] == is_included
    changed = mask != PANE_MASK
    assert (mask[changed] == is_included).all()
