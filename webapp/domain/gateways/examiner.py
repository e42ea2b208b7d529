"""What the engine tells about an uploaded picture; the engine is not part of the domain."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from webapp.domain.images import ImageHeader


class CredentialsState(StrEnum):
    """What the Content Credentials of a file prove; as in `gpu.signature.credentials`."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"
    INVALID = "invalid"
    ABSENT = "absent"


class Comparison(StrEnum):
    """Answer of a comparison with a registered picture; as in `gpu.signature.likeness`."""

    SAME = "same"
    UNCLEAR = "unclear"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class FileClaims:
    """What a file says of itself: its credentials, and the certificate that its XMP names.

    Trusted credentials prove what they say. All else can be written by anyone.
    """

    credentials: CredentialsState
    credentials_id: str | None = None
    xmp_id: str | None = None


class Mark(Protocol):
    """A watermark that was read from a picture."""

    @property
    def number(self) -> int:
        """The number, 0 to 2**64 - 1."""


class ShownPicture(Protocol):
    """A decoded picture, made ready for what is asked of it."""

    def hashes(self) -> Sequence[int]:
        """Return the perceptual hashes of its eight orientations."""

    def mark(self, *, deep: bool) -> Mark | None:
        """Read its watermark. Only `deep` finds that of a part; without one it takes seconds."""

    def compare(self, registered: bytes, mark: Mark | None = None) -> Comparison:
        """Compare with a delivered file, at the place of the mark or as a whole."""


class Examiner(Protocol):
    """The engine's part of a verification."""

    def claims(self, upload: bytes, header: ImageHeader, *, person_id: int) -> FileClaims:
        """Read credentials and metadata of an untrusted file, in a process of their own.

        Raises BadImage, DecoderUnavailable, DecoderBusy.
        """

    def shown(self, picture: bytes) -> ShownPicture:
        """Open a PNG that `image_decoding` made."""
