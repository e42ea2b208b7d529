"""Whether a whole page is asked for, or a piece of one."""

from flask import request


def is_fragment() -> bool:
    """Tell whether htmx asks for a piece to put into a page that stands already."""
    headers = request.headers
    return "HX-Request" in headers and "HX-History-Restore-Request" not in headers
