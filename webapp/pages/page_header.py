"""The header of a page of a signed-in user: its tokens and its unread notifications, read once."""

from flask import g

from webapp.domain.services import page_headers
from webapp.domain.services.notifications import Subject
from webapp.domain.services.page_headers import PageHeader
from webapp.extensions import db
from webapp.http.access import user, viewer

MOST_UNREAD = 99  # more are not counted, so that no page waits for the count


def balance() -> int:
    """Return the spendable tokens of the user."""
    return _header().balance


def unread() -> int:
    """Return the number of unread notifications of the user, at most MOST_UNREAD + 1."""
    return _header().unread


def mark_seen(*subjects: Subject) -> None:
    """Mark as read what the user was told of these subjects, which the page shows.

    They are conditions of `services.notifications`. The statement is that of the header, so a page
    takes none more. Does nothing for visitors.
    """
    if viewer().user_id is not None:
        g.page_header = _read(*subjects)


def _header() -> PageHeader:
    if "page_header" not in g:
        g.page_header = _read()
    header: PageHeader = g.page_header
    return header


def _read(*subjects: Subject) -> PageHeader:
    return page_headers.read(db.session(), user().id, *subjects, most_unread=MOST_UNREAD + 1)
