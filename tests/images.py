"""Image files of many kinds for tests, valid and invalid, made in memory."""

import io
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image, ImageCms, ImageDraw

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def scene(width=640, height=512, *, seed=0):
    """A picture of coloured shapes that depend on the seed."""
    chance = np.random.default_rng(seed)
    image = Image.new("RGB", (width, height), tuple(chance.integers(0, 256, 3).tolist()))
    pen = ImageDraw.Draw(image)
    for _ in range(12):
        left, top = chance.integers(0, width), chance.integers(0, height)
        box = (left, top, left + chance.integers(20, width), top + chance.integers(20, height))
        pen.ellipse(
            tuple(int(side) for side in box), fill=tuple(chance.integers(0, 256, 3).tolist())
        )
    return image


def half_and_half(width=640, height=512):
    """Red on the left, blue on the right, to check orientation and colour conversion."""
    image = Image.new("RGB", (width, height), (220, 30, 30))
    image.paste((30, 30, 220), (width // 2, 0, width, height))
    return image


def encoded(image, file_format="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def decoded(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def png(width=640, height=512, **options):
    return encoded(scene(width, height), "PNG", **options)


def jpeg(width=640, height=512, **options):
    return encoded(scene(width, height), "JPEG", **options)


def chunk(kind, payload):
    return (
        struct.pack(">I", len(payload))
        + kind
        + payload
        + struct.pack(">I", zlib.crc32(kind + payload))
    )


def png_of_chunks(*chunks):
    return PNG_MAGIC + b"".join(chunks) + chunk(b"IEND", b"")


def png_claiming(width, height):
    """A tiny PNG whose header claims any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return png_of_chunks(chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0")))


def webp_claiming(width, height):
    """A tiny WebP whose header claims any size up to 16,384 pixels a side."""
    data = bytearray(encoded(Image.new("RGB", (1, 1)), "WEBP", lossless=True))
    start = data.index(b"VP8L") + 9
    flags = int.from_bytes(data[start : start + 4], "little") >> 28
    claimed = (width - 1) | (height - 1) << 14 | flags << 28
    data[start : start + 4] = claimed.to_bytes(4, "little")
    return bytes(data)


def png_of_many_pixels(width=8000, height=6500):
    """A valid, small PNG of 52 megapixels of one bit."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width // 8 + 1) * height), 9)
    return png_of_chunks(chunk(b"IHDR", header), chunk(b"IDAT", rows))


def png_with(kind, payload):
    """A valid PNG with an additional chunk before its pixels."""
    data = png()
    end_of_header = len(PNG_MAGIC) + 25
    return data[:end_of_header] + chunk(kind, payload) + data[end_of_header:]


def png_text_bomb():
    """Sixty kilobytes of compressed text that would become sixty megabytes."""
    return png_with(b"zTXt", b"comment\0\0" + zlib.compress(bytes(60_000_000), 9))


def png_with_bad_checksum(kind=b"IDAT"):
    data = bytearray(png())
    start = data.index(kind)
    length = int.from_bytes(data[start - 4 : start], "big")
    data[start + 4 + length] ^= 0xFF
    return bytes(data)


def png_with_damaged_pixels():
    """The first block of compressed pixels has an invalid type; the checksum is valid."""
    data = png()
    start = data.index(b"IDAT")
    length = int.from_bytes(data[start - 4 : start], "big")
    pixels = bytearray(data[start + 4 : start + 4 + length])
    pixels[2] |= 0b110
    return data[: start - 4] + chunk(b"IDAT", bytes(pixels)) + data[start + 8 + length :]


def png_without_pixels():
    return png_of_chunks(chunk(b"IHDR", struct.pack(">IIBBBBB", 600, 600, 8, 2, 0, 0, 0)))


def half_of(data):
    return data[: len(data) // 2]


def gif():
    return encoded(scene().convert("P"), "GIF")


def webp():
    return encoded(scene(), "WEBP")


def tiff():
    return encoded(scene(), "TIFF")


def bmp():
    return encoded(scene(), "BMP")


def svg():
    return b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)" width="600" height="600"/>'


def html():
    return b"<!DOCTYPE html><html><script>alert(1)</script></html>"


def pdf():
    return encoded(scene(), "PDF")


def heic():
    return b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200)


def avif():
    return b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1" + bytes(200)


def archive():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as held:
        held.writestr("evil.html", "<script>alert(1)</script>")
    return stream.getvalue()


def polyglot():
    """A valid PNG that is also a valid ZIP."""
    return png() + archive()


def html_before_png():
    return html() + png()


def jpeg_turned(orientation=6):
    """640x512 as stored, red on the left, with an EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(half_and_half(), "JPEG", exif=exif, quality=95)


def png_turned(orientation=6):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(half_and_half(), "PNG", exif=exif)


def jpeg_with_secrets():
    """EXIF with a location, XMP and a comment, which must be removed."""
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    exif.get_ifd(0x8825).update({1: "N", 2: (37.0, 33.0, 59.0)})
    return encoded(scene(), "JPEG", exif=exif, comment=b"secret word", xmp=b"<x>secret packet</x>")


def jpeg_with_broken_exif():
    return encoded(scene(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\xab" * 40)


def cmyk_jpeg():
    return encoded(half_and_half().convert("CMYK"), "JPEG", quality=95)


def grey_jpeg():
    return encoded(scene().convert("L"), "JPEG")


def sixteen_bit_png(width=640, height=512):
    """Grey ramp over the whole range, 16 bits per pixel."""
    ramp = np.linspace(0, 65535, width).round().astype(np.uint16)
    return encoded(Image.fromarray(np.tile(ramp, (height, 1))), "PNG")


def palette_png_with_transparency():
    """Red on the left; on the right a blue that is fully transparent."""
    image = half_and_half().quantize(2)
    clear = image.getpixel((image.width - 1, 0))
    return encoded(image, "PNG", transparency=clear)


def png_with_alpha(level=128):
    image = half_and_half().convert("RGBA")
    image.putalpha(Image.new("L", image.size, level))
    return encoded(image, "PNG")


def animated_png():
    """Two frames: the first red and blue, the second green."""
    green = Image.new("RGB", (640, 512), "green")
    return encoded(half_and_half(), "PNG", save_all=True, append_images=[green], duration=100)


def multi_picture_jpeg():
    """A stereo photograph (MPO): red and blue first, green second."""
    green = Image.new("RGB", (640, 512), "green")
    return encoded(half_and_half(), "MPO", save_all=True, append_images=[green], quality=95)


def png_with_profile(profile):
    return encoded(half_and_half(), "PNG", icc_profile=profile)


def swapped_profile():
    """A valid RGB profile with red and blue exchanged, to detect whether it was applied."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(data[128:132], "big")
    entries = {bytes(data[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    data[entries[b"rXYZ"] : entries[b"rXYZ"] + 4] = b"bXYZ"
    data[entries[b"bXYZ"] : entries[b"bXYZ"] + 4] = b"rXYZ"
    return bytes(data)


def grey_profile_mismatch():
    """A grey picture with an RGB profile, as some scanners write."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return encoded(scene().convert("L"), "PNG", icc_profile=profile)


def endless_jpeg(scans=40_000, side=6400):
    """A progressive JPEG of 41 megapixels and 400 kB that would take hours to decode."""
    code_table = b"\x00" + b"\x01" + bytes(15) + b"\x00"
    markers = [
        b"\xff\xd8",
        b"\xff\xdb\x00\x43\x00" + b"\x01" * 64,
        b"\xff\xc2\x00\x0b\x08" + struct.pack(">HH", side, side) + b"\x01\x01\x11\x00",
        b"\xff\xc4" + struct.pack(">H", 2 + len(code_table)) + code_table,
        b"\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00" * scans,
        b"\xff\xd9",
    ]
    return b"".join(markers)


def heavy(size):
    """A valid PNG of exactly `size` bytes, most of them in a private chunk."""
    filler = size - len(png()) - 12
    return png_with(b"teSt", bytes(filler))
