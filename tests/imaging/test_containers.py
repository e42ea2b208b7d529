"""Damaged metadata are ignored; missing rows are refused."""

import io
import itertools
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from imaging.containers import read_container
from imaging.reading import read_picture
from imaging.refusal import PictureRefused
from tests import images as made


def after_soi(data, marker, payload):
    """A JPEG with one more segment at its start."""
    return data[:2] + struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload + data[2:]


def exif(orientation=6):
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    more = struct.pack("<HHII", 0x010E, 2, 200, 38) + bytes(4)
    return b"Exif\0\0II*\0\x08\0\0\0\x02\0" + entry + more + b"x" * 200


def cut_mpf(data):
    """An MPF segment whose table ends in the middle of an entry."""
    return after_soi(data, 0xE2, b"MPF\0II*\0\x08\0\0\0\x03\0\x00\xb0\x07\0\x04\0")


def half_a_profile(data):
    profile = made.swapped_profile()
    return after_soi(data, 0xE2, b"ICC_PROFILE\0\x01\x02" + profile[: len(profile) // 2])


def broken_profile(data):
    return after_soi(data, 0xE2, b"ICC_PROFILE\0\x01\x01" + b"\xab" * 500)


NOISE = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\xab" * 40
FAR_AWAY = b"Exif\0\0MM\0*\xff\xff\xff\xf0"
DAMAGED_JPEGS = {
    "EXIF without its last bytes": lambda data: after_soi(data, 0xE1, exif(1)[:-150]),
    "EXIF of noise": lambda data: after_soi(data, 0xE1, NOISE),
    "EXIF that points far away": lambda data: after_soi(data, 0xE1, FAR_AWAY),
    "an MPF table that is cut": cut_mpf,
    "a profile of which half is missing": half_a_profile,
    "a profile of noise": broken_profile,
    "a short JFIF segment": lambda data: after_soi(data, 0xE0, b"JFIF\0"),
    "a short Adobe segment": lambda data: after_soi(data, 0xEE, b"Ad"),
    "XMP of noise": lambda data: after_soi(data, 0xE1, b"http://ns.adobe.com/xap/1.0/\0\xff\xfe<"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGED_JPEGS)
def test_a_jpeg_with_damaged_metadata_has_the_same_pixels(damage):
    original = made.jpeg(quality=95)
    damaged = DAMAGED_JPEGS[damage](original)
    assert read_picture(damaged).tobytes() == read_picture(original).tobytes()


def text(kind, size=1_200_000):
    packed = zlib.compress(b"lorem " * (size // 6), 9)
    head = b"comment\0\0" if kind == b"zTXt" else b"comment\0\x01\0\0\0"
    return made.png_with(kind, head + packed)


DAMAGED_PNGS = {
    "a megabyte of compressed text": text(b"zTXt"),
    "a megabyte of compressed international text": text(b"iTXt"),
    "a bomb of text": made.png_text_bomb(),
    "text that does not inflate": made.png_with(b"zTXt", b"comment\0\0noise"),
    "a profile that does not inflate": made.png_with(b"iCCP", b"name\0\0noise"),
    "a profile that is none": made.png_with(b"iCCP", b"name\0\0" + zlib.compress(b"none")),
    "a profile without a name": made.png_with(b"iCCP", b"\xff\xff"),
    "cut EXIF": made.png_with(b"eXIf", exif(1).removeprefix(b"Exif\0\0")[:20]),
    "gAMA of nothing": made.png_with(b"gAMA", bytes(4)),
    "a short gAMA": made.png_with(b"gAMA", b"\0"),
    "cHRM on a line": made.png_with(b"cHRM", bytes(32)),
    "cICP of unknown code points": made.png_with(b"cICP", b"\xc8\xc8\0\1"),
    "a private chunk": made.png_with(b"teSt", bytes(5000)),
}


@pytest.mark.parametrize("damage", DAMAGED_PNGS)
def test_a_png_with_damaged_metadata_has_the_same_pixels(damage):
    assert read_picture(DAMAGED_PNGS[damage]).tobytes() == made.scene().tobytes()


def test_metadata_with_a_wrong_checksum_are_ignored():
    data = bytearray(made.png_with(b"gAMA", (100_000).to_bytes(4, "big")))
    assert read_picture(bytes(data)).tobytes() != made.scene().tobytes()
    data[data.index(b"gAMA") + 8] ^= 0xFF
    assert read_picture(bytes(data)).tobytes() == made.scene().tobytes()


@pytest.mark.parametrize("cut", [0, 100, 180])
def test_a_cut_exif_block_has_an_orientation(cut):
    block = exif(6)
    data = after_soi(made.encoded(made.half_and_half(), "JPEG"), 0xE1, block[: len(block) - cut])
    assert read_picture(data).size == (512, 640)


def noise(width=640, height=512):
    levels = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(levels)


def flat_below(width=640, height=512):
    """Noise above, and white below, as decoders fill missing rows."""
    image = Image.new("RGB", (width, height), "white")
    image.paste(noise(width, 64))
    return image


JPEGS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "with restarts": {"restart_marker_blocks": 7},
    "progressive with restarts": {"progressive": True, "restart_marker_rows": 1},
    "grey": {"mode": "L"},
    "of four inks": {"mode": "CMYK"},
    "in full colour": {"subsampling": 0, "quality": 95},
    "optimised": {"optimize": True, "quality": 30},
}


def a_jpeg(kind, image):
    options = dict(JPEGS[kind])
    return made.encoded(image.convert(options.pop("mode", "RGB")), "JPEG", **options)


def last_scan(data):
    """Start and end of the coded data of the last scan."""
    start = data.rindex(b"\xff\xda")
    return start + 2 + int.from_bytes(data[start + 2 : start + 4], "big"), len(data) - 2


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("image", [noise(), flat_below(), made.scene()])
def test_a_whole_jpeg_is_read(kind, image):
    data = a_jpeg(kind, image)
    with Image.open(io.BytesIO(data)) as opened:
        assert read_picture(data).tobytes() == opened.convert("RGB").tobytes()


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.995])
@pytest.mark.parametrize("ending", [b"", b"\xff\xd9"])
def test_a_jpeg_without_its_last_rows_is_refused_even_with_an_end(kind, share, ending):
    data = a_jpeg(kind, noise())
    start, end = last_scan(data)
    with pytest.raises(PictureRefused) as caught:
        read_picture(data[: start + int(share * (end - start))] + ending)
    assert caught.value.code == "IMAGE_CORRUPT"


@pytest.mark.parametrize("kind", JPEGS)
def test_missing_rows_are_detected_even_if_they_would_be_white(kind):
    data = a_jpeg(kind, flat_below())
    start, end = last_scan(data)
    with pytest.raises(PictureRefused):
        read_picture(data[: start + int(0.97 * (end - start))] + b"\xff\xd9")


def test_rows_missing_after_a_restart_are_detected():
    data = a_jpeg("with restarts", noise())
    restarts = [match.start() for match in re.finditer(rb"\xff[\xd0-\xd7]", data)]
    for offset in (restarts[3], restarts[len(restarts) // 2], restarts[-1]):
        with pytest.raises(PictureRefused, match="rows"):
            read_picture(data[:offset] + b"\xff\xd9")


def test_a_jpeg_without_its_end_marker_has_all_rows():
    data = made.jpeg()
    assert read_picture(data[:-2]).tobytes() == read_picture(data).tobytes()


def test_missing_rows_are_detected_in_a_reduced_jpeg():
    data = made.encoded(noise(1600, 1600), "JPEG")
    assert read_picture(data, reduce_to=200).size == (200, 200)
    with pytest.raises(PictureRefused, match="rows"):
        read_picture(data[: len(data) // 2] + b"\xff\xd9", reduce_to=200)


def png_of_rows(rows, *, height=600, interlace=0):
    header = struct.pack(">IIBBBBB", 600, height, 8, 2, 0, 0, interlace)
    packed = zlib.compress((b"\0" + bytes(range(200)) * 9) * rows)
    return made.png_of_chunks(made.chunk(b"IHDR", header), made.chunk(b"IDAT", packed))


def test_a_png_with_missing_rows_and_valid_checksums_is_refused():
    assert read_picture(png_of_rows(600)).size == (600, 600)
    with pytest.raises(PictureRefused, match="rows"):
        read_picture(png_of_rows(599))


def test_missing_rows_of_an_interlaced_png_are_detected():
    header = struct.pack(">IIBBBBB", 5, 3, 8, 0, 0, 0, 1)
    # Seven passes of a picture of five by three, of which the third is empty.
    passes = [(1, 1), (1, 1), (1, 1), (3, 1), (2, 2), (5, 1)]
    rows = b"".join((b"\0" + b"\x80" * wide) * high for wide, high in passes)
    whole, cut = (
        made.png_of_chunks(made.chunk(b"IHDR", header), made.chunk(b"IDAT", zlib.compress(data)))
        for data in (rows, rows[:-1])
    )
    assert read_picture(whole).getextrema() == ((128, 128),) * 3
    with pytest.raises(PictureRefused, match="rows"):
        read_picture(cut)


def test_a_png_without_its_end_chunk_has_all_rows():
    assert read_picture(made.png()[:-12]).tobytes() == made.scene().tobytes()


def test_an_unknown_critical_chunk_is_refused():
    with pytest.raises(PictureRefused, match="critical"):
        read_picture(made.png_with(b"CgBI", bytes(4)))


def test_the_header_has_size_and_orientation_without_the_pixels():
    container = read_container(io.BytesIO(made.png_turned(6)), "PNG", whole=False)
    assert (container.width, container.height, container.orientation) == (640, 512, 6)
    assert container.data == b""
    cut = made.jpeg_turned(8)[:-4000]
    assert read_container(io.BytesIO(cut), "JPEG", whole=False).orientation == 8


TEN_MEGABYTES = 10 << 20


def filled(before, filler, after):
    return before + filler * ((TEN_MEGABYTES - len(before) - len(after)) // len(filler)) + after


HEADS_WITHOUT_END = {
    "shortest comments": ("JPEG", filled(b"\xff\xd8", b"\xff\xfe\x00\x02", made.jpeg()[2:])),
    "restarts": ("JPEG", filled(b"\xff\xd8", b"\xff\xd0", made.jpeg()[2:])),
    "zeros": ("JPEG", filled(b"\xff\xd8\xff", b"\0", made.jpeg()[2:])),
    "fill bytes": ("JPEG", filled(b"\xff\xd8", b"\xff", made.jpeg()[2:])),
    "nothing but zeros": ("JPEG", filled(b"\xff\xd8\xff", b"\0", b"")),
    "empty chunks": ("PNG", filled(made.png()[:33], made.chunk(b"teSt", b""), made.png()[33:])),
    "transparencies": ("PNG", filled(made.png()[:33], made.chunk(b"tRNS", b""), made.png()[33:])),
}


class CountedReads(io.BytesIO):
    """A file that counts how often it is read."""

    reads = 0

    def read(self, size=-1):
        self.reads += 1
        return super().read(size)


@pytest.mark.parametrize("kind", HEADS_WITHOUT_END)
def test_ten_megabytes_before_the_pixels_are_refused_after_a_few_reads(kind):
    file_format, data = HEADS_WITHOUT_END[kind]
    stream = CountedReads(data)
    with pytest.raises(PictureRefused) as caught:
        read_container(stream, file_format, whole=False)
    assert caught.value.code == "IMAGE_CORRUPT"
    assert stream.reads < 70_000


def test_nine_megabytes_of_metadata_before_the_pixels_are_skipped():
    comments = struct.pack(">BBH", 0xFF, 0xFE, 0xFFFF) + bytes(0xFFFD)
    data = filled(b"\xff\xd8", comments, made.jpeg()[2:])
    assert read_picture(data).tobytes() == read_picture(made.jpeg()).tobytes()


def test_a_few_bytes_between_segments_are_skipped():
    data = made.jpeg()
    padded = data[:20] + bytes(1000) + data[20:]
    assert read_picture(padded).tobytes() == read_picture(data).tobytes()


def test_coded_data_of_fill_bytes_are_read_once():
    """In quadratic time, this file would take days."""
    data = made.endless_jpeg(scans=1)[:-2] + b"\xff" * 5_000_000 + b"\0"
    with pytest.raises(PictureRefused):
        read_container(io.BytesIO(data), "JPEG", whole=True)


def scans_of(data):
    """The offsets of the scans of a JPEG."""
    return [match.start() for match in re.finditer(rb"\xff\xda\x00", data)]


@pytest.mark.parametrize("ending", [b"", b"\xff\xd9"])
def test_a_jpeg_that_was_cut_between_two_scans_is_refused(ending):
    data = a_jpeg("progressive", noise())
    starts = scans_of(data)
    assert len(starts) > 5
    for offset in starts[1:]:
        with pytest.raises(PictureRefused, match="scans") as caught:
            read_picture(data[:offset] + ending)
        assert caught.value.code == "IMAGE_CORRUPT"


def test_a_jpeg_without_the_scans_of_its_colours_is_refused():
    """Each component has its own scan, and the last two are missing."""
    data = a_jpeg("progressive", noise())
    tables = {match.start(): match[0] for match in re.finditer(rb"\xff\xc2.{17}", data, re.DOTALL)}
    assert len(tables) == 1
    starts = [*scans_of(data), len(data)]
    parts = [data[first:last] for first, last in itertools.pairwise(starts)]
    of_luma = [
        part for part in parts if part[4] > 1 or part[5] == data[data.index(b"\xff\xc2") + 10]
    ]
    assert len(of_luma) < len(parts)
    with pytest.raises(PictureRefused, match="scans"):
        read_picture(data[: starts[0]] + b"".join(of_luma) + b"\xff\xd9")


def test_a_jpeg_of_too_many_scans_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(Image, "open", lambda *_args, **_named: pytest.fail("was decoded"))
    with pytest.raises(PictureRefused, match="more than 100 scans"):
        read_picture(made.endless_jpeg(scans=3000))
