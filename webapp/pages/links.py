"""Links that carry fields of a request: only those that the target page knows.

`url_for` takes its own options – the method, the host, an anchor, the endpoint itself – from the
same names as the fields of a query. So what a client sent never becomes its keyword arguments:
an unknown name is dropped, and the link is always a local path.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from flask import request, url_for

# Query fields of the lists on these pages; their links carry nothing else.
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
    """Return the URL of a page with those of `fields` that are in `known`, in their order.

    `fields` defaults to the query of the request; `path_values` are the variables of the route.
    """
    sent = request.args if given is None else given
    query = urlencode({name: sent[name] for name in known if sent.get(name)})
    path = url_for(endpoint, **place)  # type: ignore[arg-type]
    fragment = f"#{anchor}" if anchor else ""
    return f"{path}?{query}{fragment}" if query else f"{path}{fragment}"
