"""PNG and JPEG files without their metadata.

Damage in metadata is no reason to refuse a sound picture, and Pillow refuses or warns of much of
it. So what describes pixels is copied into a new file before anything is decoded, and of the rest
only the direction and the colours of the picture are read, each ignored when it is damaged. Missing
rows are noticed here too: Pillow fills them with black or grey and says nothing.
"""

import io
import math
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import BinaryIO

from imaging.refusal import PictureRefused, RefusalCode

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PIXEL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT"})
_SAID_CHUNKS = frozenset({b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"eXIf"})
_LONGEST_SAID = 8 << 20  # bytes of one chunk that only describes the picture
_HEADER_BYTES = 13
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # per pixel, by the colour type of the PNG header
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)
)  # fmt: skip
_INFLATED_AT_ONCE = 1 << 20

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_SOS, _DRI, _APP0, _APP1, _APP2, _APP14 = 0xDA, 0xDD, 0xE0, 0xE1, 0xE2, 0xEE
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start of frame: height and width
_ARITHMETIC = frozenset(range(0xC9, 0xD0))
_PROGRESSIVE = frozenset({0xC2, 0xCA})
_COEFFICIENTS = 64
MAX_SCANS = 100
"""Encoders make up to some twenty. Each takes the time of a pass over the whole picture, however
few bytes it has: 3,000 took two minutes."""
MAX_SEGMENTS = 1000
"""Before the pixels, of whatever kind. A file of 10 MB has room for 160 of the longest segments;
of the shortest it has millions, which took five seconds to pass over."""
_MOST_SKIPPED = 65_536  # bytes between segments of a JPEG, all together
_METADATA = frozenset({*range(0xE0, 0xF0), 0xFE})  # application segments and comments
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
# Neither stuffing nor a restart. Each run of fill bytes is read once: without the look back a file
# of nothing else took time by the square of its size.
_END_OF_SCAN = re.compile(rb"(?<!\xff)\xff++[\x02-\xcf\xd8-\xfe]")
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_EXIF = b"Exif\0\0"
_ORIENTATION, _SHORT = 0x0112, 3
_FILLER = b"\x55\xaa\x5a" * 24


@dataclass(frozen=True)
class Container:
    """A picture file reduced to its pixels.

    `width` and `height` are as stored; `orientation` is EXIF's, 1-8; `said` holds the sound PNG
    chunks about colour by name; `data` is the file without metadata, empty when only the header
    was read.
    """

    width: int
    height: int
    orientation: int = 1
    said: Mapping[bytes, bytes] = field(default_factory=lambda: MappingProxyType({}))
    data: bytes = b""


def read_container(stream: BinaryIO, file_format: str, *, whole: bool) -> Container:
    """Reduce a "PNG" or "JPEG"; with `whole` also its pixels, else only what precedes them.

    Raises PictureRefused (IMAGE_CORRUPT) for a damaged header, one of too many segments, a damaged
    pixel chunk of a PNG, rows that are missing from a PNG, and scans of a JPEG that are missing or
    too many. Missing rows of a JPEG need decoding: see `padded`.
    """
    container = (_png if file_format == "PNG" else _jpeg)(stream, whole=whole)
    if container.width < 1 or container.height < 1:
        raise _corrupt("no width or no height")
    return container


def _corrupt(why: str) -> PictureRefused:
    return PictureRefused(RefusalCode.CORRUPT, why)


# ── PNG ──────────────────────────────────────────────────────────────────────────────────────────


def _png(stream: BinaryIO, *, whole: bool) -> Container:
    kept, said = list[tuple[bytes, bytes]](), dict[bytes, bytes]()
    has_pixels = False
    for number, (kind, length) in enumerate(_chunks(stream)):
        if number > MAX_SEGMENTS and not has_pixels:
            raise _corrupt(f"more than {MAX_SEGMENTS} chunks before the pixels")
        if kind == b"IEND" or (kind == b"IDAT" and not whole):
            break
        if kind in _PIXEL_CHUNKS:
            kept.append((kind, _needed(stream, kind, length)))
            has_pixels = has_pixels or kind == b"IDAT"
        elif not kind[0] & 0x20:
            raise _corrupt("a chunk of an unknown kind is needed to show this picture")
        elif kind in _SAID_CHUNKS and length <= _LONGEST_SAID and not has_pixels:
            payload = _payload(stream, kind, length)
            if payload is not None:
                said.setdefault(kind, payload)
    name, header = kept[0] if kept else (b"", b"")
    if name != b"IHDR" or len(header) != _HEADER_BYTES:
        raise _corrupt("the header is missing")
    _check_header(header)
    if whole and not _has_all_rows(header, [payload for kind, payload in kept if kind == b"IDAT"]):
        raise _corrupt("rows of pixels are missing")
    width, height = struct.unpack(">II", header[:8])
    chunks = [_chunk(kind, payload) for kind, payload in [*kept, (b"IEND", b"")]]
    return Container(
        width,
        height,
        _orientation(said.get(b"eXIf", b"").removeprefix(_EXIF)),
        MappingProxyType(said),
        b"".join([PNG_MAGIC, *chunks]) if whole else b"",
    )


def _check_header(header: bytes) -> None:
    """Raise PictureRefused for numbers that the format does not have (PNG, section 11.2.1)."""
    depth, colour, compression, filtering, interlace = header[8:]
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise _corrupt("the header has numbers that mean nothing")


def _needed(stream: BinaryIO, kind: bytes, length: int) -> bytes:
    payload = _payload(stream, kind, length)
    if payload is None:
        raise _corrupt(f"the chunk {kind.decode()} is damaged")
    return payload


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Kind and length of each chunk, the stream standing at its payload."""
    start = len(PNG_MAGIC)
    stream.seek(start)
    while len(head := stream.read(8)) == 8:  # noqa: PLR2004 - length and kind
        length, kind = struct.unpack(">I4s", head)
        yield kind, length
        start += 12 + length
        stream.seek(start)


def _payload(stream: BinaryIO, kind: bytes, length: int) -> bytes | None:
    """The bytes of the chunk at hand; None when they are cut or fail their checksum."""
    payload, checksum = stream.read(length), stream.read(4)
    is_sound = len(payload) == length and zlib.crc32(kind + payload).to_bytes(4, "big") == checksum
    return payload if is_sound else None


def _chunk(kind: bytes, payload: bytes) -> bytes:
    checksum = zlib.crc32(kind + payload).to_bytes(4, "big")
    return len(payload).to_bytes(4, "big") + kind + payload + checksum


def _has_all_rows(header: bytes, pixels: list[bytes]) -> bool:
    """Whether the compressed data hold every row; inflated in pieces, so a bomb stays small."""
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", header)
    bits = depth * _SAMPLES[colour]
    needed = 0
    for left, top, across, down in _ADAM7 if interlace else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            needed += rows * (1 + math.ceil(columns * bits / 8))
    inflater, found = zlib.decompressobj(), 0
    try:
        for part in pixels:
            waiting = part
            while waiting and found < needed:
                found += len(inflater.decompress(waiting, _INFLATED_AT_ONCE))
                waiting = inflater.unconsumed_tail
    except zlib.error:
        return False
    return found >= needed


# ── JPEG ─────────────────────────────────────────────────────────────────────────────────────────


def _jpeg(stream: BinaryIO, *, whole: bool) -> Container:
    kept = [_SOI]
    width = height = 0
    orientation: int | None = None
    frame, frame_marker = b"", 0
    for marker, payload in _segments(stream):
        if marker == _SOS:
            break
        if marker in _SIZES and len(payload) >= 5:  # noqa: PLR2004 - precision, height, width
            height, width = struct.unpack(">HH", payload[1:5])
            frame, frame_marker = payload, marker
        if marker == _APP0 and payload.startswith(b"JFIF\0"):
            kept.append(_JFIF)  # says that colours are YCbCr; its other numbers are not needed
        elif marker == _APP1 and payload.startswith(_EXIF):
            orientation = orientation or _orientation(payload.removeprefix(_EXIF))
        elif marker not in _METADATA or _is_about_colour(marker, payload):
            kept.append(struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload)
    data = b""
    if whole:
        scans = _with_end(stream.read())
        if not _has_all_scans(frame, scans, is_progressive=frame_marker in _PROGRESSIVE):
            raise _corrupt("scans are missing")
        data = b"".join([*kept, scans])
    return Container(width, height, orientation or 1, data=data)


def _has_all_scans(frame: bytes, scans: bytes, *, is_progressive: bool) -> bool:
    """Whether every coefficient of every component comes, in the end with all of its bits.

    What never comes is taken for zero: a picture that was cut between two scans is blurred, grey or
    of one colour, and decoders say nothing.
    """
    components = frame[6::3][: frame[5]] if len(frame) > 5 else b""  # noqa: PLR2004 - their number
    waiting = {component: set(range(_COEFFICIENTS)) for component in components}
    for _, _, header in _scan_ends(scans):
        count = header[0] if header else 0
        if len(header) < 4 + 2 * count:
            continue
        first, last, bits = header[1 + 2 * count : 4 + 2 * count]
        for component in header[1 : 1 + 2 * count : 2]:
            if not is_progressive:
                waiting.pop(component, None)
            elif not bits & 0x0F:
                waiting.get(component, set()).difference_update(range(first, last + 1))
    return not any(waiting.values())


def _is_about_colour(marker: int, payload: bytes) -> bool:
    is_profile = marker == _APP2 and payload.startswith(b"ICC_PROFILE\0")
    return is_profile or (marker == _APP14 and payload.startswith(b"Adobe"))


def _segments(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Marker and payload of each segment before the pixels, which begin with an empty SOS."""
    stream.seek(len(_SOI))
    skipped = 0
    for _ in range(MAX_SEGMENTS):
        start = stream.tell()
        marker = _next_marker(stream, _MOST_SKIPPED - skipped)
        skipped += stream.tell() - start - 2
        if marker in _BARE:
            continue
        if marker == _SOS:
            stream.seek(-2, 1)
            yield marker, b""
            return
        length = int.from_bytes(stream.read(2), "big")
        payload = stream.read(length - 2) if length >= 2 else b""  # noqa: PLR2004 - it counts itself
        if marker == _EOI[1] or length < 2 or len(payload) != length - 2:  # noqa: PLR2004
            raise _corrupt("the file ends before its pixels")
        yield marker, payload
    raise _corrupt(f"more than {MAX_SEGMENTS} segments before the pixels")


def _next_marker(stream: BinaryIO, most_skipped: int) -> int:
    """The next marker; bytes between segments are passed over, as every decoder does."""
    before = b""
    for _ in range(most_skipped + 2):
        byte = stream.read(1)
        if before == b"\xff" and byte not in {b"\xff", b"\0", b""}:
            return byte[0]
        before = byte
    raise _corrupt("no segment follows before the pixels")


def _with_end(scans: bytes) -> bytes:
    """The scans up to their end, which a cut file lacks; `padded` finds out what is missing."""
    ends = [end for end, marker, _ in _scan_ends(scans) if marker == _EOI[1]]
    return scans[: ends[0]] + _EOI if ends else scans + _EOI


def _scan_ends(scans: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Where the coded data of each scan end, the marker that follows, and the scan's header.

    The marker is 0 at the file's end; an end of the picture that follows no scan has no header.
    Raises PictureRefused for too many scans.
    """
    at = count = 0
    while at < len(scans):
        length = int.from_bytes(scans[at + 2 : at + 4], "big")
        if scans[at + 1 : at + 2] == bytes([_SOS]):
            found = _END_OF_SCAN.search(scans, at + 2 + length)
            end = found.start() if found else len(scans)
            marker = found[0][-1] if found else 0
            count += 1
            if count > MAX_SCANS:
                raise _corrupt(f"more than {MAX_SCANS} scans")
            yield end, marker, scans[at + 4 : at + 2 + length]
            if marker in {0, _EOI[1]}:
                return
            at = found.end() - 2 if found else end
        elif scans[at + 1 : at + 2] == _EOI[1:]:
            yield at, _EOI[1], b""
            return
        else:
            at += 2 + max(length, 2)


def padded(data: bytes) -> bytes | None:
    """A JPEG from `read_container` with meaningless bytes after the coded data of each scan.

    A decoder that has all rows never reads them; one that lacks some takes them for pixels, where
    it would otherwise fill in grey. So a JPEG is whole if, and only if, both decode to the same
    picture. None when it is arithmetically coded, where an end may be left out and means zeros.
    """
    stream = io.BytesIO(data)
    has_restarts = False
    for marker, _ in _segments(stream):
        if marker in _ARITHMETIC:
            return None
        has_restarts = has_restarts or marker == _DRI
    start = stream.tell()
    scans, parts, at = data[start:], [data[:start]], 0
    for end, _, _ in _scan_ends(scans):
        coded = scans[at:end]
        parts += [coded, _filler(coded) if has_restarts else _FILLER]
        at = end
    return b"".join([*parts, scans[at:]])


def _filler(coded: bytes) -> bytes:
    """Filler for an interval that was begun, then restarts with filler for those that follow."""
    restarts = _RESTART.findall(coded)
    following = (restarts[-1][0] + 1) % 8 if restarts else 0
    return _FILLER + bytes([0xFF, 0xD0 + following]) + _FILLER


# ── EXIF ─────────────────────────────────────────────────────────────────────────────────────────


def _orientation(tiff: bytes) -> int:
    """The orientation in the first directory of an EXIF block, which may be cut; else 1.

    Pillow warns of a cut block where its entries should be read as far as they go.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for entry in range(count):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * entry)
            if tag == _ORIENTATION:
                return value if kind == _SHORT and 1 <= value <= 8 else 1  # noqa: PLR2004
    except struct.error:
        pass
    return 1
