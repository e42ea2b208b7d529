import numpy as np
import pytest
from PIL import Image, ImageDraw

from gpu.rules.lines import find_segments

SIZE = (640, 480)


def drawing(*lines, size=SIZE, scale=4):
    """Light stripes on dark, smooth at their edges."""
    large = Image.new("L", (size[0] * scale, size[1] * scale), 60)
    draw = ImageDraw.Draw(large)
    for start, end in lines:
        ends = [(x * scale, y * scale) for x, y in (start, end)]
        draw.line(ends, fill=190, width=40 * scale)
    return np.asarray(large.resize(size, Image.Resampling.BOX).convert("RGB"))


@pytest.mark.parametrize("turn", [0, 1, 2, 5, 30, 45, 60, 88, 89, 90, 135, 179])
def test_both_sides_of_a_stripe_are_edges_of_its_direction(turn):
    angle = np.deg2rad(turn)
    way = 200 * np.array([np.cos(angle), np.sin(angle)])
    middle = np.array(SIZE) / 2
    found = find_segments(drawing((middle - way, middle + way)))
    sides = found[found.lengths > 0.4]
    assert len(sides) == 2
    assert np.abs(sides.lengths - 400 / 640).max() < 0.05
    directions = np.degrees(np.arctan2(sides.directions[:, 1], sides.directions[:, 0]))
    assert np.abs((directions - turn + 90) % 180 - 90).max() < 0.1
    across = np.array([-np.sin(angle), np.cos(angle)])
    offsets = np.sort(sides.middles @ across) * 640
    assert offsets == pytest.approx([-20, 20], abs=1)


def test_edges_are_measured_from_the_middle_of_the_photo_in_its_longer_side():
    found = find_segments(drawing(((480, 60), (480, 420))))
    sides = found[found.lengths > 0.4]
    assert np.sort(sides.middles[:, 0]) == pytest.approx([0.25 - 1 / 32, 0.25 + 1 / 32], abs=2e-3)
    assert sides.middles[:, 1] == pytest.approx([0, 0], abs=5e-3)


def test_a_large_photo_has_the_same_edges():
    small = find_segments(drawing(((100, 100), (500, 300))))
    large = find_segments(drawing(((400, 400), (2000, 1200)), size=(2560, 1920), scale=1))
    assert large.lengths.max() == pytest.approx(small.lengths.max(), rel=0.05)


def test_a_circle_is_no_straight_edge():
    photo = Image.new("RGB", SIZE, (60, 60, 60))
    ImageDraw.Draw(photo).ellipse((120, 40, 520, 440), fill=(190, 190, 190))
    assert find_segments(np.asarray(photo)).lengths.max(initial=0) < 0.2


def test_grey_and_faint_noise_have_no_edges():
    noise = np.random.default_rng(0).normal(128, 2, (480, 640, 3)).clip(0, 255).astype(np.uint8)
    assert len(find_segments(noise)) == 0
    assert len(find_segments(np.full((10, 3, 3), 128, np.uint8))) == 0
