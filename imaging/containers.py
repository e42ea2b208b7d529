"""Reduce PNG and JPEG files to pixel data and the metadata that affect how they are shown.

Pillow refuses many pictures with damaged metadata. So pixel data are copied to a new file before
decoding, and of the metadata only orientation and colours are read, and ignored if damaged. Missing
rows are detected here, because Pillow fills them with black or grey without an error.
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
_METADATA_CHUNKS = frozenset({b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"eXIf"})
_MAX_METADATA_CHUNK = 8 << 20  # bytes of one chunk that only describes the picture
_HEADER_BYTES = 13
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # per pixel, by the colour type of the PNG header
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)
)  # fmt: skip
_INFLATE_LIMIT = 1 << 20

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_SOS, _DRI, _APP0, _APP1, _APP2, _APP14 = 0xDA, 0xDD, 0xE0, 0xE1, 0xE2, 0xEE
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {
    0xC4,
    0xC8,
    0xCC,
}  # start of frame: height and width
_ARITHMETIC = frozenset(range(0xC9, 0xD0))
_PROGRESSIVE = frozenset({0xC2, 0xCA})
_COEFFICIENTS = 64
MAX_SCANS = 100
"""Encoders write up to about twenty. Decoding one takes a pass over the whole picture, even if it
has few bytes: 3,000 took two minutes."""
MAX_SEGMENTS = 1000
"""Before the pixels, of any kind. A file of 10 MB has at most 160 segments of full length, but may
have millions of the shortest ones, which took five seconds to read."""
_MAX_SKIPPED = 65_536  # bytes between segments of a JPEG, in total
_METADATA = frozenset({*range(0xE0, 0xF0), 0xFE})  # application segments and comments
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
# A marker that is neither stuffing nor a restart. The lookbehind lets the search read each run of
# fill bytes once; without it, a file of fill bytes takes time quadratic in its size.
_END_OF_SCAN = re.compile(rb"(?<!\xff)\xff++[\x02-\xcf\xd8-\xfe]")
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_EXIF = b"Exif\0\0"
_ORIENTATION, _SHORT = 0x0112, 3
_FILLER = b"\x55\xaa\x5a" * 24


@dataclass(frozen=True)
class Container:
    """A picture file without its other metadata.

    `width` and `height` are those of the stored pixels; `orientation` is that of EXIF, 1-8;
    `colour_chunks` are the valid PNG chunks about colour by name; `data` is the file without other
    metadata, or empty if only the header was read.
    """

    width: int
    height: int
    orientation: int = 1
    colour_chunks: Mapping[bytes, bytes] = field(default_factory=lambda: MappingProxyType({}))
    data: bytes = b""


def read_container(stream: BinaryIO, file_format: str, *, whole: bool) -> Container:
    """Read a "PNG" or "JPEG" up to its pixels; with `whole`, including them.

    Raises PictureRefused (IMAGE_CORRUPT) for a damaged header, too many segments before the pixels,
    a damaged pixel chunk or missing rows of a PNG, and missing or too many scans of a JPEG. Missing
    rows of a JPEG are detected by decoding it: see `padded`.
    """
    container = (_png if file_format == "PNG" else _jpeg)(stream, whole=whole)
    if container.width < 1 or container.height < 1:
        raise _corrupt("no width or no height")
    return container


def _corrupt(message: str) -> PictureRefused:
    return PictureRefused(RefusalCode.CORRUPT, message)


# ── PNG ──────────────────────────────────────────────────────────────────────────────────────────


def _png(stream: BinaryIO, *, whole: bool) -> Container:
    pixel_chunks, colour_chunks = list[tuple[bytes, bytes]](), dict[bytes, bytes]()
    has_pixels = False
    for number, (kind, length) in enumerate(_chunks(stream)):
        if number > MAX_SEGMENTS and not has_pixels:
            raise _corrupt(f"more than {MAX_SEGMENTS} chunks before the pixels")
        if kind == b"IEND" or (kind == b"IDAT" and not whole):
            break
        if kind in _PIXEL_CHUNKS:
            pixel_chunks.append((kind, _required_payload(stream, kind, length)))
            has_pixels = has_pixels or kind == b"IDAT"
        elif not kind[0] & 0x20:
            raise _corrupt("a critical chunk is of an unknown kind")
        elif kind in _METADATA_CHUNKS and length <= _MAX_METADATA_CHUNK and not has_pixels:
            payload = _payload(stream, kind, length)
            if payload is not None:
                colour_chunks.setdefault(kind, payload)
    name, header = pixel_chunks[0] if pixel_chunks else (b"", b"")
    if name != b"IHDR" or len(header) != _HEADER_BYTES:
        raise _corrupt("the header is missing")
    _check_header(header)
    if whole and not _has_all_rows(
        header, [payload for kind, payload in pixel_chunks if kind == b"IDAT"]
    ):
        raise _corrupt("rows of pixels are missing")
    width, height = struct.unpack(">II", header[:8])
    chunks = [_chunk(kind, payload) for kind, payload in [*pixel_chunks, (b"IEND", b"")]]
    return Container(
        width,
        height,
        _orientation(colour_chunks.get(b"eXIf", b"").removeprefix(_EXIF)),
        MappingProxyType(colour_chunks),
        b"".join([PNG_MAGIC, *chunks]) if whole else b"",
    )


def _check_header(header: bytes) -> None:
    """Raise PictureRefused for values that PNG does not define (section 11.2.1)."""
    depth, colour, compression, filtering, interlace = header[8:]
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise _corrupt("the header has invalid values")


def _required_payload(stream: BinaryIO, kind: bytes, length: int) -> bytes:
    payload = _payload(stream, kind, length)
    if payload is None:
        raise _corrupt(f"the chunk {kind.decode()} is damaged")
    return payload


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Kind and length of each chunk; the stream is positioned at its payload."""
    start = len(PNG_MAGIC)
    stream.seek(start)
    while len(head := stream.read(8)) == 8:  # noqa: PLR2004 - length and kind
        length, kind = struct.unpack(">I4s", head)
        yield kind, length
        start += 12 + length
        stream.seek(start)


def _payload(stream: BinaryIO, kind: bytes, length: int) -> bytes | None:
    """The payload at the stream's position; None if it is cut or its checksum is wrong."""
    payload, checksum = stream.read(length), stream.read(4)
    is_valid = len(payload) == length and zlib.crc32(kind + payload).to_bytes(4, "big") == checksum
    return payload if is_valid else None


def _chunk(kind: bytes, payload: bytes) -> bytes:
    checksum = zlib.crc32(kind + payload).to_bytes(4, "big")
    return len(payload).to_bytes(4, "big") + kind + payload + checksum


def _has_all_rows(header: bytes, pixels: list[bytes]) -> bool:
    """Whether the compressed data have all rows; inflated in parts, against compression bombs."""
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", header)
    bits = depth * _SAMPLES[colour]
    needed_bytes = 0
    for left, top, step_x, step_y in _ADAM7 if interlace else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // step_x), -(-(height - top) // step_y)
        if columns > 0 and rows > 0:
            needed_bytes += rows * (1 + math.ceil(columns * bits / 8))
    inflater, inflated_bytes = zlib.decompressobj(), 0
    try:
        for part in pixels:
            pending = part
            while pending and inflated_bytes < needed_bytes:
                inflated_bytes += len(inflater.decompress(pending, _INFLATE_LIMIT))
                pending = inflater.unconsumed_tail
    except zlib.error:
        return False
    return inflated_bytes >= needed_bytes


# ── JPEG ─────────────────────────────────────────────────────────────────────────────────────────


def _jpeg(stream: BinaryIO, *, whole: bool) -> Container:
    segments = [_SOI]
    width = height = 0
    orientation: int | None = None
    frame, frame_marker = b"", 0
    for marker, payload in _segments(stream):
        if marker == _SOS:
            break
        if marker in _START_OF_FRAME and len(payload) >= 5:  # noqa: PLR2004 - precision, height, width
            height, width = struct.unpack(">HH", payload[1:5])
            frame, frame_marker = payload, marker
        if marker == _APP0 and payload.startswith(b"JFIF\0"):
            segments.append(_JFIF)  # marks colours as YCbCr; the other fields are not needed
        elif marker == _APP1 and payload.startswith(_EXIF):
            orientation = orientation or _orientation(payload.removeprefix(_EXIF))
        elif marker not in _METADATA or _is_about_colour(marker, payload):
            segments.append(struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload)
    data = b""
    if whole:
        scans = _with_end(stream.read())
        if not _has_all_scans(frame, scans, is_progressive=frame_marker in _PROGRESSIVE):
            raise _corrupt("scans are missing")
        data = b"".join([*segments, scans])
    return Container(width, height, orientation or 1, data=data)


def _has_all_scans(frame: bytes, scans: bytes, *, is_progressive: bool) -> bool:
    """Whether the scans have all coefficients of all components, with all of their bits.

    Decoders use zeros for missing ones without an error: a picture that was cut between two scans
    is blurred, grey or of one colour.
    """
    components = frame[6::3][: frame[5]] if len(frame) > 5 else b""  # noqa: PLR2004 - their number
    pending = {component: set(range(_COEFFICIENTS)) for component in components}
    for _, _, header in _scan_ends(scans):
        count = header[0] if header else 0
        if len(header) < 4 + 2 * count:
            continue
        first, last, bits = header[1 + 2 * count : 4 + 2 * count]
        for component in header[1 : 1 + 2 * count : 2]:
            if not is_progressive:
                pending.pop(component, None)
            elif not bits & 0x0F:
                pending.get(component, set()).difference_update(range(first, last + 1))
    return not any(pending.values())


def _is_about_colour(marker: int, payload: bytes) -> bool:
    is_profile = marker == _APP2 and payload.startswith(b"ICC_PROFILE\0")
    return is_profile or (marker == _APP14 and payload.startswith(b"Adobe"))


def _segments(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Marker and payload of each segment before the pixels, and at last SOS without a payload."""
    stream.seek(len(_SOI))
    skipped = 0
    for _ in range(MAX_SEGMENTS):
        start = stream.tell()
        marker = _next_marker(stream, _MAX_SKIPPED - skipped)
        skipped += stream.tell() - start - 2
        if marker in _WITHOUT_LENGTH:
            continue
        if marker == _SOS:
            stream.seek(-2, 1)
            yield marker, b""
            return
        length = int.from_bytes(stream.read(2), "big")
        payload = stream.read(length - 2) if length >= 2 else b""  # noqa: PLR2004 - the length includes itself
        if marker == _EOI[1] or length < 2 or len(payload) != length - 2:  # noqa: PLR2004
            raise _corrupt("the file ends before its pixels")
        yield marker, payload
    raise _corrupt(f"more than {MAX_SEGMENTS} segments before the pixels")


def _next_marker(stream: BinaryIO, max_skipped: int) -> int:
    """The next marker; bytes between segments are skipped, as in all decoders."""
    previous = b""
    for _ in range(max_skipped + 2):
        byte = stream.read(1)
        if previous == b"\xff" and byte not in {b"\xff", b"\0", b""}:
            return byte[0]
        previous = byte
    raise _corrupt("no segment follows before the pixels")


def _with_end(scans: bytes) -> bytes:
    """The scans up to EOI, which is added if it is missing; `padded` detects missing rows."""
    ends = [end for end, marker, _ in _scan_ends(scans) if marker == _EOI[1]]
    return scans[: ends[0]] + _EOI if ends else scans + _EOI


def _scan_ends(scans: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The end of the coded data of each scan, the next marker, and the scan's header.

    The marker is 0 at the end of the file; an EOI that does not follow a scan has no header.

    Raises PictureRefused for too many scans.
    """
    position = count = 0
    while position < len(scans):
        length = int.from_bytes(scans[position + 2 : position + 4], "big")
        if scans[position + 1 : position + 2] == bytes([_SOS]):
            match = _END_OF_SCAN.search(scans, position + 2 + length)
            end = match.start() if match else len(scans)
            marker = match[0][-1] if match else 0
            count += 1
            if count > MAX_SCANS:
                raise _corrupt(f"more than {MAX_SCANS} scans")
            yield end, marker, scans[position + 4 : position + 2 + length]
            if marker in {0, _EOI[1]}:
                return
            position = match.end() - 2 if match else end
        elif scans[position + 1 : position + 2] == _EOI[1:]:
            yield position, _EOI[1], b""
            return
        else:
            position += 2 + max(length, 2)


def padded(data: bytes) -> bytes | None:
    """A JPEG from `read_container` with filler bytes after the coded data of each scan.

    If no row is missing, a decoder does not read them; otherwise it decodes them as pixels instead
    of filling with grey. So no row is missing if, and only if, both decode to the same picture.
    None for arithmetic coding, in which trailing zeros may be omitted.
    """
    stream = io.BytesIO(data)
    has_restarts = False
    for marker, _ in _segments(stream):
        if marker in _ARITHMETIC:
            return None
        has_restarts = has_restarts or marker == _DRI
    start = stream.tell()
    scans, parts, position = data[start:], [data[:start]], 0
    for end, _, _ in _scan_ends(scans):
        coded = scans[position:end]
        parts += [coded, _filler(coded) if has_restarts else _FILLER]
        position = end
    return b"".join([*parts, scans[position:]])


def _filler(coded: bytes) -> bytes:
    """Filler for the current restart interval, then a restart marker with filler for the next."""
    restarts = _RESTART.findall(coded)
    next_restart = (restarts[-1][0] + 1) % 8 if restarts else 0
    return _FILLER + bytes([0xFF, 0xD0 + next_restart]) + _FILLER


# ── EXIF ─────────────────────────────────────────────────────────────────────────────────────────


def _orientation(tiff: bytes) -> int:
    """The orientation (1-8) in the first directory of an EXIF block, else 1.

    Unlike Pillow, this reads the entries of a truncated block without a warning.
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
