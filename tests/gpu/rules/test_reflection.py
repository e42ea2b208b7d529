import numpy as np
import pytest

from gpu.rules.colour import Statistics, to_linear
from gpu.rules.reflection import Reflection

RED, GREY = (np.array(level, np.uint8) for level in ((190, 40, 44), (120, 120, 122)))


def reflection_of(levels, spread=0.02):
    random = np.random.default_rng(0)
    body = to_linear(levels)
    return Reflection.of(Statistics((body * random.normal(1, spread, (500, 1))).astype(np.float32)))


@pytest.mark.parametrize("shade", [0.3, 0.7, 1.2])
@pytest.mark.parametrize("light", [0.0, 0.2, 0.6])
def test_of_a_coloured_body_shading_and_highlight_are_told_apart(shade, light):
    mixed = (shade * to_linear(RED) + light).astype(np.float32)
    shading, highlight, _ = reflection_of(RED).split(mixed)
    assert shading == pytest.approx(shade, abs=0.05)
    assert highlight == pytest.approx(light, abs=0.03)


def test_of_a_grey_body_only_what_outshines_it_is_a_highlight():
    body = to_linear(GREY)
    reflection = reflection_of(GREY)
    for times in (0.5, 1.0, 1.3):
        assert reflection.split((body * times).astype(np.float32))[1] == 0
    assert reflection.split(np.full(3, 0.9, np.float32))[1] > 0.4


@pytest.mark.parametrize("levels", [RED, GREY])
def test_the_three_parts_add_up(levels):
    reflection = reflection_of(levels)
    light = np.random.default_rng(1).random((50, 3), np.float32)
    shading, highlight, rest = reflection.split(light)
    whole = shading[:, None] * reflection.body + highlight[:, None] + rest
    dark = reflection.split(np.zeros((1, 3), np.float32))
    flare = dark[0][:, None] * reflection.body + dark[1][:, None] + dark[2]
    assert np.abs(whole - flare - light).max() < 1e-5
    assert shading.min() >= 0
    assert highlight.min() >= 0


def test_a_black_body_shows_a_shading_of_one_and_no_noise():
    black = Reflection.of(Statistics(np.zeros((10, 3), np.float32)))
    shading, highlight, _ = black.split(np.zeros((1, 3), np.float32))
    assert shading[0] == pytest.approx(1)
    assert highlight[0] == 0
