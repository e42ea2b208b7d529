"""Content Credentials (C2PA): write a signed manifest into a delivered file, and read one.

The manifest says that a model made the picture, under which certificate it is licensed, and which
watermark it carries. It is signed with the platform's own chain; only roots that the caller names
are trusted. It survives no editing and no re-encoding, but says whether the file was changed.

The last operation on a file: every later change of a byte makes the credentials invalid.
"""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import c2pa
from cryptography import x509

from gpu.signature.embed import SOURCE_TYPE

MEDIA_TYPES = frozenset({"image/png", "image/jpeg", "image/webp"})
GENERATOR = "Style License"
WATERMARK_ALGORITHM = "com.stylelicense.watermark.1"
LICENCE_LABEL = "com.stylelicense.licence"
MAX_ADDED_BYTES = 6_000

# Type and UUID of the box that a manifest store begins with (ISO 19566-5, and C2PA 2.2, 11.1.4).
_MANIFEST_BOX = b"jumdc2pa"
_CHANGED = "assertion.dataHash.mismatch"
_UNREADABLE = "manifest.unreadable"
_FORBIDDEN_USES = ("ai_training", "ai_generative_training")
_AUTHENTIC = {"signingCredential.trusted", "claimSignature.validated"}


class SigningRefused(Exception):
    """The library refused to sign: an expired or unsuitable certificate, or a damaged file."""


class State(StrEnum):
    """What the Content Credentials of a file prove.

    TRUSTED: signed with a chain of a trusted root, and no byte that they cover has changed.
    UNTRUSTED: correctly signed with a chain of another root. INVALID: damaged, forged, expired, or
    the file was changed after signing. ABSENT: no credentials.
    """

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"
    INVALID = "invalid"
    ABSENT = "absent"


_STATES = {"Trusted": State.TRUSTED, "Valid": State.UNTRUSTED, "Invalid": State.INVALID}


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate chain and its private key, both PEM: the leaf first, then its issuers."""

    chain: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Signer(…)"  # the key must not reach a log


@dataclass(frozen=True, slots=True)
class WatermarkBinding:
    """The number of a watermark and of the key that it was written with."""

    number: int
    key_number: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What the credentials of a picture say; `public_id` is the one of its certificate."""

    public_id: str
    certificate_url: str
    license_type: str
    artist: str
    style: str
    base_model: str
    created: datetime
    watermark: WatermarkBinding


@dataclass(frozen=True, slots=True)
class Credentials:
    """The Content Credentials of a file.

    `public_id` names a certificate only if the trusted signature covers it: for TRUSTED, and for
    INVALID if the one defect is that the file was changed after signing. Such a manifest may have
    been copied from another file, so an INVALID one is a hint and never a proof. `reasons` are the
    failure codes of the C2PA specification, or `manifest.unreadable`.
    """

    state: State
    public_id: str | None = None
    reasons: tuple[str, ...] = ()


def sign(data: bytes, media_type: str, claim: Claim, signer: Signer) -> bytes:
    """Return the file with Content Credentials; its pixels and other metadata stay the same.

    Two calls return different bytes: identifiers and signatures are random.

    Raises SigningRefused, and ValueError for another media type or a time without a zone.
    """
    _check_type(media_type)
    info = c2pa.C2paSignerInfo(
        alg=b"es256", sign_cert=signer.chain, private_key=signer.key, ta_url=None
    )
    stream = io.BytesIO()
    try:
        with (
            _context() as context,
            c2pa.Signer.from_info(info) as native_signer,
            c2pa.Builder(_manifest(claim), context) as builder,
        ):
            builder.sign(native_signer, media_type, io.BytesIO(data), stream)
    except c2pa.C2paError as error:
        raise SigningRefused(str(error)) from error
    return stream.getvalue()


def read(data: bytes, media_type: str, roots: bytes) -> Credentials:
    """Read the Content Credentials of an untrusted file; `roots` are the trusted ones, as PEM.

    Nothing is fetched from elsewhere, and no content of the file raises an exception.

    Raises ValueError for another media type or roots that are no certificates.
    """
    _check_type(media_type)
    _check_roots(roots)
    if _MANIFEST_BOX not in data:
        return Credentials(State.ABSENT)
    with _context(roots) as context:
        try:
            with c2pa.Reader(media_type, io.BytesIO(data), context=context) as reader:
                return _credentials(json.loads(reader.json()))
        except (c2pa.C2paError, LookupError, TypeError):
            return Credentials(State.INVALID, reasons=(_UNREADABLE,))


def _check_type(media_type: str) -> None:
    if media_type not in MEDIA_TYPES:
        raise ValueError(f"no Content Credentials for {media_type}")


@contextmanager
def _context(roots: bytes | None = None) -> Iterator[c2pa.Context]:
    """Yield a context without network access and thumbnails that trusts `roots` only."""
    values: dict[str, object] = {
        "version": 1,
        "builder": {"thumbnail": {"enabled": False}},
        "verify": {
            "ocsp_fetch": False,
            "remote_manifest_fetch": False,
            "verify_trust": roots is not None,
        },
    }
    if roots is not None:
        values["trust"] = {"trust_anchors": roots.decode("ascii")}
    with c2pa.Settings.from_dict(values) as settings, c2pa.Context(settings) as context:
        yield context


def _check_roots(roots: bytes) -> None:
    """Raise ValueError unless the PEM has certificates; the library reports that per file."""
    if not x509.load_pem_x509_certificates(roots):
        raise ValueError("the roots contain no certificate")


def _manifest(claim: Claim) -> dict[str, object]:
    if claim.created.tzinfo is None:
        raise ValueError("created must have a time zone")
    created: dict[str, object] = {
        "action": "c2pa.created",
        "when": claim.created.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "digitalSourceType": SOURCE_TYPE,
        "softwareAgent": {"name": GENERATOR},
        "parameters": {
            "com.stylelicense.base_model": claim.base_model,
            "com.stylelicense.style": claim.style,
            "com.stylelicense.artist": claim.artist,
        },
    }
    assertions = [
        _soft_binding(claim.watermark),
        _training(),
        {
            "label": LICENCE_LABEL,
            "data": {
                "certificate": claim.certificate_url,
                "public_id": claim.public_id,
                "license_type": claim.license_type,
            },
        },
    ]
    signature = {"action": "c2pa.edited", "description": "The artist's signature was drawn on it."}
    actions = [created, {"action": "c2pa.watermarked.bound"}, signature]
    return {
        "claim_generator_info": [{"name": GENERATOR}],
        "title": f"Picture of certificate {claim.public_id}",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}, *assertions],
    }


def _training() -> dict[str, object]:
    """The terms of every licence forbid to train a model on the picture."""
    entries = {f"cawg.{use}": {"use": "notAllowed"} for use in _FORBIDDEN_USES}
    return {"label": "cawg.training-mining", "data": {"entries": entries}}


def _soft_binding(watermark: WatermarkBinding) -> dict[str, object]:
    value = f"{watermark.key_number}:{watermark.number:016x}"
    blocks = [{"scope": {}, "value": value}]
    return {"label": "c2pa.soft-binding", "data": {"alg": WATERMARK_ALGORITHM, "blocks": blocks}}


def _credentials(manifests: dict[str, Any]) -> Credentials:
    """The answer for what the library says about a file."""
    results = manifests["validation_results"]["activeManifest"]
    reasons = tuple(dict.fromkeys(problem["code"] for problem in results["failure"]))
    state = _STATES[manifests["validation_state"]]
    passed = {check["code"] for check in results["success"]}
    is_only_changed = reasons == (_CHANGED,) and passed >= _AUTHENTIC
    if state is not State.TRUSTED and not is_only_changed:
        return Credentials(state, reasons=reasons)
    return Credentials(state, _public_id(manifests), reasons)


def _public_id(manifests: dict[str, Any]) -> str | None:
    """The certificate of the active manifest; older generators of the same chain may name none."""
    for assertion in manifests["manifests"][manifests["active_manifest"]]["assertions"]:
        if assertion["label"] == LICENCE_LABEL:
            return str(assertion["data"]["public_id"])
    return None
