"""Everything that is neither PNG nor JPEG, under whatever name it comes."""

import functools
import gzip
import io
import pickle
import struct
import tarfile
import zlib

from tests import images as made
from tests.hostile.case import foreign


@functools.cache
def picture(mode="RGB"):
    return made.scene(128, 128).convert(mode)


def written(file_format, mode="RGB", **options):
    return functools.partial(lambda: made.encoded(picture(mode), file_format, **options))


def moving(file_format, count=3, **options):
    others = [made.scene(128, 128, seed=seed) for seed in range(1, count)]
    return lambda: made.encoded(
        picture(), file_format, save_all=True, append_images=others, duration=50, **options
    )


def cases():
    for name, make in {**pictures(), **vectors(), **containers(), **nothings(), **claims()}.items():
        yield foreign(name, make)


def pictures():
    found = {
        "GIF": written("GIF", "P"),
        "GIF, transparent": written("GIF", "P", transparency=0),
        "GIF, animated": moving("GIF"),
        "GIF, cut": lambda: made.half_of(made.gif()),
        "WebP": written("WEBP"),
        "WebP, lossless": written("WEBP", lossless=True),
        "WebP, transparent": written("WEBP", "RGBA"),
        "WebP, animated": moving("WEBP"),
        "WebP, cut": lambda: made.half_of(made.webp()),
        "AVIF": written("AVIF"),
        "AVIF, animated": moving("AVIF"),
        "AVIF, cut": lambda: made.half_of(written("AVIF")()),
        "HEIC": made.heic,
        "TIFF, animated": moving("TIFF"),
        "TIFF of 16 bits": written("TIFF", "I;16"),
        "TIFF of four inks": written("TIFF", "CMYK"),
        "JPEG 2000": written("JPEG2000"),
        "JPEG 2000, bare": written("JPEG2000", no_jp2=True),
        "QOI": written("QOI"),
        "XBM": written("XBM", "1"),
        "icons of Apple": written("ICNS"),
        "icons of Windows": written("ICO"),
        "a cursor": lambda: b"\0\0\2\0\1\0" + bytes(100),
        "Photoshop": lambda: b"8BPS\0\1" + bytes(300),
        "raw of a camera": lambda: b"II*\0\x10\0\0\0CR\2\0" + bytes(500),
        "OpenEXR": lambda: b"v/1\x01" + bytes(300),
        "radiance": lambda: b"#?RADIANCE\n" + bytes(300),
        "Krita": lambda: b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/x-krita",
        "WMF": lambda: b"\xd7\xcd\xc6\x9a" + bytes(300),
        "JPEG XL in a box": lambda: b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(300),
    }
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        found[f"TIFF, {compression or 'bare'}"] = written("TIFF", compression=compression)
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        found[f"BMP, {mode}"] = written("BMP", mode)
    for file_format in ("DIB", "DDS", "PCX", "SGI", "TGA", "PPM", "PDF", "EPS"):
        found[file_format] = written(file_format)
    return found


def vectors():
    head = b'<svg xmlns="http://www.w3.org/2000/svg" width="600" height="600">'
    entities = b"".join(b'<!ENTITY a%d "&a%d;&a%d;">' % (n, n - 1, n - 1) for n in range(1, 30))
    return {
        "SVG": lambda: head + b"</svg>",
        "SVG with a script": made.svg,
        "SVG after a byte order mark": lambda: b"\xef\xbb\xbf" + head + b"</svg>",
        "SVG of a milliard laughs": lambda: b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a0 "ha">'
        + entities + b"]>" + head + b"<text>&a29;</text></svg>",
        "SVG that reads a file": lambda: b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY f SYSTEM '
        b'"file:///etc/passwd">]>' + head + b"&f;</svg>",
        "SVG that asks another site": lambda: head + b'<image href="http://127.0.0.1:1/"/></svg>',
        "SVG, compressed": lambda: gzip.compress(head + b"</svg>"),
        "SVG in UTF-16": lambda: (head + b"</svg>").decode().encode("utf-16"),
        "HTML": made.html,
        "HTML after spaces": lambda: b" \n\t" + made.html(),
        "PostScript that runs a program": lambda: b"%!PS\n(%pipe%id) (r) file\n",
        "ImageMagick's script": lambda: b"push graphic-context\nfill 'url(https://127.0.0.1/|id)'\n",
        "a PDF, then a PNG": lambda: made.pdf() + made.png(),
    }  # fmt: skip


def containers():
    def tar():
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as held:
            entry = tarfile.TarInfo("../../etc/cron.d/evil")
            held.addfile(entry, io.BytesIO())
        return stream.getvalue()

    return {
        "ZIP": made.archive,
        "a ZIP, then a PNG": lambda: made.archive() + made.png(),
        "TAR with a name that climbs": tar,
        "gzip of a PNG": lambda: gzip.compress(made.png()),
        "zlib of a megabyte of zeros": lambda: zlib.compress(bytes(1_000_000)),
        "7z": lambda: b"7z\xbc\xaf\x27\x1c" + bytes(300),
        "RAR": lambda: b"Rar!\x1a\x07\0" + bytes(300),
        "a program of Linux": lambda: b"\x7fELF\2\1\1" + bytes(300),
        "a program of Windows": lambda: b"MZ\x90\0" + bytes(300),
        "a class of Java": lambda: b"\xca\xfe\xba\xbe" + bytes(300),
        "WebAssembly": lambda: b"\0asm\1\0\0\0" + bytes(300),
        "a shell script": lambda: b"#!/bin/sh\nid\n",
        "a pickle": lambda: pickle.dumps({"width": 512}),
        "SQLite": lambda: b"SQLite format 3\0" + bytes(300),
        "a font": lambda: b"\0\1\0\0" + bytes(300),
        "video": lambda: b"\0\0\0\x18ftypmp42" + bytes(300),
        "Matroska": lambda: b"\x1a\x45\xdf\xa3" + bytes(300),
        "music": lambda: b"ID3\4" + bytes(300),
        "sound": lambda: b"RIFF" + struct.pack("<I", 300) + b"WAVE" + bytes(300),
        "JSON": lambda: b'{"image": "x"}',
    }  # fmt: skip


def nothings():
    return {
        "no bytes": lambda: b"",
        "one byte": lambda: b"\x89",
        "zeros": lambda: bytes(1000),
        "ones": lambda: b"\xff" * 1000,
        "spaces": lambda: b" " * 1000,
        "text": lambda: b"a picture of a boat",
        "Korean text": "배 그림".encode,
        "a line feed": lambda: b"\n",
        "every byte": lambda: bytes(range(256)),
    }


def claims():
    """Headers of other formats that claim any size: nobody may allocate for them."""
    huge = 0x7FFFFFFF
    return {
        "GIF of 65,535 by 65,535": lambda: b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(100),
        "GIF with a script": lambda: b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)//",
        "BMP of two milliard pixels a side": lambda: b"BM" + bytes(12)
        + struct.pack("<IiiHHI", 40, huge, huge, 1, 24, 0) + bytes(40),
        "BMP with a script": lambda: b"BM/*" + bytes(50) + b"*/=1",
        "WebP of 16,383 by 16,383": lambda: b"RIFF\x30\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xfe\x3f\0"
        b"\xfe\x3f\0" + bytes(40),
        "TIFF whose directory is itself": lambda: b"II*\0\x08\0\0\0\0\0\x08\0\0\0",
        "BigTIFF": lambda: b"II+\0\x08\0\0\0" + bytes(300),
        "PPM of two milliard pixels a side": lambda: b"P6 2147483647 2147483647 255\n" + bytes(90),
        "AVIF of nothing": made.avif,
        "ICO of a PNG": lambda: b"\0\0\1\0\1\0\0\0\0\0\1\0\x20\0" + bytes(8) + made.png(),
    }  # fmt: skip
