"""An artist's signature for the signing steps: its file and its position on the image."""

from dataclasses import dataclass
from typing import Self

from webapp.domain.models.account import Artist, SignaturePosition, SignatureSize


@dataclass(frozen=True)
class ArtistSignature:
    """The stored signature file with its hash, and its placement; `opacity` is 0.3 to 1."""

    key: str
    sha256: str
    position: SignaturePosition
    size: SignatureSize
    opacity: float

    @classmethod
    def of(cls, artist: Artist) -> Self:
        """Return the current signature of an artist."""
        return cls(
            key=artist.signature_key,
            sha256=artist.signature_sha256,
            position=artist.signature_position,
            size=artist.signature_size,
            opacity=artist.signature_opacity,
        )
