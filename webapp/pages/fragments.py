"""Whether a request is for a whole page or a fragment."""

from flask import request


def is_fragment() -> bool:
    """Return whether htmx requests a fragment of a page that is already shown."""
    headers = request.headers
    return "HX-Request" in headers and "HX-History-Restore-Request" not in headers
