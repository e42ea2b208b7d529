"""Decode an untrusted image and re-encode it; as a module it runs in a sandboxed subprocess.

`sanitise` is the whole conversion. `python -m webapp.domain.image_decoding` serves it on standard
input and output, with hard limits of memory and CPU time and without access to any file. A file
that exhausts, crashes or takes over a decoder harms only this process. `image_processes` is the
parent's side.

Both sides send frames: eight bytes of length, big-endian, then that many bytes. A request is a
JSON frame (`limits`, `keep_alpha`, `memory`) and a file frame. A response is a JSON frame (either
RESULT_FIELDS or `code, actual, limit`) and a file frame, which is empty for a bad image. The first
frame of the subprocess is "ready". No pickle: neither side trusts the other.
"""

import hashlib
import io
import json
import math
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import BinaryIO, Protocol, Self, TypeVar

import imagehash
from PIL import Image

from imaging.reading import flatten, is_blank, pixels_sha256, read_picture
from webapp.domain.confinement import confine
from webapp.domain.images import BadImage, ImageCode, ImageLimits, SafeImage, inspect

READY = b"ready"
LENGTH_BYTES = 8
RESULT_FIELDS = ("format", "width", "height", "perceptual_hash", "pixel_sha256")


class FileRequest(Protocol):
    """A request about a file."""

    @property
    def memory(self) -> int:
        """The bytes of address space that the file may use."""


Request = TypeVar("Request", bound=FileRequest)


@dataclass(frozen=True)
class DecodingRequest:
    """A file to decode: its limits, and the bytes of address space that its decoder may use."""

    limits: ImageLimits
    keep_alpha: bool
    memory: int

    def encoded(self) -> bytes:
        """Return the JSON frame of the request."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decoded(cls, frame: bytes) -> Self:
        """Return the request of a JSON frame."""
        fields = json.loads(frame)
        formats = tuple(fields["limits"].pop("formats"))
        limits = ImageLimits(formats=formats, **fields["limits"])
        return cls(limits, fields["keep_alpha"], int(fields["memory"]))


def sanitise(data: bytes, limits: ImageLimits, *, keep_alpha: bool = False) -> SafeImage:
    """Decode a file fully and re-encode it: upright, 8-bit sRGB, without metadata.

    Of an animation the first frame is used. Without `keep_alpha` a transparent image is composed on
    a background of contrasting colour. An image larger than `limits.stored_side` is scaled down. A
    JPEG is stored as JPEG (quality 95, no chroma subsampling) unless `limits.is_exact`; any other
    format is stored as PNG. With `limits.is_webp` all are stored as WebP (quality 85).

    Raises BadImage as `inspect` does; IMAGE_CORRUPT for damaged or missing pixels; IMAGE_BLANK for
    an image of one colour with `limits.refuse_blank`.
    """
    header = inspect(data, limits)
    try:
        picture = read_picture(
            data,
            file_format=header.format,
            max_pixels=limits.max_pixels,
            reduce_to=limits.stored_side,
        )
        if limits.stored_side is not None:
            picture.thumbnail((limits.stored_side, limits.stored_side), Image.Resampling.LANCZOS)
        flat = flatten(picture)
        is_refused = limits.refuse_blank and is_blank(flat)
        output = picture if keep_alpha else flat
        file_format = _stored_format(header.format, limits)
        encoded = _encode(output, file_format)
        fingerprint = perceptual_hash(flat)
    except Exception as error:
        raise BadImage(ImageCode.CORRUPT) from error
    if is_refused:
        raise BadImage(ImageCode.BLANK)
    digest = hashlib.sha256(encoded).hexdigest()
    size = output.width, output.height
    return SafeImage(encoded, file_format, *size, digest, fingerprint, pixels_sha256(flat))


def perceptual_hash(image: Image.Image) -> str:
    """Return 16 hex digits that change little when an image is re-encoded or scaled (pHash)."""
    return str(imagehash.phash(image))


def _stored_format(uploaded: str, limits: ImageLimits) -> str:
    if limits.is_webp:
        return "WEBP"
    return "JPEG" if uploaded == "JPEG" and not limits.is_exact else "PNG"


def _encode(picture: Image.Image, file_format: str) -> bytes:
    picture.info = {}  # Pillow's writers copy profile, EXIF and more from here
    stream = io.BytesIO()
    if file_format == "JPEG":
        picture.save(stream, "JPEG", quality=95, subsampling=0)
    elif file_format == "WEBP":
        picture.save(stream, "WEBP", quality=85)
    else:
        picture.save(stream, "PNG", compress_level=4)
    return stream.getvalue()


def write_frame(stream: BinaryIO, payload: bytes) -> None:
    """Write one frame; the caller flushes."""
    stream.write(len(payload).to_bytes(LENGTH_BYTES, "big"))
    stream.write(payload)


def read_frame(stream: BinaryIO, *, longest: int) -> bytes:
    """Read one frame. Raises EOFError for an incomplete one, ValueError for one too long."""
    length = int.from_bytes(_exactly(stream, LENGTH_BYTES), "big")
    if length > longest:
        raise ValueError(f"a frame of {length} bytes is longer than {longest}")
    return _exactly(stream, length)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    payload = stream.read(size)
    if len(payload) < size:
        raise EOFError(f"only {len(payload)} of {size} bytes were received")
    return payload


def respond(request: DecodingRequest, data: bytes) -> tuple[bytes, bytes]:
    """Handle one request and return the JSON frame and the file frame of its response."""
    try:
        safe = sanitise(data, request.limits, keep_alpha=request.keep_alpha)
    except BadImage as bad:
        refusal = {"code": bad.code, "actual": bad.actual, "limit": bad.limit}
        return json.dumps(refusal).encode(), b""
    result = {name: getattr(safe, name) for name in RESULT_FIELDS}
    return json.dumps(result).encode(), safe.data


def _allow_memory(size: int) -> None:
    """Limit the address space of this process to `size` bytes for the current file."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (min(size, hard), hard))


def _preload_libraries() -> None:
    """Use every library once: they import parts lazily, which `confine` makes impossible."""
    for mode, file_format in (("RGBA", "PNG"), ("RGB", "JPEG"), ("RGBA", "WEBP")):
        stream = io.BytesIO()
        Image.new(mode, (64, 64)).save(stream, file_format)
        sample = stream.getvalue()
        sanitise(sample, ImageLimits((file_format,), min_side=1, max_bytes=len(sample)))


def _allow_seconds(seconds: int) -> None:
    """Limit this process to `seconds` more of CPU time; then the kernel sends SIGXCPU."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used_seconds = math.ceil(usage.ru_utime + usage.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (used_seconds + seconds, hard))


def main() -> None:
    """Serve requests until standard input ends."""
    serve(DecodingRequest.decoded, respond, _preload_libraries)


def serve(
    decoded: Callable[[bytes], Request],
    respond: Callable[[Request, bytes], tuple[bytes, bytes]],
    preload_libraries: Callable[[], None],
) -> None:
    """Answer requests by `respond` until standard input ends; `decoded` reads their JSON frame.

    The process has two arguments: bytes of memory, and seconds per file. `preload_libraries` uses
    every library once.
    """
    memory, seconds = (int(argument) for argument in sys.argv[1:3])
    responses = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints to stdout must not come between two frames
    requests = sys.stdin.buffer
    preload_libraries()
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    confine()
    write_frame(responses, READY)
    responses.flush()
    while True:
        try:
            request = decoded(read_frame(requests, longest=memory))
            data = read_frame(requests, longest=memory)
        except EOFError:
            return
        _allow_seconds(seconds)
        _allow_memory(request.memory)
        for frame in respond(request, data):
            write_frame(responses, frame)
        responses.flush()


if __name__ == "__main__":
    main()
