"""Convert pictures to sRGB by the colour metadata of their files, as browsers do.

A PNG may have several kinds of colour metadata. The first valid one of this order is used: cICP,
iCCP, sRGB, gAMA with cHRM (PNG specification, third edition, section 11.3.2). LittleCMS converts;
this module builds ICC profiles from primaries and a transfer curve (ICC.1:2022).
"""

import io
import struct
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

PROFILE_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
_LONGEST_PROFILE = 4 << 20

Primaries = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
White = tuple[float, float]

_D65: White = (0.3127, 0.3290)
_BT709: Primaries = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
_BT601_525: Primaries = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070))
_P3: Primaries = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
# ITU-T H.273, table 2.
_CICP_PRIMARIES: dict[int, tuple[Primaries, White]] = {
    1: (_BT709, _D65),
    5: (((0.640, 0.330), (0.290, 0.600), (0.150, 0.060)), _D65),
    6: (_BT601_525, _D65),
    7: (_BT601_525, _D65),
    9: (((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), _D65),
    11: (_P3, (0.314, 0.351)),
    12: (_P3, _D65),
}
_REFERENCE_WHITE = 203.0  # cd/m², ITU-R BT.2408: shown as white on a display without HDR
_PQ_PEAK, _HLG_PEAK, _HLG_GAMMA = 10_000.0, 1_000.0, 1.2
_TABLE = 4096

_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def to_srgb(
    colour: Image.Image, chunks: Mapping[bytes, bytes], profile: bytes | None
) -> Image.Image:
    """Convert L, RGB or CMYK of 8 bits to sRGB.

    `chunks` are PNG chunks by name, `profile` is an ICC profile from elsewhere. Damaged ones, and
    profiles of another colour space, are ignored.
    """
    if b"cICP" in chunks:
        source = _of_cicp(chunks[b"cICP"])
        if source is not None:
            rgb = _as_rgb(colour)
            return _converted(rgb, source) or rgb
    profile = profile or (_inflated(chunks[b"iCCP"]) if b"iCCP" in chunks else None)
    if profile:
        converted = _converted(colour, profile)
        if converted is not None:
            return converted
    if b"sRGB" not in chunks and b"gAMA" in chunks:
        source = _of_gamma(chunks[b"gAMA"], chunks.get(b"cHRM"))
        if source is not None:
            rgb = _as_rgb(colour)
            return _converted(rgb, source) or rgb
    return _as_rgb(colour)


def _as_rgb(colour: Image.Image) -> Image.Image:
    """The picture in RGB, without a copy if it already is, because a copy may take 200 MB."""
    return colour if colour.mode == "RGB" else colour.convert("RGB")


def _converted(colour: Image.Image, profile: bytes) -> Image.Image | None:
    """The picture in sRGB; None for a damaged profile or one of another colour space."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != PROFILE_SPACES[colour.mode]:
            return None
        return ImageCms.profileToProfile(
            colour,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _inflated(chunk: bytes) -> bytes | None:
    """The profile of an iCCP chunk: a name, a zero, the method 0, and compressed bytes."""
    _, _, packed = chunk.partition(b"\0")
    inflater = zlib.decompressobj()
    try:
        profile = inflater.decompress(packed[1:], _LONGEST_PROFILE)
    except zlib.error:
        return None
    return profile if inflater.eof and packed[:1] == b"\0" else None


# ── PNG chunks to profiles ───────────────────────────────────────────────────────────────────────


def _of_cicp(chunk: bytes) -> bytes | None:
    """The profile of cICP code points; None for unknown ones, or other than full-range RGB."""
    if len(chunk) != 4:  # noqa: PLR2004 - primaries, transfer, matrix, range
        return None
    primaries, transfer, matrix, is_full = chunk
    curve = _cicp_curve(transfer)
    if primaries not in _CICP_PRIMARIES or curve is None or matrix != 0 or is_full != 1:
        return None
    return _profile(*_CICP_PRIMARIES[primaries], curve)


def _of_gamma(gamma: bytes, chromaticities: bytes | None) -> bytes | None:
    """The profile of gAMA and cHRM, whose values are multiplied by 100,000."""
    if len(gamma) != 4 or not 10_000 <= int.from_bytes(gamma, "big") <= 1_000_000:  # noqa: PLR2004
        return None
    curve = _power(100_000 / int.from_bytes(gamma, "big"))
    if chromaticities is None or len(chromaticities) != 32:  # noqa: PLR2004 - eight numbers
        return _profile(_BT709, _D65, curve)
    x = [number / 100_000 for number in struct.unpack(">8I", chromaticities)]
    white, red, green, blue = ((x[index], x[index + 1]) for index in range(0, 8, 2))
    try:
        return _profile((red, green, blue), white, curve)
    except (np.linalg.LinAlgError, ZeroDivisionError, ValueError):
        return None  # collinear primaries, or no white


def _cicp_curve(transfer: int) -> bytes | None:
    """The curve from stored values to linear light; ITU-T H.273, table 3."""
    if transfer in {1, 6, 14, 15}:
        return _linear_then_power(1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
    if transfer == 13:  # noqa: PLR2004 - sRGB
        return _linear_then_power(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    if transfer in {16, 18}:
        return _sampled(_pq() if transfer == 16 else _hlg())  # noqa: PLR2004
    powers = {4: 2.2, 5: 2.8, 8: 1.0}
    return _power(powers[transfer]) if transfer in powers else None


def _pq() -> NDArray[np.float64]:
    """SMPTE ST 2084, clipped above reference white."""
    signal = np.linspace(0, 1, _TABLE) ** (1 / 78.84375)
    light = np.maximum(signal - 0.8359375, 0) / (18.8515625 - 18.6875 * signal)
    return light ** (1 / 0.1593017578125) * (_PQ_PEAK / _REFERENCE_WHITE)


def _hlg() -> NDArray[np.float64]:
    """ITU-R BT.2100 HLG on a display of 1,000 cd/m², clipped above reference white."""
    signal = np.linspace(0, 1, _TABLE)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)  # noqa: PLR2004
    return scene**_HLG_GAMMA * (_HLG_PEAK / _REFERENCE_WHITE)


# ── ICC ──────────────────────────────────────────────────────────────────────────────────────────


def _profile(primaries: Primaries, white: White, curve: bytes) -> bytes:
    """An ICC display profile of version 4.3 with three primaries and one curve."""
    columns = _to_d50(primaries, white).T
    text = b"mluc" + struct.pack(">5I", 0, 1, 12, 0x656E5553, 2) + struct.pack(">I", 28) + b"\0x"
    tags = [
        (b"desc", text),
        (b"cprt", text),
        (b"wtpt", _xyz(_D50)),
        *zip((b"rXYZ", b"gXYZ", b"bXYZ"), (_xyz(column) for column in columns), strict=True),
        *((name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")),
    ]
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags:
        table += struct.pack(">4sII", name, offset + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(
        ">I4sI4s4s4s12s4s", 0, b"", 0x04300000, b"mntr", b"RGB ", b"XYZ ", b"", b"acsp"
    )
    header += bytes(28) + _xyz(_D50)[8:] + bytes(48)
    profile = header + table + body
    return len(profile).to_bytes(4, "big") + profile[4:]


def _to_d50(primaries: Primaries, white: White) -> NDArray[np.float64]:
    """The matrix from linear RGB to XYZ, adapted to D50 by the Bradford transform."""
    columns = np.array([_from_xy(*each) for each in primaries]).T
    light = _from_xy(*white)
    matrix = columns * np.linalg.solve(columns, light)
    cones = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ light))
    adapted: NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ cones @ _BRADFORD @ matrix
    if not np.isfinite(adapted).all() or np.abs(adapted).max() > 100:  # noqa: PLR2004
        raise ValueError("invalid primaries")
    return adapted


def _from_xy(x: float, y: float) -> NDArray[np.float64]:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _fixed(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def _xyz(values: NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*values.tolist())


def _power(gamma: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", 0, 0) + _fixed(gamma)


def _linear_then_power(gamma: float, a: float, b: float, c: float, d: float) -> bytes:
    """Parametric curve: (a·x + b)^gamma for x ≥ d, c·x below."""
    return b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + _fixed(gamma, a, b, c, d)


def _sampled(light: NDArray[np.float64]) -> bytes:
    levels = (np.clip(light, 0, 1) * 65535).round().astype(">u2")
    return b"curv\0\0\0\0" + struct.pack(">I", len(levels)) + levels.tobytes()
