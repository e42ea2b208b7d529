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


def test_what_looks_unlike_the_excluded_region_stays_whatever_is_suggested():
    lab = np.full((120, 160, 3), WALL, np.float32)
    lab[rectangle(40, 60, 80, 100)] = PANE
    everything = np.ones((120, 160), np.bool_)
    corrections = Corrections(lab)
    mask = corrections.correct(everything, ~everything, (20, 80), [(60, 80)], is_included=False)
    assert mask[45:75, 65:95].all()
    assert not mask[:30].any()


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


def room(*, moulding, in_shade=None):
    """A lit wall beside one in shade; along the top of both a strip, lighter by `moulding`."""
    lab = np.full((120, 160, 3), WALL, np.float32)
    lab[LIT_STRIP, 0] += moulding
    lab[SHADED_STRIP, 0] += moulding if in_shade is None else in_shade
    lab[:, 80:, 0] -= 12
    noise = np.random.default_rng(2).normal(0, 0.2, lab.shape)
    return Corrections(lab + noise.astype(np.float32))


LIT_STRIP, SHADED_STRIP = rectangle(0, 0, 8, 80), rectangle(0, 80, 8, 160)
WALLS = rectangle(8, 0, 120, 160)


def excluded_from_everything(corrections, pixel):
    everything = np.ones((120, 160), np.bool_)
    return ~corrections.correct(everything, everything, pixel, [(70, 40)], is_included=False)


def test_what_differs_from_its_wall_as_the_excluded_piece_does_is_excluded_in_another_light():
    removed = excluded_from_everything(room(moulding=6), (4, 30))
    assert removed[LIT_STRIP].mean() > 0.9
    assert removed[SHADED_STRIP].mean() > 0.9
    assert removed[WALLS].mean() < 0.01


def test_a_piece_that_differs_in_another_way_stays():
    removed = excluded_from_everything(room(moulding=6, in_shade=-6), (4, 30))
    assert removed[LIT_STRIP].mean() > 0.9
    assert removed[SHADED_STRIP].mean() < 0.1


def test_a_soft_shadow_is_no_piece_like_an_excluded_one():
    lab = np.full((120, 160, 3), WALL, np.float32)
    lab[:8, :80, 0] -= 6
    lab[:14, 90:, 0] -= np.linspace(6, 0, 14)[:, None]
    removed = excluded_from_everything(Corrections(lab), (4, 30))
    assert removed[LIT_STRIP].mean() > 0.9
    assert removed[:, 90:].mean() < 0.01
