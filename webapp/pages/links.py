"""Addresses that carry on fields of a request: only those that the page there knows.

`url_for` takes its own options – the method, the host, an anchor, the endpoint itself – from the
same names as the fields of a query. So what a client sent never becomes its keyword arguments:
a name that is not known is left out, and the address is always a local path.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from flask import request, url_for

# What the lists of these pages are asked by; an address of theirs carries nothing else.
WALLET = ("order", "status", "next", "type", "month", "cursor")
WORKS = ("state", "cursor", "limit")
NOTIFICATIONS = ("unread_only", "day", "cursor", "limit")


def with_known(
    endpoint: str,
    known: Sequence[str],
    given: Mapping[str, str] | None = None,
    /,
    *,
    anchor: str | None = None,
    **place: int | str,
) -> str:
    """Return the address of a page with the known ones of the given fields, in their order.

    `given` are the fields of the request's query unless others are named; `place` are the parts
    of the path.
    """
    sent = request.args if given is None else given
    query = urlencode({name: sent[name] for name in known if sent.get(name)})
    path = url_for(endpoint, **place)  # type: ignore[arg-type]
    fragment = f"#{anchor}" if anchor else ""
    return f"{path}?{query}{fragment}" if query else f"{path}{fragment}"
