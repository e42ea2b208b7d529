"""Verify an uploaded picture: which certificates it belongs to, by layers of growing cost.

The very file is recognised without decoding it. Otherwise it is decoded in a subprocess, and all
that follows sees the pixels that the subprocess made. Where the quick layers find nothing, a deep
search is queued. The certificates of a report are read when it is shown, so that a revocation shows
at once.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import orjson

from webapp.domain.errors import ServiceUnavailable
from webapp.domain.gateways.cache import Cache, CacheBusy
from webapp.domain.gateways.examiner import CredentialsState, FileClaims
from webapp.domain.image_processes import (
    DecoderBusy,
    DecoderUnavailable,
    ProcessLimits,
    sanitise_in_subprocess,
)
from webapp.domain.images import MEGABYTE, BadImage, ImageHeader, ImageLimits, inspect
from webapp.domain.queries import verifications as queries
from webapp.domain.queries.verifications import DeepSearchState, Report, ShownReport
from webapp.domain.services import deep_searches, recognition
from webapp.domain.services.pictures import refusal
from webapp.domain.services.recognition import PictureRegistry

# A smaller picture cannot be compared, and no preview of ours is smaller. The watermark is searched
# at this size, and no more of the upload is handed over.
VERIFIED_IMAGE = ImageLimits(
    ("JPEG", "PNG", "WEBP"),
    min_side=64,
    max_bytes=20 * MEGABYTE,
    stored_side=1024,
    is_exact=True,
)
DECODING = ProcessLimits(wall_seconds=30, slot_seconds=5)
SAME_UPLOAD_SECONDS, TURN_SECONDS = 8.0, 8.0
MAX_AT_ONCE = 8
RETRY_AFTER_SECONDS = 5

_REFUSED = b"refused"  # the cached answer of an upload whose deep search the full queue refused

_turn = threading.BoundedSemaphore(1)
"""A process examines one picture at a time: its requests share one interpreter."""

_slots = threading.BoundedSemaphore(MAX_AT_ONCE)
"""Of the threads of a process, so many may examine pictures or wait to do so."""


@dataclass(frozen=True, slots=True)
class Verification(ShownReport):
    """The answer of a verification: the report, and the deep search.

    `method` is that of the surest finding, or `none`.
    """

    search: DeepSearchState | None = None
    method: str = "none"


@dataclass(frozen=True, slots=True)
class _Request:
    """What a deep search needs beside the picture."""

    registry: PictureRegistry
    cache: Cache
    admit_search: Callable[[], None]
    request_id: str
    arrived: float


def verify(
    registry: PictureRegistry,
    cache: Cache,
    upload: bytes,
    *,
    admit_search: Callable[[], None],
    request_id: str,
) -> Verification:
    """Return the certificates of a picture; queue a deep search where there is none.

    `admit_search` is called before a search is queued and may refuse it by an exception. The same
    bytes within a minute are examined once, however often they are sent.

    Raises the image error of a file that is not accepted, and ServiceUnavailable while all slots
    are taken or the queue of deep searches is full. CacheUnavailable without Redis.
    """
    arrived = time.monotonic()
    header = _header(upload)
    report, search_id = recognition.recognise_file(registry, header.sha256), None
    if not report.findings:
        request = _Request(registry, cache, admit_search, request_id, arrived)
        with _held(_slots, timeout=0):
            report, search_id = _examined_once(request, upload, header)
    return _shown(registry, report, search_id)


def verify_fully(registry: PictureRegistry, upload: bytes) -> Verification:
    """Return the certificates of a picture by all layers, in this process; for the command line.

    Raises as `verify` does.
    """
    header = _header(upload)
    report = recognition.recognise_file(registry, header.sha256)
    if not report.findings:
        report, picture = _examined(registry, upload, header)
    if not report.findings:
        report = report.joined(recognition.search(registry, picture))
    return _shown(registry, report)


def _shown(registry: PictureRegistry, report: Report, search_id: str | None = None) -> Verification:
    with registry.unit_of_work() as session:
        shown = queries.shown(session, report)
        search = queries.deep_search(session, search_id) if search_id else None
    return Verification(shown.matches, shown.checked, shown.notes, search, report.method)


def _header(upload: bytes) -> ImageHeader:
    try:
        return inspect(upload, VERIFIED_IMAGE)
    except BadImage as error:
        raise refusal(error, "image", VERIFIED_IMAGE) from error


def _examined_once(
    request: _Request, upload: bytes, header: ImageHeader
) -> tuple[Report, str | None]:
    """Return the report and the deep search of these bytes, which may exist already.

    What the cache knows names certificates and has nothing of the upload but its hash.
    """
    name = f"verify:report:{header.sha256}"
    cached = _recalled(request.cache, name)
    if cached is not None:
        return cached
    with _alone(request.cache, f"verify:turn:{header.sha256}"):
        cached = _recalled(request.cache, name)
        if cached is None:
            report, picture = _examined(request.registry, upload, header)
            try:
                cached = report, None if report.findings else _queued_search(request, picture)
            except ServiceUnavailable:
                request.cache.put(name, _REFUSED, seconds=deep_searches.RETRY_AFTER_SECONDS)
                raise
            values = {"report": report.to_json(), "search_id": cached[1]}
            request.cache.put(name, orjson.dumps(values))
    return cached


def _recalled(cache: Cache, name: str) -> tuple[Report, str | None] | None:
    value = cache.get(name)
    if value is None:
        return None
    if value == _REFUSED:
        raise ServiceUnavailable(retry_after=deep_searches.RETRY_AFTER_SECONDS)
    values = orjson.loads(value)
    return Report.from_json(values["report"]), values["search_id"]


def _queued_search(request: _Request, picture: bytes) -> str:
    request.admit_search()
    with request.registry.unit_of_work() as session:
        return deep_searches.request(
            session,
            request.cache,
            picture,
            age_seconds=time.monotonic() - request.arrived,
            request_id=request.request_id,
        )


def _examined(
    registry: PictureRegistry, upload: bytes, header: ImageHeader
) -> tuple[Report, bytes]:
    """Return the report of the quick layers, and the pixels as a PNG of ours."""
    # Equal files share a slot of decoding, and so do few others.
    slot_id = int(header.sha256[:8], 16)
    try:
        clean = sanitise_in_subprocess(
            upload, VERIFIED_IMAGE, person_id=slot_id, process_limits=DECODING
        )
        claims = _claims(registry, upload, header, slot_id)
    except (DecoderBusy, DecoderUnavailable) as error:
        raise ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS) from error
    except BadImage as error:
        raise refusal(error, "image", VERIFIED_IMAGE) from error
    with _held(_turn, timeout=TURN_SECONDS):
        return recognition.recognise(registry, claims, clean.data), clean.data


def _claims(
    registry: PictureRegistry, upload: bytes, header: ImageHeader, slot_id: int
) -> FileClaims:
    try:
        return registry.examiner.claims(upload, header, person_id=slot_id)
    except BadImage:  # the pixels are good, so it was the manifest that ended its reader
        return FileClaims(CredentialsState.INVALID)


@contextmanager
def _held(semaphore: threading.BoundedSemaphore, *, timeout: float) -> Iterator[None]:
    """Hold one slot of a semaphore. Raises ServiceUnavailable after the timeout."""
    if not semaphore.acquire(timeout=timeout):
        raise ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS)
    try:
        yield
    finally:
        semaphore.release()


@contextmanager
def _alone(cache: Cache, name: str) -> Iterator[None]:
    """Let one process at a time examine the same bytes."""
    try:
        with cache.one_at_a_time(name, SAME_UPLOAD_SECONDS):
            yield
    except CacheBusy as error:
        raise ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS) from error
