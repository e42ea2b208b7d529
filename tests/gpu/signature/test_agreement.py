"""Two pictures agree if one map of colours and one transform explain their worst tile."""

import math

import numpy as np
import pytest
from scipy import ndimage

from gpu.signature.agreement import (
    AGREEMENT_AT_LIMIT,
    MAX_MOVED,
    MAX_RESIDUAL,
    MAX_SHIFT,
    MIN_FINE_LIKENESS,
    Agreement,
    fine_likeness,
    worst_residual,
    worst_shift,
)

SHAPE = (256, 256)
EVERYWHERE = np.ones(SHAPE, bool)
NOWHERE = np.zeros(SHAPE, bool)


@pytest.fixture(scope="module")
def detail():
    smooth = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=SHAPE), 2)
    return (smooth / smooth.std()).astype(np.float32)


@pytest.fixture(scope="module")
def colours():
    smooth = ndimage.gaussian_filter(np.random.default_rng(2).normal(size=(*SHAPE, 3)), (9, 9, 0))
    return np.clip(128 + 35 * smooth / smooth.std(), 5, 250).astype(np.float32)


def test_the_shift_of_the_worst_tile_is_measured_in_samples(detail):
    moved = detail.copy()
    moved[96:144, 96:144] = ndimage.shift(detail, (0, 0.5), mode="nearest")[96:144, 96:144]
    assert worst_shift(detail, detail, EVERYWHERE) == 0
    assert worst_shift(detail, moved, EVERYWHERE) == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize(
    "change",
    [
        lambda levels: levels * 0.7 + 38,
        lambda levels: 255 * (levels / 255) ** 0.8,
        lambda levels: np.repeat(levels.mean(-1, keepdims=True), 3, -1),
        lambda levels: levels[..., ::-1],
    ],
    ids=["contrast", "gamma", "grey", "channels exchanged"],
)
def test_one_change_of_all_colours_leaves_no_residual(colours, change):
    assert worst_residual(colours, change(colours), EVERYWHERE) < 2


def test_a_tint_of_one_place_leaves_a_residual(colours):
    tinted = colours.copy()
    tinted[80:150, 80:150, 0] += 20
    assert worst_residual(colours, tinted, EVERYWHERE) > 8


def test_fine_detail_that_is_other_in_a_fifth_of_the_tiles_is_not_like(detail):
    other = detail.copy()
    other[:52] = detail[::-1][:52]
    assert fine_likeness(detail, detail, EVERYWHERE) == pytest.approx(1, abs=0.01)
    assert fine_likeness(detail, other, EVERYWHERE) < 0.5


def test_what_does_not_overlap_does_not_agree(detail, colours):
    assert worst_shift(detail, detail, NOWHERE) == math.inf
    assert worst_residual(colours, colours, NOWHERE) == math.inf
    assert fine_likeness(detail, detail, NOWHERE) == 0
    assert Agreement(math.inf, math.inf, 0, 0).value == 0


@pytest.mark.parametrize(
    "agreement",
    [
        Agreement(MAX_SHIFT, 0, 0, 1),
        Agreement(0, MAX_RESIDUAL, 0, 1),
        Agreement(0, 0, MAX_MOVED, 1),
        Agreement(MAX_SHIFT / 2, MAX_RESIDUAL / 4, MAX_MOVED / 4, 1),
        Agreement(0, 0, 0, MIN_FINE_LIKENESS),
    ],
)
def test_shares_of_the_limits_add_up(agreement):
    assert agreement.value == pytest.approx(AGREEMENT_AT_LIMIT)
