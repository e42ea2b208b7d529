import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter
from torch.nn import functional

from gpu.errors import LowQualityData
from gpu.evaluation.gain import measure_gain
from gpu.evaluation.meter import COLOUR_FEATURES, style_features


def picture(seed, *, sepia=0.0, lines=0.0, size=(96, 96)):
    """Shapes, tinted by a share `sepia` and hatched by a share `lines`."""
    random = np.random.default_rng(seed)
    drawn = Image.new("RGB", (96, 96), tuple(random.integers(120, 200, 3).tolist()))
    draw = ImageDraw.Draw(drawn)
    for _ in range(6):
        x, y, radius = random.uniform(0, 96), random.uniform(0, 96), random.uniform(8, 25)
        fill = tuple(random.integers(40, 220, 3).tolist())
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill)
    levels = np.asarray(drawn, float)
    grey = levels.mean(axis=2, keepdims=True)
    levels = (1 - sepia) * levels + sepia * grey * np.array([1.15, 0.85, 0.5])
    hatch = (np.add.outer(np.arange(96), np.arange(96)) // 3 % 2)[..., None]
    levels *= 1 - lines * hatch
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8)).resize(size)


class ExactCodec:
    """Loses nothing: 8 by 8 pixels as 192 channels."""

    dtype = torch.float32
    config = SimpleNamespace(block_out_channels=(1, 1, 1, 1), scaling_factor=1.0)

    def encode(self, pixels):
        return SimpleNamespace(latents=functional.pixel_unshuffle(pixels, 8))

    def decode(self, latents):
        return SimpleNamespace(sample=functional.pixel_shuffle(latents, 8))


@pytest.fixture(scope="module")
def exact_base(tiny_base):
    spec = dataclasses.replace(tiny_base.spec, native_side=96)
    return dataclasses.replace(tiny_base, spec=spec, vae=ExactCodec())


WORKS = [picture(seed, sepia=1, lines=0.6) for seed in range(8)]
PLAIN = [picture(seed) for seed in range(50, 53)]


def gain_of(base, trained, works=WORKS):
    return measure_gain(base, works=works, plain=PLAIN, trained=trained)


def test_the_gain_of_the_base_is_0_and_of_other_works_1(exact_base):
    none = gain_of(exact_base, PLAIN)
    assert (none.palette, none.texture) == (pytest.approx(0), pytest.approx(0))
    full = gain_of(exact_base, [picture(seed, sepia=1, lines=0.6) for seed in range(50, 53)])
    assert full.palette == pytest.approx(1, abs=0.25)
    assert full.texture == pytest.approx(1, abs=0.25)
    assert full.edges == pytest.approx(1, abs=0.3)  # three pictures against eight


def test_a_half_learned_style_has_about_half_of_the_gain(exact_base):
    half = gain_of(exact_base, [picture(seed, sepia=0.5, lines=0.3) for seed in range(50, 53)])
    assert 0.25 < half.palette < 0.8
    assert 0.25 < half.texture < 0.8


def test_a_blur_of_the_works_has_the_palette_and_no_edges(exact_base):
    works = [picture(seed, sepia=1) for seed in range(8)]
    blurred = [work.filter(ImageFilter.GaussianBlur(3)) for work in works[:3]]
    gain = gain_of(exact_base, blurred, works)
    assert gain.palette > 0.5
    assert gain.edges < 0.1


def test_pictures_farther_from_the_style_have_a_negative_gain(exact_base):
    negative = [Image.eval(one, lambda level: 255 - level // 4) for one in PLAIN]
    assert gain_of(exact_base, negative).palette < 0


def test_the_gain_of_a_style_equal_to_the_base_is_1_unless_training_moves_away(exact_base):
    works = [picture(seed) for seed in range(8)]
    assert gain_of(exact_base, PLAIN, works).palette == pytest.approx(1, abs=0.3)
    dark = gain_of(exact_base, [Image.eval(one, lambda level: level // 3) for one in PLAIN], works)
    assert dark.palette < 0.3


def test_pictures_may_have_any_size(exact_base):
    sizes = [(301, 200), (64, 200), (97, 31)]
    works = [picture(seed, sepia=1, lines=0.6, size=size) for seed, size in enumerate(sizes * 2)]
    gain = measure_gain(
        exact_base, works=works, plain=[PLAIN[0].resize((50, 90))], trained=WORKS[:1]
    )
    assert gain.palette > 0.5


def test_one_work_is_refused(exact_base):
    with pytest.raises(LowQualityData, match="at least 2 works"):
        gain_of(exact_base, PLAIN, WORKS[:1])


def test_the_first_features_are_colour_features():
    # the same pixels in another order have the same colours
    pixels = np.random.default_rng(0).permutation(np.asarray(WORKS[0].resize((512, 512))), axis=0)
    one, other = style_features([WORKS[0].resize((512, 512)), Image.fromarray(pixels)])
    changed = (one - other).abs() > 1e-3
    assert not changed[:COLOUR_FEATURES].any()
    assert changed[COLOUR_FEATURES:].float().mean() > 0.9
