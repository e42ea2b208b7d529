"""The engine's part of a verification, for the site and for the queue `verify`."""

import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from PIL import Image

from gpu.signature import likeness, watermark
from webapp.domain.gateways.examiner import (
    ClaimsRequest,
    Comparison,
    CredentialsState,
    FileClaims,
    Mark,
)
from webapp.domain.image_processes import (
    ADDRESS_SPACE_BYTES,
    ProcessLimits,
    answered_in_subprocess,
)
from webapp.domain.images import MEGABYTE, ImageHeader
from webapp.domain.settings import Settings
from webapp.domain.signing_chain import read_roots

CLAIMS_READER = "webapp.claims_reading"
# What credentials and our XMP contain; most files of others are not worth a process.
SIGNS_OF_CLAIMS = (b"jumdc2pa", b"urn:style-license:xmp:")
LIMITS = ProcessLimits(memory_bytes=600 * MEGABYTE, cpu_seconds=5, wall_seconds=20, slot_seconds=5)
READER_BYTES = 100 * MEGABYTE
FILE_COPIES = 6


class EngineExaminer:
    """`gateways.examiner.Examiner` over `gpu.signature`; one for all threads.

    `keys` reads the keys of watermarks: not every process that makes an examiner has them.
    """

    def __init__(self, keys: Callable[[], Mapping[int, bytes]], roots_file: Path) -> None:
        self._keys = keys
        self._roots_file = roots_file

    def claims(self, upload: bytes, header: ImageHeader, *, person_id: int) -> FileClaims:
        """See `Examiner.claims`."""
        if not any(sign in upload for sign in SIGNS_OF_CLAIMS):
            return FileClaims(CredentialsState.ABSENT)
        roots = read_roots(self._roots_file).decode("ascii")
        memory = READER_BYTES + FILE_COPIES * len(upload)
        media_type = f"image/{header.format.lower()}"
        return answered_in_subprocess(
            CLAIMS_READER,
            ClaimsRequest(media_type, roots, memory + ADDRESS_SPACE_BYTES).encoded(),
            upload,
            lambda frame, _file: FileClaims.decoded(frame),
            memory=memory,
            person_id=person_id,
            process_limits=LIMITS,
        )

    def shown(self, picture: bytes) -> "EngineShownPicture":
        """See `Examiner.shown`."""
        with Image.open(io.BytesIO(picture), formats=("PNG",)) as image:
            return EngineShownPicture(image.convert("RGB"), self._keys())


class EngineShownPicture:
    """`gateways.examiner.ShownPicture` over `gpu.signature`."""

    def __init__(self, picture: Image.Image, keys: Mapping[int, bytes]) -> None:
        self._picture = picture
        self._keys = keys

    def hashes(self) -> tuple[int, ...]:
        """See `ShownPicture.hashes`."""
        return likeness.hashes(self._picture)

    def marks(self, *, deep: bool) -> Iterator[watermark.Mark]:
        """See `ShownPicture.marks`. A picture that is reduced to a strip has no readable mark."""
        if min(self._picture.size) >= watermark.MIN_DETECT_SIDE:
            yield from watermark.candidates(self._picture, self._keys, deep=deep)

    def compare(self, registered: bytes, mark: Mark | None = None) -> Comparison:
        """See `ShownPicture.compare`."""
        place = mark.place if isinstance(mark, watermark.Mark) else None
        with Image.open(io.BytesIO(registered), formats=("PNG", "WEBP")) as file:
            delivered = file.convert("RGB")
        return Comparison(likeness.compared(delivered, self._picture, place).value)


def configured_examiner(settings: Settings) -> EngineExaminer:
    """Return the examiner of the settings."""
    return EngineExaminer(settings.watermark_key_bytes, settings.content_credentials_roots)
