"""PNG: every shape of the format that is sound, and every way to break it."""

import base64
import functools
import struct
import zlib

from PIL import Image

from tests import images as made
from tests.hostile import raw_png as raw
from tests.hostile.case import (
    BLANK,
    CORRUPT,
    NO_INK,
    TOO_HEAVY,
    TOO_LONG,
    TOO_MANY_PIXELS,
    TOO_SMALL,
    WRONG_FORMAT,
    png,
)
from tests.images import chunk, png_of_chunks
from tests.imaging.test_containers import DAMAGED_PNGS, TEN_MEGABYTES
from webapp.domain.images import PROFILE_IMAGE, SIGNATURE_IMAGE, TRAINING_IMAGE

NAMES = {raw.GREY: "grey", raw.RGB: "RGB", raw.PALETTE: "palette", raw.GREY_ALPHA: "grey and alpha",
         raw.RGB_ALPHA: "RGB and alpha"}  # fmt: skip
PIXELS = functools.partial(raw.scanlines, raw.disc(8, raw.RGB), 8)


@functools.cache
def sound():
    return raw.raw_png()


def put(name, payload):
    """The sound file with one more chunk before its pixels."""
    return sound()[:33] + chunk(name, payload) + sound()[33:]


def idat(payload):
    return chunk(b"IDAT", payload)


def cases():
    yield from shapes()
    yield from compressed_in_other_ways()
    yield from described()
    yield from animated()
    yield from sizes()
    yield from blanks()
    yield from cut()
    yield from wrong_headers()
    yield from wrong_chunks()
    yield from bombs()
    yield from not_quite_png()


def shapes():
    for colour, depths in raw.DEPTHS.items():
        for depth in depths:
            for interlace in (0, 1):
                way = " interlaced" if interlace else ""
                yield png(
                    f"{NAMES[colour]} of {depth} bits{way}",
                    functools.partial(raw.raw_png, depth=depth, colour=colour, interlace=interlace),
                )
    clear = {raw.GREY: struct.pack(">H", 7), raw.RGB: struct.pack(">HHH", 7, 7, 7),
             raw.PALETTE: bytes([0, 255])}  # fmt: skip
    for colour, transparency in clear.items():
        for depth in raw.DEPTHS[colour]:
            yield png(
                f"{NAMES[colour]} of {depth} bits with a transparent colour",
                functools.partial(
                    raw.raw_png, depth=depth, colour=colour, transparency=transparency
                ),
            )
    for filtering in range(1, 5):
        yield png(f"filter {filtering}", functools.partial(raw.raw_png, filtering=filtering))
    for turn in range(1, 9):
        turned = functools.partial(made.png_turned, turn)
        yield png(f"turned {turn}", turned, signature=NO_INK)  # red beside blue: no line is seen


def compressed_in_other_ways():
    for level in (0, 1, 9):
        yield png(f"level {level}", functools.partial(raw.raw_png, level=level))
    for strategy in (zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED, zlib.Z_FILTERED):
        yield png(f"strategy {strategy}", functools.partial(raw.raw_png, strategy=strategy))
    yield png("a window of 512 bytes", functools.partial(raw.raw_png, window=9))
    for part in (1, 100, 2000):
        yield png(f"pixels in parts of {part} bytes", functools.partial(raw.raw_png, part=part))
    yield png("an empty part of the pixels", lambda: sound()[:33] + idat(b"") + sound()[33:])
    yield png(
        "a text between two parts of its pixels", lambda: _text_between(raw.raw_png(part=900))
    )
    yield png(
        "more rows than it says",
        lambda: png_of_chunks(raw.header(), idat(zlib.compress(PIXELS() + bytes(3000)))),
    )


def _text_between(data):
    second = data.index(b"IDAT", data.index(b"IDAT") + 4) - 4
    return data[:second] + chunk(b"tEXt", b"Comment\0between") + data[second:]


def described():
    packed = zlib.compress(b"words " * 100)
    for name, payload in {
        "tEXt": b"Title\0A disc",
        "zTXt": b"Title\0\0" + packed,
        "iTXt": b"Title\0\1\0ko\0\0" + packed,
        "tIME": struct.pack(">HBBBBB", 2024, 2, 30, 25, 61, 61),
        "pHYs": struct.pack(">IIB", 2835, 2835, 1),
        "bKGD": struct.pack(">HHH", 0, 0, 0),
        "sBIT": b"\x08\x08\x08",
        "sPLT": b"name\0\x08" + bytes(6),
        "gAMA": struct.pack(">I", 45455),
        "cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
        "sRGB": b"\0",
        "cICP": b"\x01\x0d\0\x01",
        "mDCV": bytes(24),
        "iCCP": b"p\0\0" + zlib.compress(made.swapped_profile()),
        "eXIf": b"MM\0*\0\0\0\x08\0\0\0\0\0\0",
        "teSt": b"private",
    }.items():
        kind = name.encode()
        yield png(f"with {name}", functools.partial(put, kind, payload))
        wrong = chunk(kind, payload)[:-1] + b"\0"
        yield png(
            f"with {name} of a wrong checksum",
            lambda wrong=wrong: sound()[:33] + wrong + sound()[33:],
        )
    for name, data in DAMAGED_PNGS.items():
        yield png(name, lambda data=data: data)
    for name, tail in {
        "a ZIP": made.archive(),
        "HTML": made.html(),
        "a PNG": made.png(40, 40),
        "a megabyte of zeros": bytes(1_000_000),
        "a program": b"MZ" + bytes(500),
        "a chunk after its end": chunk(b"tEXt", b"Comment\0late"),
        "a cut chunk after its end": chunk(b"tEXt", b"Comment\0late")[:-6],
    }.items():
        yield png(f"and behind it {name}", lambda tail=tail: sound() + tail)
    yield png("without its end", lambda: sound()[:-12])
    yield png("with half of its end", lambda: sound()[:-6])
    yield png("a profile of grey on RGB", made.grey_profile_mismatch)
    yield png(
        "a profile of four inks on RGB",
        lambda: put(
            b"iCCP", b"p\0\0" + zlib.compress(made.swapped_profile().replace(b"RGB ", b"CMYK"))
        ),
    )


def animated():
    def frames(count, **options):
        others = [made.scene(512, 512, seed=seed) for seed in range(1, count)]
        return made.encoded(
            made.scene(512, 512), "PNG", save_all=True, append_images=others, duration=40, **options
        )

    yield png("animated, two frames", lambda: frames(2))
    yield png("animated, twenty frames", lambda: frames(20))
    yield png("animated, the first not shown", lambda: frames(3, default_image=True))
    yield png("animated, cut in its second frame", lambda: frames(3)[:-3000])
    yield png("animated, a second frame of noise", lambda: _broken_frame(frames(2)))
    yield png("animated, it says four milliards of frames", lambda: _many_frames(frames(2)))


def _broken_frame(data):
    at = data.index(b"fdAT") + 20
    return data[:at] + bytes(40) + data[at + 40 :]


def _many_frames(data):
    at = data.index(b"acTL")
    return data[: at - 4] + chunk(b"acTL", struct.pack(">II", 0xFFFFFFFF, 0)) + data[at + 16 :]


def sizes():
    for size in ((511, 512), (512, 511), (100, 100), (40, 30)):
        yield png(
            "{} by {}".format(*size),
            functools.partial(raw.raw_png, size=size),
            work=TOO_SMALL,
        )
    for size in ((512, 512), (513, 777), (8192, 512), (512, 8192)):
        yield png("exactly {} by {}".format(*size), functools.partial(made.png, *size))
    for size in ((8200, 512), (512, 8200)):
        yield png("{} by {}".format(*size), functools.partial(made.png, *size), work=TOO_LONG)
    yield png(
        "1 by 1", lambda: made.encoded(Image.new("L", (1, 1))), work=TOO_SMALL, signature=NO_INK
    )
    for heaviest, targets in (
        (SIGNATURE_IMAGE.max_bytes, ("signature",)),
        (PROFILE_IMAGE.max_bytes, ("signature", "profile")),
        (TRAINING_IMAGE.max_bytes, ("signature", "profile", "work")),
    ):
        wrong = dict.fromkeys(targets, TOO_HEAVY)
        right = dict.fromkeys(targets[:-1], TOO_HEAVY)
        yield png(f"of {heaviest} bytes", functools.partial(made.heavy, heaviest), **right)
        yield png(f"of {heaviest + 1} bytes", functools.partial(made.heavy, heaviest + 1), **wrong)


def blanks():
    def plain(mode, colour):
        return lambda: made.encoded(Image.new(mode, (512, 512), colour))

    for name, make in {
        "white": plain("RGB", "white"),
        "black": plain("L", 0),
        "clear": plain("RGBA", (9, 9, 9, 0)),
        "of one grey": plain("LA", (90, 255)),
        "of one bit": plain("1", 1),
        "of one level of 65,536": plain("I;16", 30_000),
    }.items():
        yield png(name, make, work=BLANK, signature=NO_INK)

    def dot():
        image = Image.new("RGB", (512, 512), "white")
        image.putpixel((256, 256), (0, 0, 0))
        return made.encoded(image)

    yield png("white with one dot", dot, work=BLANK, signature=NO_INK)


def cut():
    for length in (9, 12, 16, 20, 24, 28, 32):
        yield png(f"cut in its header at {length}", lambda length=length: sound()[:length], CORRUPT)
    yield png("nothing behind its header", lambda: sound()[:33], CORRUPT)
    for percent in (5, 25, 50, 75, 90, 95):
        yield png(
            f"cut at {percent} %",
            lambda percent=percent: sound()[: len(sound()) * percent // 100],
            CORRUPT,
        )
        yield png(
            f"interlaced, cut at {percent} %",
            lambda percent=percent: (data := raw.raw_png(interlace=1))[
                : len(data) * percent // 100
            ],
            CORRUPT,
        )
    for rows in (0, 1, 256, 511):
        yield png(f"{rows} rows of 512", functools.partial(raw.raw_png, rows=rows), CORRUPT)
    for place in (0.1, 0.4, 0.8):
        yield png(f"a bit turned at {place}", lambda place=place: _turned(sound(), place), CORRUPT)
    yield png("damaged pixels under a sound checksum", made.png_with_damaged_pixels, CORRUPT)
    yield png(
        "pixels that are no zlib", lambda: png_of_chunks(raw.header(), idat(b"no zlib")), CORRUPT
    )
    yield png(
        "an unknown filter",
        lambda: png_of_chunks(raw.header(), idat(zlib.compress(b"\x09" + PIXELS()[1:]))),
        CORRUPT,
    )
    yield png(
        "pixels that need a dictionary",
        lambda: png_of_chunks(
            raw.header(), idat(b"\x78\xbb" + bytes(4) + zlib.compress(PIXELS())[2:])
        ),
        CORRUPT,
    )


def _turned(data, place):
    changed = bytearray(data)
    start = data.index(b"IDAT") + 8
    changed[start + int(place * (len(data) - start - 30))] ^= 0x10
    return bytes(changed)


def wrong_headers():
    def headed(*parts, **numbers):
        return lambda: png_of_chunks(raw.header(**numbers), *parts, idat(zlib.compress(PIXELS())))

    for name, numbers in {
        "no width": {"width": 0},
        "no height": {"height": 0},
        "no size": {"width": 0, "height": 0},
        "3 bits": {"depth": 3},
        "0 bits": {"depth": 0},
        "32 bits": {"depth": 32},
        "colour type 1": {"colour": 1},
        "colour type 5": {"colour": 5},
        "colour type 255": {"colour": 255},
        "RGB of 4 bits": {"depth": 4},
        "another compression": {"compression": 1},
        "another family of filters": {"filtering": 1},
        "another interlace": {"interlace": 2},
        "twice as wide as its pixels": {"width": 1024},
        "twice as high as its pixels": {"height": 1024},
        "interlaced, but its pixels are not": {"interlace": 1},
        "of 16 bits, but its pixels are not": {"depth": 16},
    }.items():
        yield png(name, headed(**numbers), CORRUPT)
    for width, height in (
        (7072, 7071), (10_000, 9_000), (65_535, 65_535), (2_000_000, 2_000_000),
        (0x7FFFFFFF, 0x7FFFFFFF), (0x80000000, 512), (0xFFFFFFFF, 0xFFFFFFFF), (60_000_000, 1),
    ):  # fmt: skip
        yield png(
            f"it says {width} by {height}", headed(width=width, height=height), TOO_MANY_PIXELS
        )
    yield png("a palette without colours", headed(colour=raw.PALETTE), CORRUPT)
    yield png(
        "a header with a wrong checksum", lambda: made.png_with_bad_checksum(b"IHDR"), CORRUPT
    )
    yield png(
        "a short header", lambda: png_of_chunks(chunk(b"IHDR", bytes(12)), idat(b"")), CORRUPT
    )
    yield png("a long header", lambda: png_of_chunks(chunk(b"IHDR", bytes(14)), idat(b"")), CORRUPT)
    yield png("no header", lambda: png_of_chunks(idat(zlib.compress(PIXELS()))), CORRUPT)
    yield png(
        "pixels before its header",
        lambda: png_of_chunks(idat(zlib.compress(PIXELS())), raw.header()),
        CORRUPT,
    )
    yield png("only an end", png_of_chunks, CORRUPT)


def wrong_chunks():
    for name in (b"CgBI", b"ABCD", b"JHDR"):
        yield png(
            f"the unknown chunk {name.decode()}", functools.partial(put, name, bytes(4)), CORRUPT
        )
    for length in (0x7FFFFFFF, 0xFFFFFFFF):
        head = struct.pack(">I", length) + b"IDAT"
        yield png(
            f"pixels of {length} bytes", lambda head=head: sound()[:33] + head + bytes(90), CORRUPT
        )
        head = struct.pack(">I", length) + b"tEXt"
        yield png(
            f"a text of {length} bytes",
            lambda head=head: sound()[:33] + head + sound()[33:],
            CORRUPT,
        )
    yield png("a palette with a wrong checksum", _wrong_palette, CORRUPT)
    many = TEN_MEGABYTES // 12 - 3000
    yield png(
        "eight hundred thousand empty chunks",
        lambda: sound()[:33] + chunk(b"teSt", b"") * many + sound()[33:],
        CORRUPT,
        signature=TOO_HEAVY,
        profile=TOO_HEAVY,
    )
    yield png(
        "a thousand and one empty chunks",
        lambda: sound()[:33] + chunk(b"teSt", b"") * 1001 + sound()[33:],
        CORRUPT,
    )


def _wrong_palette():
    data = raw.raw_png(colour=raw.PALETTE)
    return data.replace(raw.LIGHT_AND_DARK, raw.LIGHT_AND_DARK[::-1])


def bombs():
    def text(kind, head):
        return lambda: put(kind, head + zlib.compress(bytes(60_000_000), 9))

    yield png("sixty megabytes of zTXt", text(b"zTXt", b"c\0\0"))
    yield png("sixty megabytes of iTXt", text(b"iTXt", b"c\0\1\0\0\0"))
    yield png("a profile of sixty megabytes", text(b"iCCP", b"p\0\0"))
    yield png("a small file of 52 megapixels", made.png_of_many_pixels, TOO_MANY_PIXELS)
    yield png(
        "pixels of sixty megabytes for 512 by 512",
        lambda: png_of_chunks(raw.header(), idat(zlib.compress(PIXELS() + bytes(60_000_000), 9))),
    )
    yield png(
        "a small file of 49 megapixels",
        lambda: made.png_of_many_pixels(7000, 7000),
        work=BLANK,
        signature=NO_INK,
    )


def not_quite_png():
    yield png("as a text file was sent", lambda: sound().replace(b"\r\n", b"\n"), WRONG_FORMAT)
    yield png("a byte order mark before it", lambda: b"\xef\xbb\xbf" + sound(), WRONG_FORMAT)
    yield png("a space before it", lambda: b" " + sound(), WRONG_FORMAT)
    yield png("HTML before it", made.html_before_png, WRONG_FORMAT)
    yield png(
        "its bits turned round", lambda: bytes(byte ^ 0xFF for byte in sound()[:2000]), WRONG_FORMAT
    )
    yield png("in Base64", lambda: base64.b64encode(sound()), WRONG_FORMAT)
    yield png("its magic and nothing", lambda: sound()[:8], CORRUPT)
    yield png("seven bytes of its magic", lambda: sound()[:7], WRONG_FORMAT)
    yield png("its magic and a JPEG", lambda: sound()[:8] + made.jpeg(), CORRUPT)
    yield png("its magic and noise", lambda: sound()[:8] + bytes(range(256)) * 8, CORRUPT)
    yield png("MNG", lambda: b"\x8aMNG\r\n\x1a\n" + sound()[8:], WRONG_FORMAT)
    yield png("JNG", lambda: b"\x8bJNG\r\n\x1a\n" + sound()[8:], WRONG_FORMAT)
