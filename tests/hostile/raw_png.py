"""PNG files written by hand: every colour type, depth, interlace and filter the format has."""

import struct
import zlib

import numpy as np

from tests.images import chunk, png_of_chunks

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}
DEPTHS = {
    GREY: (1, 2, 4, 8, 16),
    RGB: (8, 16),
    PALETTE: (1, 2, 4, 8),
    GREY_ALPHA: (8, 16),
    RGB_ALPHA: (8, 16),
}
SIDE = 512
LIGHT_AND_DARK = bytes([250, 240, 220, 20, 30, 60])
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2))  # fmt: skip


def header(width=SIDE, height=SIDE, depth=8, colour=RGB, compression=0, filtering=0, interlace=0):
    numbers = (width, height, depth, colour, compression, filtering, interlace)
    return chunk(b"IHDR", struct.pack(">IIBBBBB", *numbers))


def disc(depth, colour, width=SIDE, height=SIDE):
    """A dark disc on a light ground, as samples (height, width, channels); alpha is full."""
    y, x = np.mgrid[:height, :width]
    inside = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (min(width, height) / 3) ** 2
    most = (1 << depth) - 1
    if colour == PALETTE:
        return inside.astype(np.uint16)[..., None]
    samples = np.repeat(np.where(inside, 0, most)[..., None], CHANNELS[colour], axis=2)
    if colour in {GREY_ALPHA, RGB_ALPHA}:
        samples[..., -1] = most
    return samples.astype(np.uint16)


def packed(samples, depth, filtering=0):
    """Rows as bytes, each with its filter."""
    height, _, channels = samples.shape
    if depth == 16:
        rows = samples.astype(">u2").view(np.uint8).reshape(height, -1)
    elif depth == 8:
        rows = samples.astype(np.uint8).reshape(height, -1)
    else:
        bits = (samples[..., 0, None] >> np.arange(depth - 1, -1, -1)) & 1
        rows = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    step = max(1, depth * channels // 8)
    marks = np.full((height, 1), filtering, dtype=np.uint8)
    return np.hstack([marks, _filtered(rows, step, filtering)]).tobytes()


def _filtered(rows, step, filtering):
    wide = rows.astype(int)
    left = np.pad(wide, ((0, 0), (step, 0)))[:, :-step]
    above = np.pad(wide, ((1, 0), (0, 0)))[:-1]
    corner = np.pad(above, ((0, 0), (step, 0)))[:, :-step]
    estimate = left + above - corner
    distances = [abs(estimate - each) for each in (left, above, corner)]
    nearest = np.where(
        (distances[0] <= distances[1]) & (distances[0] <= distances[2]),
        left,
        np.where(distances[1] <= distances[2], above, corner),
    )
    guess = (0 * wide, left, above, (left + above) // 2, nearest)[filtering]
    return ((wide - guess) & 0xFF).astype(np.uint8)


def scanlines(samples, depth, *, interlace=0, filtering=0):
    if not interlace:
        return packed(samples, depth, filtering)
    passes = (samples[top::down, left::across] for left, top, across, down in ADAM7)
    return b"".join(packed(each, depth, filtering) for each in passes if each.size)


def raw_png(
    *,
    depth=8,
    colour=RGB,
    interlace=0,
    filtering=0,
    size=(SIDE, SIDE),
    before=(),
    transparency=None,
    palette=LIGHT_AND_DARK,
    level=6,
    strategy=zlib.Z_DEFAULT_STRATEGY,
    window=15,
    part=None,
    rows=None,
):
    """A sound PNG of the disc; `before` are chunks before the pixels, `part` bytes of each IDAT."""
    data = scanlines(disc(depth, colour, *size), depth, interlace=interlace, filtering=filtering)
    packer = zlib.compressobj(level, zlib.DEFLATED, window, 8, strategy)
    pixels = packer.compress(data if rows is None else data[: len(data) // size[1] * rows])
    pixels += packer.flush()
    parts = [
        pixels[at : at + (part or len(pixels))] for at in range(0, len(pixels), part or len(pixels))
    ]
    return png_of_chunks(
        header(*size, depth, colour, interlace=interlace),
        *before,
        *([chunk(b"PLTE", palette)] if colour == PALETTE else []),
        *([] if transparency is None else [chunk(b"tRNS", transparency)]),
        *(chunk(b"IDAT", each) for each in parts),
    )
