"""Delivered pictures with real pixels, as stamping leaves them, and what strangers make of them."""

import hashlib
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image
from sqlalchemy import update

from gpu.signature import credentials, embed, watermark
from tests import images, making
from webapp.domain.image_decoding import perceptual_hash
from webapp.domain.models.generation import Generation
from webapp.domain.models.license import Certificate
from webapp.domain.services import watermarks

SIZE = (512, 512)


def picture(seed: int = 1) -> Image.Image:
    """A picture with detail, another for each seed."""
    return images.scene(*SIZE, seed=seed)


def deliver(
    session, storage, made: Generation, shown: Image.Image, *, is_public=False, marked=True
) -> bytes:
    """Finish an ordered picture with these pixels; return its delivered file."""
    making.finish(session, storage, made, is_public=is_public)
    if marked:
        shown = watermark.embed(shown, made.watermark_number, newest_key())
    data = images.encoded(shown, compress_level=1)
    key = f"images/{made.id}-delivered.png"
    storage.put(key, data, content_type="image/png")
    digest = hashlib.sha256(data).hexdigest()
    session.execute(
        update(Generation)
        .where(Generation.id == made.id)
        .values(image_key=key, image_sha256=digest)
    )
    session.execute(
        update(Certificate)
        .where(Certificate.generation_id == made.id)
        .values(image_sha256=digest, perceptual_hash=perceptual_hash(shown))
    )
    session.commit()
    return data


def signed(data: bytes, media_type: str, public_id: str, chain: Mapping[str, str]) -> bytes:
    """The file with Content Credentials of a certificate; `chain` has the variables of a signer."""
    claim = credentials.Claim(
        public_id=public_id,
        certificate_url=f"http://localhost:8000/l/{public_id}",
        license_type="commercial",
        artist="Artist",
        style="Style",
        base_model="built-in",
        created=datetime.now(UTC),
        watermark=credentials.WatermarkBinding(number=1, key_number=1),
    )
    files = ("CONTENT_CREDENTIALS_CHAIN", "CONTENT_CREDENTIALS_KEY")
    signer = credentials.Signer(*(Path(chain[name]).read_bytes() for name in files))
    return credentials.sign(data, media_type, claim, signer)


def newest_key() -> bytes:
    """The secret key that marks new orders."""
    keys = watermarks.keys()
    return keys[max(keys)]


def saved_again(data: bytes, quality: int = 50, *, scale: float = 1.0) -> bytes:
    """A JPEG of a picture, smaller if asked for, without its metadata."""
    shown = opened(data)
    size = round(shown.width * scale), round(shown.height * scale)
    return images.encoded(shown.resize(size), "JPEG", quality=quality)


def cropped(data: bytes, share: float = 0.12) -> bytes:
    """A PNG without a share of each side."""
    shown = opened(data)
    across, down = round(shown.width * share), round(shown.height * share)
    return images.encoded(shown.crop((across, down, shown.width - across, shown.height - down)))


def opened(data: bytes) -> Image.Image:
    """The pixels of a file."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def with_xmp(shown: Image.Image, public_id: str, file_format: str = "PNG") -> bytes:
    """A file whose metadata name a certificate, as anybody could write them."""
    metadata = embed.Provenance(
        creator="Artist",
        rights="rights",
        usage_terms="terms",
        description="description",
        credit=None,
        licensor_url=None,
        certificate_url=f"http://localhost:8000/l/{public_id}",
        artist_id=1,
        style_id=1,
        generation_id=1,
        licence_id=public_id,
        created=datetime.now(UTC),
    )
    return embed.embed(shown, metadata, embed.Format(file_format))
