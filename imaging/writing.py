"""Pictures written as PNG for the least time of a processor."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from imaging.containers import PNG_MAGIC

_COLOUR_TYPES = {"RGB": 2, "RGBA": 6}
_BIT_DEPTH = 8
_UP = 2  # the filter that leaves of each byte its difference to the one above it
_LEVEL, _MEMORY_LEVEL = 1, 9
_STRIP_ROWS = 64


def encode_png(picture: Image.Image) -> bytes:
    """Return an RGB or RGBA picture as PNG without metadata. Raises ValueError for other modes.

    Every row has the filter Up, and deflate looks for runs only. That takes half the time of
    Pillow's encoder, which tries five filters on each row. The file of a photo is about as large
    (88 to 111 %); drawings with flat colours would be several times as large.
    """
    if picture.mode not in _COLOUR_TYPES:
        raise ValueError(f"need an RGB or RGBA picture, not {picture.mode}")
    size, kind = picture.size, _COLOUR_TYPES[picture.mode]
    stream = io.BytesIO(PNG_MAGIC)
    stream.seek(0, io.SEEK_END)
    _write_chunk(stream, b"IHDR", struct.pack(">IIBBBBB", *size, _BIT_DEPTH, kind, 0, 0, 0))
    deflate = zlib.compressobj(_LEVEL, memLevel=_MEMORY_LEVEL, strategy=zlib.Z_RLE)
    above = np.zeros(picture.width * len(picture.mode), np.uint8)
    for top in range(0, picture.height, _STRIP_ROWS):
        box = (0, top, picture.width, min(top + _STRIP_ROWS, picture.height))
        rows = np.asarray(picture.crop(box)).reshape(box[3] - top, -1)
        filtered = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
        filtered[:, 0] = _UP
        np.subtract(rows[0], above, out=filtered[0, 1:])
        np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
        above = rows[-1]
        _write_chunk(stream, b"IDAT", deflate.compress(filtered.data))
    _write_chunk(stream, b"IDAT", deflate.flush())
    _write_chunk(stream, b"IEND", b"")
    return stream.getvalue()


def _write_chunk(stream: io.BytesIO, kind: bytes, data: bytes) -> None:
    stream.write(struct.pack(">I", len(data)) + kind + data)
    stream.write(struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))))
