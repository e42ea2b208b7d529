import numpy as np
import pytest
from PIL import Image

from gpu.evaluation.meter import (
    StyleGap,
    StyleMeter,
    measure_style_gap,
    style_features,
    through_codec,
)


def scene(seed, tint=(1.0, 1.0, 1.0), stripes=0.0):
    """Soft blobs, tinted and striped: content changes with the seed, style with the rest."""
    generator = np.random.default_rng(seed)
    coarse = Image.fromarray(generator.integers(60, 196, (5, 5, 3), dtype=np.uint8))
    levels = np.asarray(coarse.resize((64, 64), Image.Resampling.BICUBIC), dtype=float)
    lines = 1.0 - stripes * (np.arange(64) // 2 % 2)[:, None, None]
    return Image.fromarray(np.clip(levels * np.array(tint) * lines, 0, 255).astype(np.uint8))


PLAIN = [scene(seed) for seed in range(8)]
SEPIA = {"tint": (1.2, 0.9, 0.5)}
HATCHED = {"stripes": 0.6}


@pytest.mark.parametrize("style", [SEPIA, HATCHED])
def test_works_of_a_style_are_nearer_to_it_than_plain_pictures(style):
    works = style_features([scene(seed, **style) for seed in range(20, 28)])
    others = style_features([scene(seed, **style) for seed in range(30, 38)])
    plain = style_features(PLAIN)
    meter = StyleMeter.of(works, plain)
    assert meter.distance(others) < 0.4 * meter.distance(plain)
    assert meter.distance(works) == pytest.approx(0.0, abs=1e-5)


def test_features_are_the_same_every_time():
    assert style_features(PLAIN[:1]).equal(style_features(PLAIN[:1]))


def test_the_gap_is_closed_by_real_works_and_not_by_plain_pictures(tiny_base):
    works = [scene(seed, **SEPIA) for seed in range(20, 24)]
    others = [scene(seed, **SEPIA) for seed in range(30, 34)]
    settings = {"works": works, "other_works": others, "plain": PLAIN}
    full = measure_style_gap(tiny_base, trained=others, **settings)
    none = measure_style_gap(tiny_base, trained=PLAIN, **settings)
    assert full.closed == pytest.approx(1.0)
    assert none.closed == pytest.approx(0.0)


def test_half_of_the_distance_is_half_of_the_gap():
    assert StyleGap(base=3.0, trained=2.0, codec_floor=1.0).closed == 0.5


def test_the_codec_does_not_change_the_size_of_pictures(tiny_base):
    (picture,) = through_codec(tiny_base, PLAIN[:1])
    assert picture.size == (64, 64)
