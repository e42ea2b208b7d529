"""Decode a stranger's image into one of ours; run as a module, do so at arm's length.

`sanitise` is the whole conversion. `python -m webapp.domain.image_decoding` serves it on standard
input and output under hard limits of memory and processor time, and without access to any file, so
that a file made to exhaust, crash or take over a decoder harms no one; `image_processes` is its
other end.

Both ways speak frames: eight bytes of length, big-endian, then that many bytes. A request is a
frame of JSON (`limits`, `keep_alpha`, `memory`) and a frame of file; an answer is a frame of JSON
(either FACTS or `code, actual, limit`) and a frame of file, which is empty for a bad image. One
frame "ready" comes first. No pickle: neither end trusts the other.
"""

import hashlib
import io
import json
import math
import os
import resource
import sys
from typing import Any, BinaryIO

import imagehash
from PIL import Image

from imaging.reading import flatten, is_blank, pixels_sha256, read_picture
from webapp.domain.confinement import confine
from webapp.domain.images import BadImage, ImageCode, ImageLimits, SafeImage, inspect

READY = b"ready"
LENGTH_BYTES = 8
FACTS = ("format", "width", "height", "perceptual_hash", "pixel_sha256")


def sanitise(data: bytes, limits: ImageLimits, *, keep_alpha: bool = False) -> SafeImage:
    """Decode a file fully and write its picture anew: upright, 8-bit sRGB, nothing else kept.

    The first frame is taken; transparency is laid on a ground that shows it unless `keep_alpha`;
    what is larger than `limits.kept_side` is scaled down; a JPEG becomes a JPEG (quality 95, no
    chroma subsampling) unless `limits.is_exact`, anything else a PNG.

    Raises BadImage as `inspect` does; IMAGE_CORRUPT for pixels that are damaged or missing; and
    IMAGE_BLANK where something must show and nothing does.
    """
    header = inspect(data, limits)
    try:
        picture = read_picture(
            data,
            file_format=header.format,
            max_pixels=limits.max_pixels,
            reduce_to=limits.kept_side,
        )
        if limits.kept_side is not None:
            picture.thumbnail((limits.kept_side, limits.kept_side), Image.Resampling.LANCZOS)
        flat = flatten(picture)
        is_refused = limits.must_show and is_blank(flat)
        kept = picture if keep_alpha else flat
        file_format = "JPEG" if header.format == "JPEG" and not limits.is_exact else "PNG"
        encoded = _encode(kept, file_format)
        fingerprint = perceptual_hash(flat)
    except Exception as error:
        raise BadImage(ImageCode.CORRUPT) from error
    if is_refused:
        raise BadImage(ImageCode.BLANK)
    digest = hashlib.sha256(encoded).hexdigest()
    size = kept.width, kept.height
    return SafeImage(encoded, file_format, *size, digest, fingerprint, pixels_sha256(flat))


def perceptual_hash(image: Image.Image) -> str:
    """Sixteen hex digits that change little when a picture is re-encoded or scaled (pHash)."""
    return str(imagehash.phash(image))


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
    facts = {name: getattr(safe, name) for name in FACTS}
    return facts, safe.data


def _allow_memory(size: int) -> None:
    """Let this process use that much address space for the file at hand."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (min(size, hard), hard))


def _load_everything() -> None:
    """Use every library once: they load parts of themselves late, which takes open files."""
    for mode, file_format in (("RGBA", "PNG"), ("RGB", "JPEG")):
        sample = _encode(Image.new(mode, (64, 64)), file_format)
        sanitise(sample, ImageLimits((file_format,), min_side=1, max_bytes=len(sample)))


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
    _load_everything()
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    confine()
    write_frame(answers, READY)
    answers.flush()
    while True:
        try:
            request = json.loads(read_frame(requests, longest=memory))
            data = read_frame(requests, longest=memory)
        except EOFError:
            return
        _allow_seconds(seconds)
        _allow_memory(int(request["memory"]))
        facts, encoded = answer(request, data)
        write_frame(answers, json.dumps(facts).encode())
        write_frame(answers, encoded)
        answers.flush()


if __name__ == "__main__":
    main()
