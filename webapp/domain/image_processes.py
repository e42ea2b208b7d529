"""Decode images in a subprocess, so that a malicious file cannot harm this process.

The subprocess is a new interpreter, not a fork: it can be started from Celery's daemonic workers,
inherits no connection and has no secret, because its environment is empty and it can open no file.
One subprocess decodes many images. If an image kills it, that image is corrupt and a new subprocess
decodes the rest. Headers are checked before a subprocess is started, and `decoding_slots` limits
how many images are decoded at once.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TypeVar

import structlog

from webapp.domain.decoding_slots import DecoderBusy, memory_needed, slot
from webapp.domain.image_decoding import READY, DecodingRequest, read_frame, write_frame
from webapp.domain.images import MEGABYTE, BadImage, ImageCode, ImageLimits, SafeImage, inspect

__all__ = [
    "DecoderBusy",
    "DecoderUnavailable",
    "ProcessLimits",
    "Upload",
    "answered_in_subprocess",
    "sanitise_in_subprocess",
    "sanitise_many_in_subprocess",
]

log = structlog.get_logger()
Answered = TypeVar("Answered")

DECODER = "webapp.domain.image_decoding"
ROOT = Path(__file__).resolve().parents[2]
ATTEMPTS = 2
START_SECONDS = 60.0  # half a second on an idle machine
MAX_RESULT_BYTES = 4096
ADDRESS_SPACE_BYTES = 320 * MEGABYTE
MAX_FILE_BYTES = 512 * MEGABYTE  # 50 megapixels of noise as PNG are 150


class DecoderUnavailable(RuntimeError):
    """The decoding process does not start; this says nothing about the image."""


class _ChildDied(Exception):
    """The child ended without a response; `is_timeout` if the image used up its time."""

    def __init__(self, *, is_timeout: bool) -> None:
        super().__init__(is_timeout)
        self.is_timeout = is_timeout


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """Limits for one image: address space, CPU time and wall time.

    `memory_bytes` is the maximum for any image; each image gets what its size needs.
    `slot_seconds` is the timeout for a decoding slot.
    """

    memory_bytes: int = 1280 * MEGABYTE
    cpu_seconds: int = 30
    wall_seconds: float = 90
    slot_seconds: float = 15


@dataclass(frozen=True, slots=True)
class Upload:
    """One file to decode, and its limits."""

    data: bytes
    limits: ImageLimits
    keep_alpha: bool = False


def sanitise_in_subprocess(
    data: bytes,
    limits: ImageLimits,
    *,
    person_id: int,
    keep_alpha: bool = False,
    process_limits: ProcessLimits | None = None,
) -> SafeImage:
    """Run `image_decoding.sanitise` in a child process.

    Raises BadImage, DecoderUnavailable, DecoderBusy.
    """
    with _Child(process_limits or ProcessLimits(), person_id) as child:
        return child.sanitise(Upload(data, limits, keep_alpha))


def answered_in_subprocess(
    module: str,
    request: bytes,
    data: bytes,
    read: Callable[[bytes, bytes], Answered],
    *,
    memory: int,
    person_id: int,
    process_limits: ProcessLimits,
) -> Answered:
    """Ask a module that serves requests as `image_decoding` does about one file.

    `request` is its JSON frame; `memory` is what the file needs at most, in bytes. `read` gets both
    frames of the answer. They are of a process that has read an untrusted file, so `read` checks
    them; a KeyError, ValueError or TypeError counts as the end of the process.

    Raises BadImage if the file ends or occupies the process, DecoderUnavailable, DecoderBusy.
    """
    with _Child(process_limits, person_id, module) as child:
        return child.answer(request, data, memory, read)


def sanitise_many_in_subprocess(
    uploads: Iterable[Upload], *, person_id: int, process_limits: ProcessLimits | None = None
) -> Iterator[SafeImage | BadImage]:
    """Decode files one after another and yield each result or BadImage in the same order.

    Only one file and one result are in memory at a time. Raises DecoderUnavailable, DecoderBusy.
    """
    with _Child(process_limits or ProcessLimits(), person_id) as child:
        for upload in uploads:
            try:
                yield child.sanitise(upload)
            except BadImage as bad:
                yield bad


class _Child:
    """A decoding process that is started when needed and again after each death."""

    def __init__(self, limits: ProcessLimits, person_id: int, module: str = DECODER) -> None:
        self.limits = limits
        self.person_id = person_id
        self.module = module
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def sanitise(self, upload: Upload) -> SafeImage:
        """Return the re-encoded image or raise BadImage."""
        header = inspect(upload.data, upload.limits)
        limits = upload.limits
        memory = memory_needed(header, limits.stored_side, is_exact=limits.is_exact)
        # Address space is larger than used memory: mapped libraries count as well.
        request = DecodingRequest(limits, upload.keep_alpha, memory + ADDRESS_SPACE_BYTES)
        return self.answer(request.encoded(), upload.data, memory, _safe_image)

    def answer(
        self, request: bytes, data: bytes, memory: int, read: Callable[[bytes, bytes], Answered]
    ) -> Answered:
        """Return what `read` makes of the answer about one file, or raise BadImage.

        A child may be killed for other reasons (a deploy, the kernel's OOM killer), so the file is
        tried twice, unless it used up its time.
        """
        for _ in range(ATTEMPTS):
            try:
                with slot(self.person_id, memory, self.limits.slot_seconds):
                    return self._answer(request, data, read)
            except DecoderUnavailable:
                log.exception("decoder unavailable")
                raise
            except _ChildDied as death:
                self._end()
                if death.is_timeout:
                    break
        raise BadImage(ImageCode.CORRUPT)

    def _answer(
        self, request: bytes, data: bytes, read: Callable[[bytes, bytes], Answered]
    ) -> Answered:
        process = self.process or self._start()
        with _Deadline(process, self.limits.wall_seconds) as deadline:
            requests, responses = _pipes(process)
            try:
                write_frame(requests, request)
                write_frame(requests, data)
                requests.flush()
                result = read_frame(responses, longest=MAX_RESULT_BYTES)
                return read(result, read_frame(responses, longest=MAX_FILE_BYTES))
            except (EOFError, OSError, ValueError, KeyError, TypeError) as error:
                process.kill()
                is_timeout = process.wait() == -signal.SIGXCPU or deadline.has_passed
                raise _ChildDied(is_timeout=is_timeout) from error

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", self.module]
        try:
            self.process = subprocess.Popen(
                [*command, str(self.limits.memory_bytes), str(self.limits.cpu_seconds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # OpenBLAS reserves memory for each thread it may start.
                env={"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "PATH": os.defpath},
                start_new_session=True,  # Ctrl-C must reach only the parent, which ends the child
            )
        except OSError as error:  # no memory, process or file descriptor is free
            raise DecoderUnavailable("the decoding process cannot be started") from error
        with _Deadline(self.process, START_SECONDS):
            try:
                ready = read_frame(_pipes(self.process)[1], longest=len(READY))
            except (EOFError, ValueError) as error:
                self._end()
                raise DecoderUnavailable("the decoding process does not start") from error
        if ready != READY:
            self._end()
            raise DecoderUnavailable("the decoding process sent an unexpected first frame")
        return self.process

    def _end(self) -> None:
        if self.process is None:
            return
        self.process.kill()
        for pipe in _pipes(self.process):
            with suppress(BrokenPipeError):  # a dead child does not read the rest of a request
                pipe.close()
        self.process.wait()
        self.process = None


class _Deadline:
    """Kills a process after a timeout, which ends every read and write on its pipes."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self.process = process
        self.has_passed = False
        self.timer = threading.Timer(seconds, self._pass)
        self.timer.daemon = True

    def __enter__(self) -> Self:
        self.timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.timer.cancel()

    def _pass(self) -> None:
        self.has_passed = True
        self.process.kill()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[BinaryIO, BinaryIO]:
    if process.stdin is None or process.stdout is None:
        raise DecoderUnavailable("the decoding process has no pipes")
    return process.stdin, process.stdout  # type: ignore[return-value] # IO[bytes] it is


def _safe_image(frame: bytes, data: bytes) -> SafeImage:
    """Return the image of a response, or raise its BadImage.

    The hash is computed here: the child has read an untrusted file.
    """
    result = json.loads(frame)
    if "code" in result:
        raise BadImage(result["code"], result["actual"], result["limit"])
    return SafeImage(
        data=data,
        format=str(result["format"]),
        width=int(result["width"]),
        height=int(result["height"]),
        sha256=hashlib.sha256(data).hexdigest(),
        perceptual_hash=str(result["perceptual_hash"]),
        pixel_sha256=str(result["pixel_sha256"]),
    )
