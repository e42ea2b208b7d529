"""Content Credentials of stamped pictures: the signer of this process, and what they claim."""

from datetime import UTC, datetime
from functools import lru_cache

import structlog
from celery.exceptions import Retry

from gpu.signature import credentials
from gpu.signature.credentials import Claim, Signer, SigningRefused, WatermarkBinding
from tasks.on_cpu.attempt import AttemptFailed
from webapp.domain.services.stamping import StampInput
from webapp.domain.settings import settings
from webapp.domain.signing_chain import ChainUnusable, SigningChain

log = structlog.get_logger()


def require_signer() -> Signer:
    """Return the signer of this process.

    Raises Retry without a key or while its certificate may not sign: the job stays queued and is
    published again, and no attempt is used up.
    """
    try:
        chain, signer = _signer()
        chain.require_period(datetime.now(UTC))
    except ChainUnusable as error:
        log.error("pictures cannot be signed, job left queued", reason=str(error))  # noqa: TRY400 - the reason is enough
        raise Retry("Pictures cannot be signed.", exc=error) from error
    return signer


def add_credentials(data: bytes, media_type: str, stamp: StampInput, signer: Signer) -> bytes:
    """Return a finished file with Content Credentials. Raises AttemptFailed SIGNATURE_FAILED."""
    try:
        return credentials.sign(data, media_type, _claim(stamp), signer)
    except SigningRefused as error:
        raise AttemptFailed("SIGNATURE_FAILED", str(error)) from error


@lru_cache(maxsize=1)
def _signer() -> tuple[SigningChain, Signer]:
    """Read the chain and the key, once in a process. Raises ChainUnusable."""
    chain = settings().signing_chain()
    return chain, Signer(chain.pem, settings().signing_key(chain))


def _claim(stamp: StampInput) -> Claim:
    return Claim(
        public_id=stamp.license_public_id,
        certificate_url=stamp.certificate_url,
        license_type=stamp.license_type,
        artist=stamp.artist_name,
        style=stamp.style_name,
        base_model=stamp.base_model,
        created=stamp.created_at,
        watermark=WatermarkBinding(stamp.watermark.number, stamp.watermark.key_number),
    )
