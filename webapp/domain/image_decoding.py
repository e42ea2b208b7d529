"""Decode a stranger's image into one of ours; run as a module, do so at arm's length.

`sanitise` is the whole conversion. `python -m webapp.domain.image_decoding` serves it on standard
input and output under hard limits of memory and processor time, so that a file made to exhaust or
crash a decoder harms no one; `image_processes` is its other end.

Both ways speak frames: eight bytes of length, big-endian, then that many bytes. A request is a
frame of JSON (`limits`, `keep_alpha`) and a frame of file; an answer is a frame of JSON (either
`format, width, height, perceptual_hash` or `code, actual, limit`) and a frame of file, which is
empty for a bad image. One frame "ready" comes first. No pickle: neither end trusts the other.
"""

import dataclasses
import hashlib
import io
import json
import math
import os
import resource
import sys
from typing import Any, BinaryIO

import imagehash
import numpy as np
from PIL import Image, ImageCms

from webapp.domain.images import (
    BadImage,
    ImageCode,
    ImageLimits,
    SafeImage,
    inspect,
    orientation,
)

READY = b"ready"
LENGTH_BYTES = 8
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
PROFILE_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I")


def sanitise(data: bytes, limits: ImageLimits, *, keep_alpha: bool = False) -> SafeImage:
    """Decode a file fully and write its picture anew: upright, 8-bit sRGB, nothing else kept.

    The first frame is taken; transparency is laid on white unless `keep_alpha`; what is larger than
    `limits.kept_side` is scaled down; a JPEG becomes a JPEG (quality 95, no chroma subsampling),
    anything else a PNG.

    Raises BadImage as `inspect` does, and IMAGE_CORRUPT for whatever does not decode to its end,
    fails a checksum, or carries a colour profile or EXIF block that cannot be read: without them
    the colours and the direction of the picture would be a guess.
    """
    header = inspect(data, limits)
    try:
        picture = _picture(data, header.format)
        if limits.kept_side is not None:
            picture.thumbnail((limits.kept_side, limits.kept_side), Image.Resampling.LANCZOS)
        flat = _on_white(picture)
        kept = picture if keep_alpha else flat
        file_format = "JPEG" if header.format == "JPEG" else "PNG"
        encoded = _encode(kept, file_format)
        fingerprint = perceptual_hash(flat)
    except Exception as error:
        raise BadImage(ImageCode.CORRUPT) from error
    digest = hashlib.sha256(encoded).hexdigest()
    return SafeImage(encoded, file_format, kept.width, kept.height, digest, fingerprint)


def perceptual_hash(image: Image.Image) -> str:
    """Sixteen hex digits that change little when a picture is re-encoded or scaled (pHash)."""
    return str(imagehash.phash(image))


def _picture(data: bytes, name: str) -> Image.Image:
    """First frame as RGB, or RGBA where there is transparency: sRGB and upright."""
    if name == "PNG":
        # Decoding skips the checksums of pixel chunks; this reads all, and needs its own opening.
        Image.open(io.BytesIO(data), formats=(name,)).verify()
    with Image.open(io.BytesIO(data), formats=(name,)) as image:
        turn = UPRIGHT.get(orientation(image))
        image.load()
        colour, alpha = _split(image)
        picture = _to_srgb(colour, image.info.get("icc_profile"))
    if alpha is not None and alpha.getextrema() != (255, 255):
        picture.putalpha(alpha)
    return picture if turn is None else picture.transpose(turn)


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colour as L, RGB or CMYK of 8 bits, and alpha as L or None."""
    if image.mode in SIXTEEN_BIT:
        return _split_sixteen_bit(image)
    if image.mode in {"LA", "RGBA"}:
        return image.convert(image.mode[:-1]), image.getchannel("A")
    if image.has_transparency_data:
        whole = image.convert("RGBA")
        return whole.convert("RGB"), whole.getchannel("A")
    if image.mode in PROFILE_SPACES:
        return image, None
    return image.convert("L" if image.mode == "1" else "RGB"), None


def _split_sixteen_bit(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    # Pillow's own conversion clips at 255: everything but the darkest shades would turn white.
    levels = np.asarray(image).astype(np.uint32)
    grey = Image.fromarray(((levels + 128) // 257).astype(np.uint8))
    clear = image.info.get("transparency")
    if clear is None:
        return grey, None
    return grey, Image.fromarray(np.where(levels == clear, 0, 255).astype(np.uint8))


def _to_srgb(colour: Image.Image, profile: bytes | None) -> Image.Image:
    if not profile:
        return colour.convert("RGB")
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if source.profile.xcolor_space.strip() != PROFILE_SPACES[colour.mode]:
        return colour.convert("RGB")  # a sound profile, but of other colours than these
    converted = ImageCms.profileToProfile(
        colour,
        source,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if converted is None:
        raise ValueError("the colour profile gives no picture")
    return converted


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        return picture
    flat = Image.new("RGB", picture.size, "white")
    flat.paste(picture, mask=picture.getchannel("A"))
    return flat


def _encode(picture: Image.Image, file_format: str) -> bytes:
    picture.info = {}  # Pillow's writers copy profile, EXIF and more from here
    stream = io.BytesIO()
    if file_format == "JPEG":
        picture.save(stream, "JPEG", quality=95, subsampling=0)
    else:
        picture.save(stream, "PNG", compress_level=4)
    return stream.getvalue()


def write_frame(stream: BinaryIO, payload: bytes) -> None:
    """Send one frame; the caller flushes."""
    stream.write(len(payload).to_bytes(LENGTH_BYTES, "big"))
    stream.write(payload)


def read_frame(stream: BinaryIO, *, longest: int) -> bytes:
    """Receive one frame. Raises EOFError if it does not come whole, ValueError if too long."""
    length = int.from_bytes(_exactly(stream, LENGTH_BYTES), "big")
    if length > longest:
        raise ValueError(f"a frame of {length} bytes is longer than {longest}")
    return _exactly(stream, length)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    payload = stream.read(size)
    if len(payload) < size:
        raise EOFError(f"{len(payload)} of {size} bytes came")
    return payload


def answer(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Do what one request asks and give the two frames of its answer, before encoding."""
    limits = ImageLimits(**{**request["limits"], "formats": tuple(request["limits"]["formats"])})
    try:
        safe = sanitise(data, limits, keep_alpha=request["keep_alpha"])
    except BadImage as bad:
        return {"code": bad.code, "actual": bad.actual, "limit": bad.limit}, b""
    facts = dataclasses.asdict(safe)
    return {key: facts[key] for key in ("format", "width", "height", "perceptual_hash")}, safe.data


def _allow_seconds(seconds: int) -> None:
    """Let this process use `seconds` more of processor time before the kernel ends it."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    spent = math.ceil(usage.ru_utime + usage.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (spent + seconds, hard))


def main() -> None:
    """Serve requests until standard input ends. Arguments: bytes of memory, seconds per image."""
    memory, seconds = (int(argument) for argument in sys.argv[1:3])
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not end up between two frames
    requests = sys.stdin.buffer
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    write_frame(answers, READY)
    answers.flush()
    while True:
        try:
            request = json.loads(read_frame(requests, longest=memory))
            data = read_frame(requests, longest=memory)
        except EOFError:
            return
        _allow_seconds(seconds)
        facts, encoded = answer(request, data)
        write_frame(answers, json.dumps(facts).encode())
        write_frame(answers, encoded)
        answers.flush()


if __name__ == "__main__":
    main()
