"""Sign a PDF file with the chain of our Content Credentials (PAdES, ETSI EN 319 142-1).

The signature covers the whole file and permits no change of it.
"""

import io
from datetime import UTC, datetime

from pyhanko.keys import load_certs_from_pemder_data, load_private_key_from_pemder_data
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, SimpleSigner, sign_pdf
from pyhanko_certvalidator.registry import SimpleCertificateStore

from webapp.domain.settings import Settings

FIELD = "Certificate"


def signer_of(settings: Settings) -> SimpleSigner:
    """Return the signer of this process.

    Raises ChainUnusable if it has no key, or its certificate may not sign now.
    """
    chain = settings.signing_chain()
    key = settings.signing_key(chain)
    chain.require_period(datetime.now(UTC))
    leaf, *issuers = load_certs_from_pemder_data(chain.pem)
    return SimpleSigner(
        signing_cert=leaf,
        signing_key=load_private_key_from_pemder_data(key, passphrase=None),
        cert_registry=SimpleCertificateStore.from_certs(issuers),
    )


def sign(pdf: bytes, signer: SimpleSigner) -> bytes:
    """Return the file with a signature."""
    metadata = PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
    )
    signed = sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), metadata, signer=signer)
    return bytes(signed.getvalue())
