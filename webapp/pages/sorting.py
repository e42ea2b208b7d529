"""The order of a list: what is liked or used most first for visitors, the newest for others."""

from flask import request

from webapp.http.access import viewer


def usual() -> str:
    """Return the order of a list whose address names none."""
    return "popular" if viewer().user_id is None else "recent"


def chosen(sort: str) -> str:
    """Return the order of this request; `sort` is that of its query with its default."""
    if "sort" not in request.args:
        return usual()
    return "popular" if sort == "popular" else "recent"


def named(query: dict[str, list[str]], sort: str) -> dict[str, list[str]]:
    """Return the fields of the next page's address with the order of visitors named.

    A cursor is of one order, also after a sign-in.
    """
    return {"sort": [sort], **query} if usual() == "popular" else query
