"""Several of one's own pictures as a zip: each file with its certificate as JSON and PDF.

The zip is written while it is sent, so that one picture is in memory at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import orjson
from pyhanko.sign.signers import SimpleSigner

from webapp.domain import pdf_signature, zip_streams
from webapp.domain.queries import licenses as license_queries
from webapp.domain.queries.generation_files import PictureFile
from webapp.domain.signing_chain import ChainUnusable
from webapp.extensions import app_settings, storage, unit_of_work
from webapp.http import envelope
from webapp.pages import licenses


def pieces(files: Sequence[PictureFile]) -> Iterator[bytes]:
    """Yield the zip of these pictures, each read in its own short transaction."""
    signer = _signer()
    return zip_streams.pieces(entry for file in files for entry in _entries(file, signer))


def _entries(file: PictureFile, signer: SimpleSigner | None) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of what belongs to a picture; no PDF where nothing can sign it."""
    stem = file.name.rpartition(".")[0]
    yield file.name, storage().get(file.key)
    with unit_of_work() as session:
        certificate = license_queries.certificate(
            session, storage(), public_id=file.license_public_id
        )
        preview_key = license_queries.preview_key(session, public_id=file.license_public_id)
    lasting = envelope.plain(replace(certificate, preview_url=None))  # which expires in two hours
    yield f"{stem}-certificate.json", orjson.dumps(lasting, option=orjson.OPT_INDENT_2)
    if signer is not None:
        yield f"{stem}-certificate.pdf", licenses.signed_pdf(certificate, preview_key, signer)


def _signer() -> SimpleSigner | None:
    try:
        return pdf_signature.signer_of(app_settings())
    except ChainUnusable:
        return None
