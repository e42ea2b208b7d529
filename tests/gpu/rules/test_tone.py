import numpy as np
import pytest
from PIL import Image

from gpu.rules.colour import measure, to_linear, to_oklab
from gpu.rules.errors import InvalidRule
from gpu.rules.regions import Part
from tests.editing import REFERENCE, deep_inside, edit, room, rule


def lab_of(levels, mask):
    lab = to_oklab(to_linear(levels[mask]))
    return lab.mean(axis=0), lab.std(axis=0)


def chroma(levels, mask):
    return np.hypot(*to_oklab(to_linear(levels[mask]))[:, 1:].T).mean()


@pytest.fixture(scope="module")
def floor():
    return room(2).mask("Floor")


@pytest.fixture(scope="module")
def middle(floor):
    return deep_inside(floor)


def toned(value, floor, **options):
    return edit(room(2).image, [Part("Floor", floor, rule("tone", value, **options))])


@pytest.mark.parametrize(
    "value,axis,sign",
    [("warmer", 2, 1), ("cooler", 2, -1), ("brighter", 0, 1), ("darker", 0, -1)],
)
def test_a_tone_moves_the_way_its_name_says(floor, middle, value, axis, sign):
    before, _ = lab_of(np.asarray(room(2).image), middle)
    after, _ = lab_of(toned(value, floor), middle)
    assert sign * (after - before)[axis] > 0.005


@pytest.mark.parametrize("value,factor", [("contrast+", 1.2), ("contrast-", 0.8)])
def test_contrast_changes_the_spread_of_lightness_and_not_its_mean(floor, middle, value, factor):
    mean, spread = lab_of(np.asarray(room(2).image), middle)
    after_mean, after_spread = lab_of(toned(value, floor), middle)
    assert after_spread[0] / spread[0] == pytest.approx(factor, abs=0.04)
    assert after_mean[0] == pytest.approx(mean[0], abs=0.01)


@pytest.mark.parametrize("value,factor", [("saturation+", 1.25), ("saturation-", 0.75)])
def test_saturation_changes_chroma(floor, middle, value, factor):
    before = chroma(np.asarray(room(2).image), middle)
    assert chroma(toned(value, floor), floor) / before == pytest.approx(factor, abs=0.04)


@pytest.mark.parametrize("value", ["warmer", "brighter", "contrast+", "saturation-", "match:0"])
def test_an_amount_of_zero_changes_nothing(floor, value):
    difference = toned(value, floor, amount=0).astype(int) - np.asarray(room(2).image)
    assert np.abs(difference).max() <= 1


def test_twice_the_amount_goes_farther(floor):
    once, _ = lab_of(toned("warmer", floor, amount=1), floor)
    twice, _ = lab_of(toned("warmer", floor, amount=2), floor)
    assert twice[2] > once[2]


def test_a_match_takes_the_mean_of_its_reference(floor):
    wanted = measure(np.asarray(REFERENCE), np.ones((40, 40), bool)).lab_mean
    after, _ = lab_of(toned("match:0", floor), floor)
    assert after == pytest.approx(wanted, abs=0.015)


def test_a_match_stretches_a_flat_region_by_a_limited_factor():
    flat = np.full((40, 40, 3), (120, 120, 120), np.uint8)
    flat[::2] += np.uint8(4)
    mask = np.ones((40, 40), bool)
    _, before = lab_of(flat, mask)
    _, after = lab_of(edit(Image.fromarray(flat), [Part("W", mask, rule("tone", "match:0"))]), mask)
    assert after[0] / before[0] == pytest.approx(1.6, abs=0.2)


def test_a_reference_that_was_not_given_is_an_error(floor):
    with pytest.raises(InvalidRule) as refused:
        toned("match:7", floor)
    assert refused.value.field == "value"
