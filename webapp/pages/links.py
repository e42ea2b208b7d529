"""Links that carry fields of a request: only those that the target page knows.

`url_for` has options – method, host, anchor, endpoint – with the same names as query fields. So
fields of a client never become its keyword arguments: an unknown name is dropped, and the link is
always a local path.
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
    fields: Mapping[str, str] | None = None,
    /,
    *,
    anchor: str | None = None,
    **path_values: int | str,
) -> str:
    """Return the URL of a page with those of `fields` that are in `known`, in their order.

    `fields` defaults to the query of the request; `path_values` are the variables of the route.
    """
    values = request.args if fields is None else fields
    query = urlencode({name: values[name] for name in known if values.get(name)})
    path = url_for(endpoint, **path_values)  # type: ignore[arg-type]
    fragment = f"#{anchor}" if anchor else ""
    return f"{path}?{query}{fragment}" if query else f"{path}{fragment}"
