"""Generated signatures of artists: one line of ink that looks like a written name."""

import io
from math import pi

import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 480, 160
SCALE = 4  # drawn larger and scaled down: the edges become smooth
POINTS = 900
TALL_SHARE = 0.35
INK = (34, 26, 60, 255)


def signature(seed: int) -> bytes:
    """Return a transparent PNG: a large first letter, loops, and a stroke below."""
    random = np.random.default_rng(seed)
    image = Image.new("RGBA", (WIDTH * SCALE, HEIGHT * SCALE), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    for line in (_name(random), _stroke(random)):
        points = [(x * SCALE, y * SCALE) for x, y in line]
        pen.line(points, fill=INK, width=5 * SCALE, joint="curve")
    file = io.BytesIO()
    image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(file, "PNG")
    return file.getvalue()


def _name(random: np.random.Generator) -> list[tuple[float, float]]:
    """Return slanted loops that become smaller, some of them tall; the first is a capital."""
    along = np.linspace(0, 1, POINTS)
    letters = int(random.integers(6, 11))
    angle = 2 * pi * letters * along + random.uniform(-1, 1)
    tall = np.where(random.uniform(size=letters + 1) < TALL_SHARE, 26.0, 8.0)
    tall *= random.uniform(0.7, 1.3, letters + 1)
    tall[0] = random.uniform(36, 48)
    height = np.interp(along * letters, np.arange(letters + 1), tall) * (1 - 0.35 * along)
    width = random.uniform(330, 390)
    x = 46 + width * along + 0.7 * height * np.sin(angle) - 0.3 * height * np.cos(angle)
    y = 94 - random.uniform(4, 22) * along - height * np.cos(angle)
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _stroke(random: np.random.Generator) -> list[tuple[float, float]]:
    along = np.linspace(0, 1, POINTS // 4)
    x = 60 + 360 * along
    y = 138 + random.uniform(4, 9) * np.sin(pi * along * random.uniform(1, 2)) - 10 * along
    return list(zip(x.tolist(), y.tolist(), strict=True))
