"""JPEG: every shape of the format that is sound, and every way to break it."""

import functools
import struct

from PIL import Image

from tests import images as made
from tests.hostile.case import (
    BLANK,
    CORRUPT,
    TOO_HEAVY,
    TOO_LONG,
    TOO_MANY_PIXELS,
    TOO_SMALL,
    WRONG_FORMAT,
    jpeg,
)
from tests.imaging.test_containers import (
    DAMAGED_JPEGS,
    HEADS_WITHOUT_END,
    a_jpeg,
    after_soi,
    exif,
    last_scan,
    noise,
    scans_of,
)

KINDS = ("baseline", "progressive", "with restarts", "progressive with restarts", "grey",
         "of four inks", "in full colour")  # fmt: skip
HEIGHT, WIDTH = 3, 5  # offsets behind the marker of a frame and its length


@functools.cache
def sound(kind="baseline"):
    return a_jpeg(kind, noise(512, 512))


def frame_at(data):
    """Where the frame's marker stands: baseline or progressive."""
    return next(at for at in (data.find(b"\xff\xc0"), data.find(b"\xff\xc2")) if at > 0)


def patched(data, offset, replacement):
    """The file with other bytes in its frame, counted from its marker."""
    at = frame_at(data) + offset
    return data[:at] + replacement + data[at + len(replacement) :]


def without(data, marker):
    """The file without the segments of a marker before its pixels."""
    at, kept, start = 2, [data[:2]], data.index(b"\xff\xda")
    while at < start:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] != marker:
            kept.append(data[at:end])
        at = end
    return b"".join([*kept, data[start:]])


def cases():
    yield from shapes()
    yield from described()
    yield from sizes()
    yield from cut()
    yield from wrong_frames()
    yield from endless()
    yield from not_quite_jpeg()


def shapes():
    for kind in KINDS:
        yield jpeg(kind, functools.partial(sound, kind))
    for subsampling in (0, 1, 2):
        for progressive in (False, True):
            yield jpeg(
                f"subsampling {subsampling}, {'progressive' if progressive else 'baseline'}",
                lambda subsampling=subsampling, progressive=progressive: made.jpeg(
                    subsampling=subsampling, progressive=progressive
                ),
            )
    for quality in (1, 30, 100):
        yield jpeg(f"quality {quality}", functools.partial(made.jpeg, quality=quality))
    for turn in range(1, 9):
        yield jpeg(f"turned {turn}", functools.partial(made.jpeg_turned, turn))
    yield jpeg("of several pictures (MPF)", made.multi_picture_jpeg)
    yield jpeg("optimised", lambda: made.jpeg(optimize=True))
    yield jpeg("without JFIF", lambda: without(sound(), 0xE0))
    yield jpeg("tables after its frame", lambda: _tables_last(sound()))


def _tables_last(data):
    at = data.index(b"\xff\xdb")
    end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    start = data.index(b"\xff\xda")
    return data[:at] + data[end:start] + data[at:end] + data[start:]


def described():
    for name, damage in DAMAGED_JPEGS.items():
        yield jpeg(name, lambda damage=damage: damage(sound()))
    yield jpeg("with EXIF, GPS, XMP and a comment", made.jpeg_with_secrets)
    yield jpeg("with broken EXIF", made.jpeg_with_broken_exif)
    for turn in (0, 9, 65_535):
        yield jpeg(
            f"turned {turn}, which is no turn",
            lambda turn=turn: after_soi(sound(), 0xE1, exif(turn)),
        )
    yield jpeg(
        "EXIF of as many entries as can be said",
        lambda: after_soi(sound(), 0xE1, b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(60_000)),
    )
    yield jpeg(
        "EXIF whose directory is itself",
        lambda: after_soi(sound(), 0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0\x08\0\0\0"),
    )
    yield jpeg(
        "with a profile",
        lambda: made.encoded(made.scene(512, 512), "JPEG", icc_profile=made.swapped_profile()),
    )
    yield jpeg(
        "parts of a profile out of order",
        lambda: after_soi(sound(), 0xE2, b"ICC_PROFILE\0\x02\x02" + made.swapped_profile()[:200]),
    )
    yield jpeg(
        "part 0 of 255 of a profile",
        lambda: after_soi(sound(), 0xE2, b"ICC_PROFILE\0\x00\xff" + bytes(60_000)),
    )
    yield jpeg(
        "a hundred comments",
        lambda: functools.reduce(
            lambda data, _: after_soi(data, 0xFE, b"words"), range(100), sound()
        ),
    )
    yield jpeg(
        "Photoshop's block of noise",
        lambda: after_soi(sound(), 0xED, b"Photoshop 3.0\x008BIM" + b"\xff" * 90),
    )
    yield jpeg("an empty MPF table", lambda: after_soi(sound(), 0xE2, b"MPF\0"))
    million = b"MPF\0MM\0*\0\0\0\x08\0\x01\xb0\x01\0\x04\0\0\0\x01\0\x0f\x42\x40"
    yield jpeg("MPF of a million pictures", lambda: after_soi(sound(), 0xE2, million))
    for name, tail in {
        "a ZIP": made.archive(),
        "HTML": made.html(),
        "a PDF": made.pdf(),
        "a JPEG": made.jpeg(40, 40),
        "a megabyte of zeros": bytes(1_000_000),
        "a script": b"<?php system($_GET['c']); ?>",
    }.items():
        yield jpeg(f"and behind it {name}", lambda tail=tail: sound() + tail)
    yield jpeg("a script in its comment", lambda: after_soi(sound(), 0xFE, made.html()))
    yield jpeg("without its end marker", lambda: sound()[:-2])
    yield jpeg("fill bytes before a marker", lambda: sound()[:20] + b"\xff" * 50 + sound()[20:])
    yield jpeg("zeros between segments", lambda: sound()[:20] + bytes(500) + sound()[20:])


def sizes():
    for size in ((511, 512), (512, 511), (64, 48), (1, 1), (8, 8)):
        yield jpeg(
            "{} by {}".format(*size),
            lambda size=size: made.encoded(made.scene().resize(size), "JPEG"),
            work=TOO_SMALL,
        )
    for size in ((512, 512), (8192, 512), (517, 1031)):
        yield jpeg("exactly {} by {}".format(*size), functools.partial(made.jpeg, *size))
    for size in ((8200, 512), (512, 8200)):
        yield jpeg("{} by {}".format(*size), functools.partial(made.jpeg, *size), work=TOO_LONG)
    for colour in ("white", "black", "teal"):
        yield jpeg(
            f"nothing but {colour}",
            lambda colour=colour: made.encoded(Image.new("RGB", (512, 512), colour), "JPEG"),
            work=BLANK,
        )


def cut():
    for length in (3, 4, 10, 60, 300):
        yield jpeg(
            f"cut in its header at {length}", lambda length=length: sound()[:length], CORRUPT
        )
    for kind in KINDS:
        for percent in (2, 50, 90):
            for name, ending in (("", b""), (" and closed", b"\xff\xd9")):
                yield jpeg(
                    f"{kind}, cut at {percent} % of its last scan{name}",
                    functools.partial(_cut, kind, percent, ending),
                    CORRUPT,
                )
    for number in (1, 4, -1):
        yield jpeg(
            f"progressive, cut before scan {number}",
            lambda number=number: (data := sound("progressive"))[: scans_of(data)[number]],
            CORRUPT,
        )


def _cut(kind, percent, ending):
    start, end = last_scan(sound(kind))
    return sound(kind)[: start + (end - start) * percent // 100] + ending


def wrong_frames():
    def size(height, width):
        return lambda: patched(sound(), 5, struct.pack(">HH", height, width))

    yield jpeg("twice as high as its pixels", size(1024, 512), CORRUPT)
    yield jpeg("twice as wide as its pixels", size(512, 1024), CORRUPT)
    yield jpeg("no height", size(0, 512), CORRUPT)
    yield jpeg("no width", size(512, 0), CORRUPT)
    yield jpeg("no size", size(0, 0), CORRUPT)
    for height, width in ((65_535, 65_535), (65_500, 900), (7100, 7100)):
        yield jpeg(f"it says {width} by {height}", size(height, width), TOO_MANY_PIXELS)
    for bits in (1, 7, 16, 255):
        yield jpeg(f"{bits} bits", lambda bits=bits: patched(sound(), 4, bytes([bits])), CORRUPT)
    for count in (0, 2, 5, 255):
        yield jpeg(
            f"{count} components", lambda count=count: patched(sound(), 9, bytes([count])), CORRUPT
        )
    for factor in (0x00, 0x55, 0xFF):
        yield jpeg(
            f"sampling {factor:02x}",
            lambda factor=factor: patched(sound(), 11, bytes([factor])),
            CORRUPT,
        )
    for kind in (0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF):
        yield jpeg(
            f"a frame of kind {kind:02x}",
            lambda kind=kind: patched(sound(), 1, bytes([kind])),
            CORRUPT,
        )
    yield jpeg("without quantisation", lambda: without(sound(), 0xDB), CORRUPT)
    yield jpeg("without a frame", lambda: without(sound(), 0xC0), CORRUPT)
    yield jpeg("two frames", lambda: _doubled(sound()), CORRUPT)
    yield jpeg(
        "a segment of length 0", lambda: sound()[:20] + b"\xff\xfe\0\0" + sound()[20:], CORRUPT
    )
    yield jpeg(
        "a segment of length 1", lambda: sound()[:20] + b"\xff\xfe\0\1" + sound()[20:], CORRUPT
    )
    yield jpeg(
        "its end before its pixels", lambda: sound()[:20] + b"\xff\xd9" + sound()[20:], CORRUPT
    )


def _doubled(data):
    at = frame_at(data)
    end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data[:end] + data[at:]


def endless():
    yield jpeg(
        "a hundred scans of too little", lambda: made.endless_jpeg(scans=100, side=600), CORRUPT
    )
    yield jpeg("a hundred and one scans", lambda: made.endless_jpeg(scans=101, side=600), CORRUPT)
    yield jpeg("three thousand scans", lambda: made.endless_jpeg(scans=3000), CORRUPT)
    yield jpeg("forty thousand scans", made.endless_jpeg, CORRUPT)
    for name, (file_format, data) in HEADS_WITHOUT_END.items():
        if file_format == "JPEG":
            yield jpeg(
                f"ten megabytes of {name}", lambda data=data: data, CORRUPT,
                signature=TOO_HEAVY, profile=TOO_HEAVY,
            )  # fmt: skip
    yield jpeg(
        "fill bytes for pixels",
        lambda: made.endless_jpeg(scans=1)[:-2] + b"\xff" * 2_000_000,
        CORRUPT,
    )


def not_quite_jpeg():
    yield jpeg("its magic and noise", lambda: b"\xff\xd8\xff" + bytes(range(200)) * 9, CORRUPT)
    yield jpeg("its magic and a PNG", lambda: b"\xff\xd8\xff" + made.png(), CORRUPT)
    yield jpeg("its magic and nothing", lambda: b"\xff\xd8\xff", CORRUPT)
    yield jpeg("nothing but markers", lambda: b"\xff\xd8\xff\xd9", CORRUPT)
    yield jpeg("two bytes of its magic", lambda: b"\xff\xd8", WRONG_FORMAT)
    yield jpeg("a line before it", lambda: b"\r\n" + sound(), WRONG_FORMAT)
    yield jpeg("as a text file was sent", lambda: sound().decode("latin-1").encode(), WRONG_FORMAT)
    yield jpeg("JPEG XL", lambda: b"\xff\x0a" + bytes(500), WRONG_FORMAT)
    yield jpeg("JPEG-LS", lambda: b"\xff\xd8\xff\xf7" + bytes(500), CORRUPT)
