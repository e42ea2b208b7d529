"""Read what an untrusted file says of itself; as a module it runs in a sandboxed subprocess.

It decodes no pixel. The subprocess that decodes pixels must not answer for credentials: a file that
takes over a decoder could claim any of them. The protocol is that of
`webapp.domain.image_decoding`, with a ClaimsRequest and FileClaims.
"""

import contextlib
from datetime import UTC, datetime

from PIL import Image

from gpu.signature import credentials
from gpu.signature.embed import Format, Provenance, embed, read_provenance
from webapp.domain.gateways.examiner import ClaimsRequest, CredentialsState, FileClaims
from webapp.domain.image_decoding import serve

SAMPLE = Provenance(
    creator="creator",
    rights="rights",
    usage_terms="terms",
    description="description",
    credit=None,
    licensor_url=None,
    certificate_url="https://example.org/l/lic_sample",
    artist_id=1,
    style_id=1,
    generation_id=1,
    licence_id="lic_sample",
    created=datetime(2026, 1, 1, tzinfo=UTC),
)


def respond(request: ClaimsRequest, data: bytes) -> tuple[bytes, bytes]:
    """Handle one request and return the JSON frame of its response, and an empty one."""
    found = credentials.read(data, request.media_type, request.roots.encode())
    provenance = read_provenance(data)
    claims = FileClaims(
        CredentialsState(found.state.value),
        found.public_id,
        provenance.licence_id if provenance else None,
    )
    return claims.encoded(), b""


def _preload_libraries() -> None:
    for file_format in Format:
        sample = embed(Image.new("RGB", (64, 64)), SAMPLE, file_format)
        with contextlib.suppress(ValueError):  # there are no roots yet
            credentials.read(sample, f"image/{file_format.lower()}", b"")
        if read_provenance(sample) is None:
            raise RuntimeError("the sample cannot be read")


if __name__ == "__main__":
    serve(ClaimsRequest.decoded, respond, _preload_libraries)
