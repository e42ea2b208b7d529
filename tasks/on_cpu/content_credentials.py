"""Content Credentials of stamped pictures: the signer of this process, and what they claim."""

from datetime import UTC, datetime
from functools import lru_cache

import structlog
from celery.exceptions import Retry

from gpu.signature import credentials
from gpu.signature.credentials import Claim, Signer, SigningRefused, WatermarkBinding
from tasks.on_cpu.attempt import AttemptFailed
from webapp.domain.services.stamping import StampWork
from webapp.domain.settings import settings
from webapp.domain.signing_chain import ChainUnusable, SigningChain, read_key

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


def add_credentials(data: bytes, media_type: str, work: StampWork, signer: Signer) -> bytes:
    """Return a finished file with Content Credentials. Raises AttemptFailed SIGNATURE_FAILED."""
    try:
        return credentials.sign(data, media_type, _claim(work), signer)
    except SigningRefused as error:
        raise AttemptFailed("SIGNATURE_FAILED", str(error)) from error


@lru_cache(maxsize=1)
def _signer() -> tuple[SigningChain, Signer]:
    """Read the chain and the key, once in a process. Raises ChainUnusable."""
    file = settings().content_credentials_key
    if file is None:
        raise ChainUnusable("CONTENT_CREDENTIALS_KEY is not set")
    chain = settings().signing_chain()
    return chain, Signer(chain.pem, read_key(file, chain))


def _claim(work: StampWork) -> Claim:
    return Claim(
        public_id=work.license_public_id,
        certificate_url=work.certificate_url,
        license_type=work.license_type,
        artist=work.artist_name,
        style=work.style_name,
        base_model=work.base_model,
        created=work.created_at,
        watermark=WatermarkBinding(work.watermark.number, work.watermark.key_number),
    )
