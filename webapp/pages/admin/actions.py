"""Actions of administrators: shortcut key, label, effects, and the change for the service."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import LazyString, lazy_gettext as _

from webapp.domain.models.report import ReportTarget
from webapp.domain.queries.cases import Case
from webapp.domain.services.cases import Verdict


@dataclass(frozen=True)
class Action:
    """One action; the confirmation form shows `effects`, the service gets `change`."""

    key: str
    label: LazyString
    effects: LazyString
    change: Mapping[str, Any]


Actions = dict[str, Action]

STYLES: Actions = {
    "flag": Action(
        "h",
        _("Hide"),
        _("Only the artist sees the style, and no new pictures can be ordered."),
        {"is_flagged": True},
    ),
    "unflag": Action(
        "u",
        _("Unhide"),
        _("The style is visible again, and can be bought if it is on sale."),
        {"is_flagged": False},
    ),
    "off": Action(
        "o",
        _("Stop selling"),
        _("No new pictures can be ordered. Buyers keep what they bought."),
        {"is_active": False},
    ),
    "on": Action(
        "o",
        _("Put on sale"),
        _("The style is on sale again, as the only style of its artist."),
        {"is_active": True},
    ),
}
IMAGES: Actions = {
    "flag": Action(
        "h",
        _("Hide"),
        _("Only the owner sees the picture, even if it is set to public."),
        {"is_flagged": True},
    ),
    "unflag": Action(
        "u",
        _("Unhide"),
        _("The picture is visible again to everyone its owner shows it to."),
        {"is_flagged": False},
    ),
    "private": Action(
        "p",
        _("Make private"),
        _("The picture is removed from the gallery. Its owner can make it public again."),
        {"is_public": False},
    ),
    "revoke": Action(
        "l",
        _("Revoke the licence"),
        _("The certificate will say that the licence was revoked."),
        {"license_status": "revoked"},
    ),
    "reinstate": Action(
        "v",
        _("Restore the licence"),
        _("The certificate will say that the licence is valid."),
        {"license_status": "valid"},
    ),
}
COMMENTS: Actions = {
    "flag": Action(
        "h",
        _("Hide"),
        _("The comment stays in the thread, but its text is hidden from everyone."),
        {"is_hidden": True},
    ),
    "unflag": Action(
        "u",
        _("Unhide"),
        _("Everyone can read it again."),
        {"is_hidden": False},
    ),
}
TAGS: Actions = {
    "flag": Action(
        "h",
        _("Hide"),
        _("The tag is shown nowhere, and cannot be entered."),
        {"is_flagged": True},
    ),
    "unflag": Action(
        "u",
        _("Unhide"),
        _("The tag can be used and found again."),
        {"is_flagged": False},
    ),
}
COLLECTIONS: Actions = {
    "flag": Action(
        "h",
        _("Hide"),
        _("Only the owner sees the collection, even if it is set to public."),
        {"is_flagged": True},
    ),
    "unflag": Action(
        "u",
        _("Unhide"),
        _("The collection is visible again if its owner has made it public."),
        {"is_flagged": False},
    ),
}
ARTWORKS: Actions = {
    "flag": Action(
        "h",
        _("Hide"),
        _("It is not shown any more, also if it is chosen again. The artist is notified."),
        {"is_flagged": True},
    ),
    "unflag": Action(
        "u",
        _("Unhide"),
        _("The artwork is shown again while its artist chooses it."),
        {"is_flagged": False},
    ),
}
USERS: Actions = {
    "close": Action(
        "c",
        _("Close account"),
        _(
            "The user is signed out everywhere and cannot sign in again. Styles go off"
            " sale and pictures are removed from the gallery; buyers keep what they bought."
        ),
        {"is_active": False},
    ),
    "reopen": Action(
        "o",
        _("Reopen account"),
        _("The user can sign in again. Styles stay off sale and pictures stay private."),
        {"is_active": True},
    ),
}
UNDONE_BY = {
    "flag": "unflag",
    "unflag": "flag",
    "off": "on",
    "on": "off",
    "revoke": "reinstate",
    "reinstate": "revoke",
}
ROLE = Action("r", _("Change role"), _("Administrators can see and change everything here."), {})
RETRY = Action(
    "r",
    _("Retry now"),
    _("The job is queued at once, without waiting for its retry time."),
    {},
)
SETTLE = Action(
    "s",
    _("Paid…"),
    _("Transfer the money first. The tokens leave the site."),
    {},
)
RETURN = Action(
    "b",
    _("Returned by the bank"),
    _(
        "Only if the money is back on the account of the platform. The tokens go back to the"
        " artist's earnings."
    ),
    {},
)
DECLINE = Action(
    "d",
    _("Decline"),
    _("The tokens go back to the artist's earnings."),
    {},
)

DECLINE_REFUND = Action(
    "d",
    _("Decline"),
    _("Nothing is refunded. The buyer keeps what was bought, and may ask again."),
    {},
)

_DISMISS = Action(
    "d",
    _("Dismiss"),
    _("Nothing is hidden. All open reports about it are dismissed."),
    {},
)
_HIDE = Action(
    "h",
    _("Hide"),
    _("It is hidden from everyone else, and all open reports about it are resolved."),
    {},
)
_KEEP_HIDDEN = Action(
    "h",
    _("Keep hidden"),
    _("It is hidden already. All open reports about it are resolved."),
    {},
)
_CLOSE = Action(
    "c",
    _("Close account"),
    _(
        "It is hidden and its account is closed: signed out everywhere, styles off sale,"
        " pictures private. All open reports about it are resolved."
    ),
    {},
)
_CLOSE_USER = Action(
    "c",
    _("Close account"),
    _(
        "The user is signed out everywhere, styles go off sale, pictures become private."
        " All open reports about the user are resolved."
    ),
    {},
)


def offered(actions: Actions, row: object) -> Actions:
    """Return the actions that would change a column of a row; one that is None never changes."""
    return {
        name: action
        for name, action in actions.items()
        if any(_differs(row, column, value) for column, value in action.change.items())
    }


def _differs(row: object, column: str, value: object) -> bool:
    old = row.get(column) if isinstance(row, Mapping) else getattr(row, column, None)
    return old is not None and old != value


def verdicts(case: Case, admin_id: int) -> Actions:
    """Return the verdicts for a case; a deleted item can only be dismissed.

    No administrator can close their own account.
    """
    if not case.exists:
        return {Verdict.DISMISS: _DISMISS}
    is_user = case.target_type == ReportTarget.USER
    hide = _KEEP_HIDDEN if case.is_hidden else _HIDE
    ends: Actions = {} if is_user else {Verdict.HIDE: hide}
    author = case.author
    if author is not None and author.is_active and author.id != admin_id:
        ends[Verdict.CLOSE] = _CLOSE_USER if is_user else _CLOSE
    return ends | {Verdict.DISMISS: _DISMISS}
