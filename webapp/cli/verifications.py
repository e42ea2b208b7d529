"""`flask verify FILE`: name the certificates of a picture on disk."""

import sys
from pathlib import Path

import click
from flask.cli import with_appcontext

from webapp.cli.failures import text_of
from webapp.domain.db import unit_of_work
from webapp.domain.errors import DomainError
from webapp.domain.gateways.examiner import Comparison
from webapp.domain.queries.verifications import Match, Note
from webapp.domain.services import verifications
from webapp.domain.services.licenses import certificate_url
from webapp.domain.services.recognition import MARK_CONFIDENCES, PictureRegistry
from webapp.domain.services.verifications import VERIFIED_IMAGE
from webapp.extensions import app_settings, examiner, storage

FOUND, NONE_FOUND, FAILED = 0, 1, 2
NOTES = {
    Note.CREDENTIALS_INVALID: "Its Content Credentials are damaged, or the file was changed.",
    Note.CREDENTIALS_UNTRUSTED: "Its Content Credentials were signed by somebody else.",
    Note.CERTIFICATE_UNKNOWN: "It names a certificate that was never issued.",
    Note.CERTIFICATE_OF_OTHER_PICTURE: "It names the certificate of another picture.",
    Note.MARK_UNKNOWN: "It has a watermark whose number was never issued.",
    Note.MARK_OF_OTHER_PICTURE: "It has the watermark of another picture.",
    Note.MARK_OF_DELETED_PICTURE: "It has the watermark of a picture that was deleted.",
}


@click.command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_appcontext
def verify(file: Path) -> None:
    """Find the certificates of the picture FILE.

    All layers are examined, and FILE may be a part of the picture.

    Exit status: 0 with a certificate, 1 without, 2 if the file is no picture within the limits.
    """
    with file.open("rb") as opened:
        upload = opened.read(VERIFIED_IMAGE.max_bytes + 1)
    try:
        verification = verifications.verify_fully(
            PictureRegistry(unit_of_work, storage(), examiner()), upload
        )
    except DomainError as error:
        click.echo(f"{file}: {text_of(error)}", err=True)
        sys.exit(FAILED)
    for match in verification.matches:
        _print(match)
    for note in verification.notes:
        click.echo(f"Note: {NOTES[note]}")
    if not verification.matches:
        click.echo("No certificate was found. The picture may still be one of ours, too changed.")
    click.echo(f"Examined: {', '.join(verification.checked)}.")
    sys.exit(FOUND if verification.matches else NONE_FOUND)


def _print(match: Match) -> None:
    address = certificate_url(app_settings().public_base_url, match.public_id)
    click.echo(f"{match.public_id}  {_status(match)}  {address}")
    click.echo(f"  {match.artist_name}, “{match.style_name}”, issued {match.issued_at:%Y-%m-%d}")
    click.echo(f"  found by {match.method}, confidence {match.confidence:.2f}")
    if match.confidence <= MARK_CONFIDENCES[Comparison.UNCLEAR]:
        click.echo("  not confirmed: compare it with the picture of the certificate")


def _status(match: Match) -> str:
    if match.revoked_at is not None and match.status == "revoked":
        return f"REVOKED on {match.revoked_at:%Y-%m-%d}"
    if match.status == "expired":
        return f"EXPIRED after {match.valid_to}"
    return "valid"
