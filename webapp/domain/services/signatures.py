"""An artist's signature as the signing steps need it: what was drawn, and where it goes."""

from dataclasses import dataclass
from typing import Self

from webapp.domain.models.account import Artist, SignaturePosition, SignatureSize


@dataclass(frozen=True)
class ArtistSignature:
    """The drawing in storage with its hash, and the artist's choices; `opacity` is 0.3 to 1."""

    key: str
    sha256: str
    position: SignaturePosition
    size: SignatureSize
    opacity: float

    @classmethod
    def of(cls, artist: Artist) -> Self:
        """The signature that an artist has chosen now."""
        return cls(
            key=artist.signature_key,
            sha256=artist.signature_sha256,
            position=artist.signature_position,
            size=artist.signature_size,
            opacity=artist.signature_opacity,
        )
