"""The browser files under /static: compressed once per process, vendored ones kept for a day.

Pages themselves are not compressed: they hold a secret (the CSRF token) beside what an address
may choose, and lengths of compressed pages would give the secret away letter by letter (BREACH).
"""

import gzip
from functools import lru_cache
from pathlib import Path

from flask import current_app, request
from werkzeug.wrappers import Response

ENDPOINT = "static"
TEXT = frozenset({"text/css", "text/javascript", "application/javascript", "image/svg+xml"})
VENDORED = "vendor/"
DAY_SECONDS = 24 * 3600
MOST_FILES = 64


def compress(response: Response) -> Response:
    """Send a text file of /static as gzip to browsers that take it."""
    name = str((request.view_args or {}).get("filename", ""))
    if request.endpoint != ENDPOINT or response.mimetype not in TEXT:
        return response
    if name.startswith(VENDORED):
        response.headers["Cache-Control"] = f"public, max-age={DAY_SECONDS}"
    response.headers.add("Vary", "Accept-Encoding")
    is_whole = response.status_code == 200  # noqa: PLR2004 - ranges and 304 stay as they are
    if not is_whole or not request.accept_encodings["gzip"]:
        return response
    path = Path(str(current_app.static_folder)) / name
    packed = _packed(path, path.stat().st_mtime_ns)
    response.close()
    response.direct_passthrough = False
    response.set_data(packed)
    response.headers["Content-Encoding"] = "gzip"
    response.headers.pop("Accept-Ranges", None)
    return response


@lru_cache(maxsize=MOST_FILES)
def _packed(path: Path, _changed_at: int) -> bytes:
    return gzip.compress(path.read_bytes(), mtime=0)
