"""The keyed pattern of the watermark: which chip carries which coded bit, and with which sign.

Geometry: a picture is measured in units, its shorter side is 512 of them. A map of 128 × 128 chips,
each 4 × 4 units, covers 512 × 512 units and is repeated on the longer side. Writer and reader work
on planes with 2 × 2 samples for each chip.

The map of a key must never change, because delivered pictures contain it. It is derived from the
key by SHAKE-256: NumPy does not guarantee equal random streams between versions.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft, ndimage  # type: ignore[import-untyped]

from gpu.signature.convolutional_code import CODED_BITS, encode
from gpu.signature.place import FRAME_UNITS, ORIENTATIONS, oriented

CHIP_UNITS = 4
CHIPS = FRAME_UNITS // CHIP_UNITS
SAMPLES = 2  # along each side of a chip
SAMPLE_UNITS = CHIP_UNITS / SAMPLES
MAP_SAMPLES = CHIPS * SAMPLES
MIN_KEY_BYTES = 16

_BLOCK = 32  # each block of 32 × 32 chips carries every coded bit three times
_DOMAIN = b"style-license/watermark/1:"
# JPEG and scaling preserve the frequencies that pass; lower ones would be visible.
_HIGH_PASS_SIGMA = 0.9

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ChipMap:
    """The pattern of one key, 128 × 128 chips.

    `sync` is +1 or -1 on synchronisation chips, which do not depend on the number, and 0 elsewhere;
    `slots` is the index of the coded bit of a chip, and -1 on synchronisation chips; `signs` (+1,
    -1) is multiplied with the coded bit. `spectra` are the conjugate transforms of the
    synchronisation chips in each of the eight orientations of `oriented`, shape (2, 256, 129):
    smooth as `sampled` draws them, and as squares, which are found better where only high
    frequencies are quiet. `mixed_spectra` are the means of the two.
    """

    sync: Plane
    slots: NDArray[np.int64]
    signs: Plane
    spectra: tuple[NDArray[np.complex64], ...]
    mixed_spectra: tuple[NDArray[np.complex64], ...]

    def chips(self, number: int) -> Plane:
        """Values (+1, -1) of all chips for `number`, shape (128, 128)."""
        coded = np.append(encode(number), 1.0)  # slot -1 (synchronisation chips) takes the last one
        return (coded[self.slots] * self.signs).astype(np.float32)


@lru_cache(maxsize=16)
def chip_map(key: bytes) -> ChipMap:
    """Derive the map of a secret `key` of at least 16 bytes.

    Raises ValueError for a shorter key.
    """
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"a watermark key needs {MIN_KEY_BYTES} bytes, not {len(key)}")
    chips = CHIPS * CHIPS
    stream = hashlib.shake_256(_DOMAIN + key).digest(chips + chips // 4 + 8 * chips)
    octets = np.frombuffer(stream, np.uint8)
    signs = np.where(octets[:chips] & 1, 1, -1).astype(np.float32).reshape(CHIPS, CHIPS)
    is_sync = _sync_mask(octets[chips : chips + chips // 4])
    order = np.frombuffer(stream, "<u8", offset=chips + chips // 4).reshape(CHIPS, CHIPS)
    slots = np.full((CHIPS, CHIPS), -1)
    for top in range(0, CHIPS, _BLOCK):
        for left in range(0, CHIPS, _BLOCK):
            block = np.s_[top : top + _BLOCK, left : left + _BLOCK]
            is_free = ~is_sync[block]
            ranks = order[block][is_free].argsort(kind="stable").argsort(kind="stable")
            slots[block][is_free] = ranks % CODED_BITS
    sync = np.where(is_sync, signs, 0).astype(np.float32)
    spectra = _spectra(sync)
    mixed = tuple(np.ascontiguousarray(each.mean(0)) for each in spectra)
    return ChipMap(sync, slots, signs, spectra, mixed)


def _sync_mask(choices: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """One synchronisation chip in each 2 × 2 block, so that every part of a picture has some."""
    choice = (choices & 3).reshape(CHIPS // 2, CHIPS // 2)
    is_sync = np.zeros((CHIPS, CHIPS), bool)
    for position in range(4):
        is_sync[position // 2 :: 2, position % 2 :: 2] = choice == position
    return is_sync


def sampled(chips: Plane) -> Plane:
    """Interpolate `chips` to 2 × 2 samples each and apply the high-pass filter."""
    rows, columns = chips.shape
    smooth = resized(chips, (columns * SAMPLES, rows * SAMPLES), Image.Resampling.BICUBIC)
    return high_passed(smooth)


def squares(chips: Plane) -> Plane:
    """Repeat `chips` to 2 × 2 equal samples each."""
    return chips.repeat(SAMPLES, 0).repeat(SAMPLES, 1)


def high_passed(plane: Plane) -> Plane:
    """Remove wavelengths above about two chips (plane minus its Gaussian blur)."""
    low: Plane = ndimage.gaussian_filter(plane, _HIGH_PASS_SIGMA, truncate=3)
    return plane - low


def resized(
    plane: Plane,
    size: tuple[int, int],
    method: Image.Resampling,
    box: tuple[float, float, float, float] | None = None,
) -> Plane:
    """Scale a plane, or its part `box` in samples, to `size` (width, height)."""
    return np.asarray(Image.fromarray(plane).resize(size, method, box=box), np.float32)


def _spectra(sync: Plane) -> tuple[NDArray[np.complex64], ...]:
    tiled = np.tile(sync, (3, 3))  # the map repeats without a border
    drawn = [
        plane[MAP_SAMPLES : 2 * MAP_SAMPLES, MAP_SAMPLES : 2 * MAP_SAMPLES]
        for plane in (sampled(tiled), high_passed(squares(tiled)))
    ]
    return tuple(
        np.stack([_conjugate_transform(oriented(plane, orientation)) for plane in drawn])
        for orientation in range(ORIENTATIONS)
    )


def _conjugate_transform(plane: Plane) -> NDArray[np.complex64]:
    spectrum = np.conj(fft.rfft2(plane))
    scaled: NDArray[np.complex64] = spectrum / np.abs(spectrum).mean()
    return scaled
