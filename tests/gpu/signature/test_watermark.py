"""Watermarks are embedded in drawn pictures and detected after attacks."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageOps
from scipy import ndimage

from gpu.signature.compose import compose
from gpu.signature.place import whole_place
from gpu.signature.watermark import (
    MIN_CANDIDATE_SCORE,
    MIN_SCORE,
    MIN_SIDE,
    Mark,
    PictureTooSmall,
    candidates,
    detect,
    embed,
)
from tests.attacks import GOALS, crop, in_turn, jpeg, page, rotate, scale
from tests.images import scene

KEY = b"the key of these tests"
OLD_KEY = b"a key of former years"
NUMBER = 0x9E37_79B9_7F4A_7C15
NOWHERE = whole_place((512, 512), (512, 512))

gravel = st.builds(
    lambda seed, deviation: Image.fromarray(
        np.clip(np.random.default_rng(seed).normal(128, deviation, (200, 200, 3)), 0, 255).astype(
            np.uint8
        )
    ),
    st.integers(0, 2**32 - 1),
    st.floats(0, 60),
)
scenes = st.builds(scene, st.integers(256, 520), st.integers(256, 520), seed=st.integers(0, 10**6))


def textured(seed=1, size=(512, 512)):
    """A scene with the grain that drawings and photographs have."""
    levels = np.asarray(scene(*size, seed=seed), np.float64)
    grained = levels + np.random.default_rng(seed).normal(0, 6, levels.shape)
    return Image.fromarray(np.clip(grained, 0, 255).astype(np.uint8))


def psnr(first, second):
    difference = np.asarray(first, float) - np.asarray(second, float)
    return 10 * math.log10(255**2 / np.mean(difference**2))


def random():
    return np.random.default_rng(11)


def fine_gravel():
    """Grains of some pixels with the strongest contrast, as in pebble dash."""
    smooth = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(512, 512)), 2)
    levels = np.clip(128 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)
    return Image.fromarray(levels).convert("RGB")


@pytest.fixture(scope="module")
def marked_gravel():
    return embed(fine_gravel(), NUMBER, KEY)


@pytest.fixture(scope="module")
def original():
    return textured()


@pytest.fixture(scope="module")
def marked(original):
    return embed(original, NUMBER, KEY)


@pytest.mark.parametrize("name", GOALS)
def test_the_number_is_detected_after_attacks(marked, name):
    attack, _ = GOALS[name]
    mark = detect(attack(marked, random()), {1: KEY})
    assert (mark.number, mark.key_number) == (NUMBER, 1)


@pytest.mark.parametrize("name", ["scale 50 %", "screenshot", "crop 25 %, JPEG q50"])
def test_the_number_is_detected_in_gravel_whose_grain_is_as_fine_as_the_mark(marked_gravel, name):
    attack, _ = GOALS[name]
    assert detect(attack(marked_gravel, random()), {1: KEY}).number == NUMBER


def test_a_mark_in_gravel_keeps_the_psnr(marked_gravel):
    assert 40 <= psnr(fine_gravel(), marked_gravel) < 41


@pytest.mark.parametrize(
    "attack",
    [
        lambda picture, _: ImageOps.mirror(picture),
        in_turn(lambda picture, _: picture.transpose(Image.Transpose.ROTATE_90), crop(0.75)),
        in_turn(lambda picture, _: picture.transpose(Image.Transpose.ROTATE_270), crop(0.75)),
        in_turn(lambda picture, _: picture.transpose(Image.Transpose.TRANSPOSE), crop(0.75)),
        page,
        scale(1.1, 1.0),
        in_turn(crop(0.75), scale(0.73), jpeg(75)),
        in_turn(rotate(-2), crop(0.6)),
    ],
    ids=[
        "mirrored",
        "left",
        "right",
        "transposed",
        "page",
        "stretched",
        "cropped+scaled",
        "-2°, cropped",
    ],
)
def test_the_number_is_detected_in_rotated_and_framed_pictures(marked, attack):
    assert detect(attack(marked, random()), {1: KEY}).number == NUMBER


@given(scenes, st.integers(0, 2**64 - 1))
@settings(max_examples=6, deadline=None)
def test_any_number_is_detected_at_any_size_with_a_psnr_above_40_db(picture, number):
    marked = embed(picture, number, KEY)
    assert marked.size == picture.size
    assert psnr(picture, marked) >= 40
    mark = detect(jpeg(75)(marked, random()), {1: KEY}, deep=False)
    assert mark.number == number


@given(scenes | gravel, st.binary(min_size=16, max_size=32))
@settings(max_examples=8, deadline=None)
def test_an_unmarked_picture_has_no_mark(picture, key):
    assert detect(picture, {1: key}, deep=False) is None


def test_a_full_search_of_an_unmarked_picture_detects_nothing():
    assert detect(textured(seed=2, size=(160, 160)), {1: KEY}) is None


def test_a_mark_of_another_key_is_not_detected(marked):
    assert detect(marked, {1: OLD_KEY}, deep=False) is None


def test_the_search_for_candidates_ends_with_a_certain_one(marked):
    *others, last = candidates(crop(0.75)(marked, random()), {1: KEY})
    assert last.is_certain
    assert last.number == NUMBER
    assert not any(other.is_certain for other in others)


def test_candidates_of_a_picture_without_a_mark_are_not_certain(original):
    scores = [mark.score for mark in candidates(original, {1: KEY}, deep=False)]
    assert all(MIN_CANDIDATE_SCORE <= score < MIN_SCORE for score in scores)


def test_a_screenshot_with_a_plain_border_is_detected_without_the_deep_search(marked):
    framed = ImageOps.expand(scale(0.83)(marked, random()), (9, 30, 40, 14), (238, 238, 240))
    assert detect(jpeg(70)(framed, random()), {1: KEY}, deep=False).number == NUMBER


def test_marks_of_old_keys_are_detected_with_the_number_of_the_key(original):
    old = embed(original, 5, OLD_KEY)
    mark = detect(old, {1: OLD_KEY, 2: KEY}, deep=False)
    assert (mark.number, mark.key_number) == (5, 1)


def test_without_the_deep_search_crops_are_not_detected(marked):
    cut = crop(0.75)(marked, random())
    assert detect(cut, {1: KEY}, deep=False) is None
    assert detect(cut, {1: KEY}).number == NUMBER


def test_a_mark_copied_onto_another_picture_is_detected_there(original, marked):
    mark_alone = np.asarray(marked, np.int16) - np.asarray(original, np.int16)
    forged = np.asarray(textured(seed=3), np.int16) + mark_alone
    forged = Image.fromarray(np.clip(forged, 0, 255).astype(np.uint8))
    assert detect(forged, {1: KEY}, deep=False).number == NUMBER


def test_embedding_is_deterministic_and_does_not_change_the_original(original, marked):
    before = original.tobytes()
    assert embed(original, NUMBER, KEY).tobytes() == marked.tobytes()
    assert original.tobytes() == before


def test_the_number_is_detected_under_the_visible_signature(marked, ink):
    assert detect(compose(marked, ink).image, {1: KEY}, deep=False).number == NUMBER


def test_a_white_picture_can_be_marked():
    marked = embed(Image.new("RGB", (512, 512), "white"), NUMBER, KEY)
    assert detect(jpeg(50)(marked, random()), {1: KEY}, deep=False).number == NUMBER


def test_detailed_areas_get_a_stronger_mark_than_flat_ones():
    smooth, rough = (
        Image.new("RGB", (512, 512), (128, 120, 110)),
        Image.effect_noise((512, 512), 90),
    )
    rough = rough.convert("RGB")
    assert psnr(smooth, embed(smooth, NUMBER, KEY)) > 43.5
    assert 40 <= psnr(rough, embed(rough, NUMBER, KEY)) < 41


def test_the_bound_of_a_false_claim_is_below_one_in_a_million_and_falls_with_the_score():
    bounds = [Mark(1, 1, score, NOWHERE).false_claim_probability for score in (8, MIN_SCORE, 20)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] == 1
    assert bounds[1] < 1e-6


def test_confidence_counts_wrong_bits_too_and_rises_with_the_score():
    confidences = [Mark(1, 1, score, NOWHERE).confidence for score in (MIN_SCORE, 13, 15, 20)]
    assert confidences == sorted(confidences)
    assert 0.98 < confidences[0] < 0.99
    assert confidences[2] > 0.9998
    assert confidences[3] > 0.999_999


def test_hatched_pictures_can_be_marked():
    across = np.arange(512) % 8 < 3
    hatched = Image.fromarray(np.repeat(np.where(across, 20, 230)[None], 512, 0).astype(np.uint8))
    marked = embed(hatched.convert("RGB"), NUMBER, KEY)
    assert detect(jpeg(50)(marked, random()), {1: KEY}, deep=False).number == NUMBER


@pytest.mark.parametrize("size", [(MIN_SIDE - 1, 512), (512, MIN_SIDE - 1)])
def test_a_picture_too_small_for_a_mark_is_refused_with_the_smallest_side(size):
    with pytest.raises(PictureTooSmall, match=r"below 256 pixels.*512") as refusal:
        embed(Image.new("RGB", size), NUMBER, KEY)
    assert (refusal.value.size, refusal.value.min_side) == (size, MIN_SIDE)


def test_the_smallest_accepted_picture_can_be_marked():
    marked = embed(textured(size=(MIN_SIDE, MIN_SIDE)), NUMBER, KEY)
    assert detect(jpeg(75)(marked, random()), {1: KEY}, deep=False).number == NUMBER


def test_a_picture_too_small_to_be_searched_is_refused():
    with pytest.raises(PictureTooSmall, match="below 64 pixels"):
        detect(Image.new("RGB", (63, 200)), {1: KEY})


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_other_modes_are_refused(mode):
    picture = Image.new(mode, (512, 512))
    with pytest.raises(ValueError, match=f"not {mode}"):
        embed(picture, NUMBER, KEY)
    with pytest.raises(ValueError, match=f"not {mode}"):
        detect(picture, {1: KEY})


def test_the_number_is_detected_in_a_picture_larger_than_the_search(marked):
    enlarged = marked.resize((2048, 2048), Image.Resampling.BILINEAR)
    assert detect(enlarged, {1: KEY}, deep=False).number == NUMBER


def test_a_long_strip_without_a_mark_has_none():
    assert detect(Image.new("RGB", (20_000, 64)), {1: KEY}) is None


def test_a_strip_of_five_to_one_can_be_marked_and_a_longer_one_is_refused():
    marked = embed(textured(size=(256, 1280)), NUMBER, KEY)
    assert detect(marked, {1: KEY}, deep=False).number == NUMBER
    with pytest.raises(ValueError, match="5 times the other"):
        embed(textured(size=(256, 1281)), NUMBER, KEY)


def test_a_number_of_more_than_64_bits_is_refused(original):
    with pytest.raises(ValueError, match="number must lie in"):
        embed(original, 2**64, KEY)
