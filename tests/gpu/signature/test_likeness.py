"""A picture is recognised after changes, and another picture is not taken for it."""

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageOps

from gpu.signature.likeness import SAME, Comparison, compared, hashes, likeness
from gpu.signature.watermark import detect, embed
from tests.attacks import (
    GOALS,
    MORE,
    SCREENSHOT,
    caption,
    crop,
    in_turn,
    jpeg,
    noise,
    on_levels,
    page,
    scale,
    webp,
)
from tests.bench.provenance_pairs import NEAR_BITS, copied, distance, is_twin, pairs
from tests.images import scene

KEY = b"the key of these tests"


def textured(seed=1, size=(512, 512)):
    """A scene with the grain that drawings and photographs have."""
    levels = np.asarray(scene(*size, seed=seed), np.float64)
    grained = levels + np.random.default_rng(seed).normal(0, 6, levels.shape)
    return Image.fromarray(np.clip(grained, 0, 255).astype(np.uint8))


def zoomed(picture, share):
    """The middle of a picture at the size of the whole one."""
    rim = picture.width * (1 - share) / 2
    box = (rim, rim, picture.width - rim, picture.height - rim)
    return picture.resize(picture.size, Image.Resampling.BICUBIC, box=box)


def changed(picture, change):
    """A picture with a change in a ninth of its area."""
    levels = np.asarray(picture, np.int16).copy()
    area = slice(170, 340), slice(170, 340)
    levels[area] = change(levels[area])
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def pasted_over(picture, _):
    """A picture with another one in a quarter of its area."""
    whole = picture.copy()
    whole.paste(textured(9).resize((256, 256)), (0, 0))
    return whole


def striped(picture, degrees):
    """Fine stripes over a picture."""
    down, across = np.mgrid[: picture.height, : picture.width]
    angle = np.radians(degrees)
    wave = np.sin((across * np.cos(angle) + down * np.sin(angle)) * 2 * np.pi / 7)
    levels = np.asarray(picture) * (1 - 0.3 * (wave[..., None] > 0))
    return Image.fromarray(levels.astype(np.uint8))


def random():
    return np.random.default_rng(4)


@pytest.fixture(scope="module")
def original():
    return textured()


@pytest.fixture(scope="module")
def marked(original):
    return embed(original, 7, KEY)


def test_the_first_hash_is_that_of_the_picture_as_it_is(original):
    first, *turned = hashes(original)
    assert first % 2**64 == int(str(imagehash.phash(original)), 16)
    assert len({first, *turned}) == 8


def test_hashes_are_signed_64_bit_integers():
    for seed in range(8):
        assert all(-(2**63) <= each < 2**63 for each in hashes(scene(64, 64, seed=seed)))


@pytest.mark.parametrize("transpose", Image.Transpose)
def test_the_hash_of_a_turned_picture_is_among_those_of_the_upright_one(original, transpose):
    nearest = min(
        ((hashes(original.transpose(transpose))[0] ^ each) % 2**64).bit_count()
        for each in hashes(original)
    )
    assert nearest <= 4


@pytest.mark.parametrize(
    "attack",
    [
        jpeg(50),
        scale(0.5),
        webp(50),
        noise(12),
        MORE["contrast 70 %"],
        MORE["grey"],
        on_levels(lambda levels, _: 255 * (levels / 255) ** 0.8),
        lambda picture, _: ImageOps.mirror(picture),
        lambda picture, _: picture.transpose(Image.Transpose.ROTATE_90),
        SCREENSHOT,
    ],
    ids=[
        "q50",
        "half",
        "WebP",
        "noise",
        "contrast",
        "grey",
        "gamma",
        "mirrored",
        "left",
        "screenshot",
    ],
)
def test_a_changed_picture_is_like_the_registered_one(marked, attack):
    shown = attack(marked, random())
    assert likeness(marked, shown) >= SAME
    assert compared(marked, shown) is Comparison.SAME


@pytest.mark.parametrize(
    "attack, with_its_watermark",
    [
        (caption, Comparison.UNCLEAR),
        (lambda picture, _: changed(picture, lambda area: area[:, ::-1]), Comparison.UNCLEAR),
        (pasted_over, Comparison.UNCLEAR),
        (lambda picture, _: zoomed(picture, 0.99), Comparison.SAME),
        (
            lambda picture, _: changed(picture, lambda area: area + np.array([0, 20, 0])),
            Comparison.SAME,
        ),
        (
            lambda picture, _: changed(picture, lambda area: np.roll(area, 1, (0, 1))),
            Comparison.SAME,
        ),
    ],
    ids=["caption", "object mirrored", "pasted over", "zoomed by 1 %", "object tinted", "moved"],
)
def test_a_picture_that_differs_in_one_place_is_proved_by_its_watermark_if_it_differs_little(
    marked, attack, with_its_watermark
):
    shown = attack(marked, random())
    assert compared(marked, shown) is Comparison.UNCLEAR
    place = detect(shown, {1: KEY}, deep=False).place
    assert compared(marked, shown, place) is with_its_watermark


@pytest.mark.parametrize("angle", [20, 60])
def test_strokes_drawn_anew_over_one_scene_make_another_picture(original, angle):
    assert likeness(striped(original, 0), striped(original, angle)) < SAME


def test_other_pictures_are_not_like_it(marked):
    for seed in range(2, 8):
        other = textured(seed)
        assert likeness(marked, other) < 0.3
        assert compared(marked, other) is Comparison.OTHER


def test_a_plain_picture_is_like_no_other_and_cannot_be_compared():
    plain = Image.new("RGB", (300, 300), (90, 120, 40))
    assert likeness(plain, plain) == 0
    assert compared(plain, plain) is Comparison.UNCLEAR


@pytest.mark.parametrize(
    "attack",
    [
        GOALS["crop 25 %, JPEG q50"][0],
        crop(0.5),
        page,
        in_turn(lambda picture, _: picture.transpose(Image.Transpose.ROTATE_270), crop(0.6)),
    ],
    ids=["crop 25 %, q50", "crop 50 %", "page", "right, crop 40 %"],
)
def test_a_crop_is_compared_with_its_part_of_the_registered_picture(marked, attack):
    shown = attack(marked, random())
    place = detect(shown, {1: KEY}).place
    assert compared(marked, shown, place) is Comparison.SAME


def test_a_crop_of_a_long_picture_is_compared_at_the_right_repetition_of_the_mark():
    marked = embed(textured(5, (256, 768)), 7, KEY)
    shown = marked.crop((10, 500, 250, 740))
    place = detect(shown, {1: KEY}).place
    assert compared(marked, shown, place) is Comparison.SAME


@pytest.mark.parametrize("attack", [jpeg(75), crop(0.75)], ids=["q75", "crop 25 %"])
def test_a_mark_copied_onto_another_picture_is_no_claim(original, marked, attack):
    forged = attack(copied(original, marked, textured(9)), random())
    mark = detect(forged, {1: KEY})
    assert mark.number == 7
    assert compared(marked, forged, mark.place) is Comparison.OTHER


@pytest.mark.parametrize("attack", [jpeg(75), crop(0.75)], ids=["q75", "crop 25 %"])
@pytest.mark.parametrize("number", [7_000_014, 7_000_022, 7_000_023])
def test_a_mark_copied_onto_a_picture_of_the_same_words_proves_nothing(number, attack):
    tried = 0
    for _, first, second in pairs(number):
        if distance(first, second) > NEAR_BITS or is_twin(first, second):
            continue
        marked = embed(first, 7, KEY)
        forged = attack(copied(first, marked, second), random())
        mark = detect(forged, {1: KEY})
        if mark is not None:
            tried += 1
            assert compared(marked, forged, mark.place) is not Comparison.SAME
    assert tried


def test_a_mark_copied_onto_a_plain_picture_is_no_claim(original, marked):
    forged = copied(original, marked, Image.new("RGB", original.size, (120, 130, 140)))
    mark = detect(forged, {1: KEY})
    assert compared(marked, forged, mark.place) is Comparison.OTHER
