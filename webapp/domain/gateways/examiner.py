"""What the engine tells about an uploaded picture; the engine is not part of the domain."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Protocol, Self

from webapp.domain.images import ImageHeader

LONGEST_ID = 40


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

    def encoded(self) -> bytes:
        """Return a JSON frame."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decoded(cls, frame: bytes) -> Self:
        """Read a JSON frame of a process that has read an untrusted file.

        Raises KeyError, TypeError and ValueError for another one.
        """
        fields = json.loads(frame)
        return cls(
            CredentialsState(fields["credentials"]),
            _public_id(fields["credentials_id"]),
            _public_id(fields["xmp_id"]),
        )


@dataclass(frozen=True, slots=True)
class ClaimsRequest:
    """A file whose claims are read: its media type, the trusted roots as PEM, address space."""

    media_type: str
    roots: str
    memory: int

    def encoded(self) -> bytes:
        """Return the JSON frame of the request."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decoded(cls, frame: bytes) -> Self:
        """Return the request of a JSON frame."""
        return cls(**json.loads(frame))


def _public_id(value: object) -> str | None:
    """Return an id that a certificate may have; None for what is none, such as with a NUL."""
    if not isinstance(value, str) or not value.isprintable() or len(value) > LONGEST_ID:
        return None
    return value or None


class Mark(Protocol):
    """A watermark that was read from a picture; noise may look like one that is not certain."""

    @property
    def number(self) -> int:
        """The number, 0 to 2**64 - 1."""

    @property
    def score(self) -> float:
        """How surely it was read."""

    @property
    def is_certain(self) -> bool:
        """Whether no picture without a mark gives this reading."""


class ShownPicture(Protocol):
    """A decoded picture, prepared for examination."""

    def hashes(self) -> Sequence[int]:
        """Return the perceptual hashes of its eight orientations."""

    def marks(self, *, deep: bool) -> Iterator[Mark]:
        """Read watermarks, weak ones too; a certain one is the last.

        Only `deep` finds that of a part; without one it takes seconds.
        """

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
