import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from gpu.errors import LowQualityData
from gpu.evaluation.edges import edge_energy, edges_share


def drawing(seed, size=(512, 512)):
    """Filled shapes with outlines on a smooth background."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(150, 220, (4, 4, 3), dtype=np.uint8))
    picture = coarse.resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for _ in range(9):
        x, y = random.uniform(0, size[0]), random.uniform(0, size[1])
        radius = random.uniform(20, 80)
        fill = tuple(random.integers(0, 256, 3).tolist())
        shape = draw.ellipse if random.random() < 0.5 else draw.rectangle
        shape((x - radius, y - radius, x + radius, y + radius), fill, "black", width=3)
    return picture


def noisy(picture, deviation, *, channels=3, seed=0):
    noise = np.random.default_rng(seed).normal(0, deviation, (*picture.size[::-1], channels))
    levels = np.asarray(picture, float) + noise
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def in_blocks(picture, side):
    small = picture.resize((picture.width // side, picture.height // side), Image.Resampling.BOX)
    return small.resize(picture.size, Image.Resampling.NEAREST)


WORKS = [drawing(seed) for seed in range(3)]
GREY = Image.new("RGB", (512, 512), (128, 128, 128))


def test_the_share_is_1_for_the_works_and_about_1_for_other_works():
    assert edges_share(WORKS, works=WORKS) == pytest.approx(1.0)
    others = [drawing(seed) for seed in range(20, 23)]
    assert edges_share(others, works=WORKS) == pytest.approx(1.0, abs=0.3)


@pytest.mark.parametrize("radius, limit", [(1, 0.4), (3, 0.05)])
def test_a_blur_has_a_low_share(radius, limit):
    blurred = [work.filter(ImageFilter.GaussianBlur(radius)) for work in WORKS]
    assert edges_share(blurred, works=WORKS) < limit


@pytest.mark.parametrize("deviation, channels", [(10, 1), (20, 3)])
def test_grain_on_the_works_does_not_count(deviation, channels):
    grained = [noisy(work, deviation, channels=channels) for work in WORKS]
    assert edges_share(grained, works=WORKS) == pytest.approx(0.95, abs=0.1)


@pytest.mark.parametrize("deviation, channels", [(10, 3), (25, 1), (40, 3)])
def test_pure_grain_has_no_edges(deviation, channels):
    grain = [noisy(GREY, deviation, channels=channels, seed=seed) for seed in range(2)]
    assert edges_share(grain, works=WORKS) < 0.1


def test_a_blur_with_grain_has_a_low_share():
    grained = [noisy(work.filter(ImageFilter.GaussianBlur(3)), 20) for work in WORKS]
    assert edges_share(grained, works=WORKS) < 0.1


@pytest.mark.parametrize("side", [8, 16, 32])
def test_block_borders_of_a_codec_do_not_count(side):
    assert edges_share([in_blocks(work, side) for work in WORKS], works=WORKS) < 0.02


def test_paler_pictures_have_fewer_edges():
    pale = [Image.blend(GREY, work, 0.5) for work in WORKS]
    assert edges_share(pale, works=WORKS) == pytest.approx(0.25, abs=0.05)


def test_edges_between_colours_of_equal_luma_count():
    picture = Image.new("RGB", (512, 512), (200, 60, 60))
    # the same Rec. 601 luma as the background
    ImageDraw.Draw(picture).ellipse((100, 100, 400, 400), (60, 120, 157))
    assert edge_energy([picture]) > 20 * edge_energy([picture.convert("L")])


def test_the_energy_hardly_depends_on_the_position_of_edges():
    def bars(offset):
        picture = GREY.copy()
        for left in range(offset, 512, 47):
            ImageDraw.Draw(picture).rectangle((left, 0, left + 10, 512), "black")
        return picture

    energies = [edge_energy([bars(offset)]) for offset in range(8)]
    assert max(energies) < 1.3 * min(energies)


def test_larger_pictures_are_compared_at_one_size():
    large = [drawing(seed, size=(1024, 1024)) for seed in range(2)]
    small = [one.resize((512, 512), Image.Resampling.LANCZOS) for one in large]
    assert edge_energy(large) == pytest.approx(edge_energy(small))


def test_works_without_edges_are_refused():
    with pytest.raises(LowQualityData, match="no edges"):
        edges_share(WORKS, works=[GREY])
