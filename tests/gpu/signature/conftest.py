import numpy as np
import pytest
from PIL import Image, ImageDraw

from gpu.signature.ink import prepare_ink


def autograph(*, colour=(20, 30, 120), size=(900, 300)):
    """A drawn name on a transparent ground: long strokes, loops, and an underline."""
    pad = Image.new("RGBA", (size[0] * 2, size[1] * 2), (0, 0, 0, 0))
    pen = ImageDraw.Draw(pad)
    left, top = size[0] // 2, size[1] // 2
    across = np.linspace(0, 1, 200)
    wave = top + size[1] * (0.45 + 0.4 * np.sin(across * 21) * (1 - across * 0.6))
    points = list(zip((left + across * size[0]).tolist(), wave.tolist(), strict=True))
    pen.line(points, fill=(*colour, 255), width=9, joint="curve")
    pen.line(
        [(left, top + size[1] * 0.95), (left + size[0], top + size[1] * 0.9)],
        fill=(*colour, 255),
        width=7,
    )
    return pad


def block_ink(*, colour=(20, 30, 120), size=(300, 100)):
    """Full ink everywhere: what it does to each pixel can be computed exactly."""
    return Image.new("RGBA", size, (*colour, 255))


def ground(kind, size):
    width, height = size
    flat = {"light": (250, 246, 240), "dark": (12, 16, 24), "mid": (126, 120, 130)}
    if kind in flat:
        return Image.new("RGB", size, flat[kind])
    levels = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(levels)


@pytest.fixture(name="autograph")
def _autograph():
    return autograph


@pytest.fixture(name="block_ink")
def _block_ink():
    return block_ink


@pytest.fixture(name="ground")
def _ground():
    return ground


@pytest.fixture(scope="session", name="ink")
def _ink():
    return prepare_ink(autograph())
