"""Uploaded signatures, profile pictures and banners.

All are decoded in a subprocess, which is slow: call these functions before the first statement of
a transaction, so that no database connection is held meanwhile.
"""

from webapp.domain.errors import ServiceUnavailable
from webapp.domain.gateways.signer import CanSign
from webapp.domain.gateways.storage import Storage
from webapp.domain.identifiers import object_key
from webapp.domain.image_errors import IMAGE_ERRORS, ImageRefused
from webapp.domain.image_processes import (
    DecoderBusy,
    DecoderUnavailable,
    sanitise_in_subprocess,
)
from webapp.domain.images import (
    BANNER_IMAGE,
    PROFILE_IMAGE,
    SIGNATURE_IMAGE,
    BadImage,
    ImageCode,
    ImageLimits,
    RefusedImage,
    SafeImage,
)

RETRY_AFTER_SECONDS = 15
EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}


def store_signature(
    storage: Storage, can_sign: CanSign, data: bytes, *, person_id: int
) -> tuple[str, str]:
    """Store a clean copy of a signature; return its key and SHA-256.

    Raises the image error of an invalid PNG, also of one with which no image could be signed (every
    later order would fail), and ServiceUnavailable if all decoding slots are busy or no decoder
    starts.
    """
    clean = _sanitised(data, "signature_image", SIGNATURE_IMAGE, person_id, keep_alpha=True)
    if not can_sign(clean.data):
        raise refusal(BadImage(ImageCode.CORRUPT), "signature_image", SIGNATURE_IMAGE)
    return _store(storage, "signatures", clean), clean.sha256


def store_profile_picture(storage: Storage, data: bytes, *, person_id: int) -> str:
    """Store a clean, small copy of a profile picture; return its key.

    Raises the image error of an invalid JPEG or PNG, and ServiceUnavailable if all decoding slots
    are busy or no decoder starts.
    """
    clean = _sanitised(data, "profile_image", PROFILE_IMAGE, person_id)
    return _store(storage, "portraits", clean)


def store_banner(storage: Storage, data: bytes, *, person_id: int) -> str:
    """Store a clean WebP copy of the banner of an artist's page; return its key.

    Raises the image error of an invalid JPEG or PNG, and ServiceUnavailable if all decoding slots
    are busy or no decoder starts.
    """
    clean = _sanitised(data, "banner", BANNER_IMAGE, person_id)
    return _store(storage, "banners", clean)


def _sanitised(
    data: bytes, field: str, limits: ImageLimits, person_id: int, *, keep_alpha: bool = False
) -> SafeImage:
    """Return a clean copy of the file of a form field. Raises as `store_banner` does."""
    try:
        return sanitise_in_subprocess(data, limits, person_id=person_id, keep_alpha=keep_alpha)
    except (DecoderBusy, DecoderUnavailable) as error:
        raise ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS) from error
    except BadImage as error:
        raise refusal(error, field, limits) from error


def _store(storage: Storage, kind: str, clean: SafeImage) -> str:
    key = object_key(kind, EXTENSIONS[clean.format])
    storage.put(key, clean.data, content_type=f"image/{clean.format.lower()}")
    return key


def refusal(error: BadImage, field: str, limits: ImageLimits) -> ImageRefused:
    """Return the error of the one file of a form field that is not accepted."""
    bad: RefusedImage = {
        "idx": 0,
        "filename": field,
        "code": error.code,
        "actual": error.actual,
        "limit": error.limit,
    }
    return IMAGE_ERRORS[error.code](images=[bad], **limits.allowed(error.code))
