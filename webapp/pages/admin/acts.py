"""What administrators can do to a thing: the key, the words, what will happen, and the change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

from webapp.domain.models.report import ReportTarget
from webapp.domain.services.cases import Verdict


@dataclass(frozen=True)
class Act:
    """One act; `says` is what the confirming form tells, `change` what the service is given."""

    key: str
    label: LazyString
    says: LazyString
    change: Mapping[str, Any]


Acts = dict[str, Act]

STYLES: Acts = {
    "flag": Act(
        "h",
        _("Hide"),
        _("Nobody but its artist sees the style, and no new images are made in it."),
        {"is_flagged": True},
    ),
    "unflag": Act(
        "u",
        _("Show again"),
        _("The style is shown again, and on sale if it is switched on."),
        {"is_flagged": False},
    ),
    "off": Act(
        "o",
        _("Take off sale"),
        _("No new images are made in it. What was bought stays with its buyers."),
        {"is_active": False},
    ),
    "on": Act(
        "o",
        _("Put on sale"),
        _("The style is on sale again, the only one of its artist."),
        {"is_active": True},
    ),
}
IMAGES: Acts = {
    "flag": Act(
        "h",
        _("Hide"),
        _("Nobody but its owner sees the image, whatever its owner chooses."),
        {"is_flagged": True},
    ),
    "unflag": Act(
        "u",
        _("Show again"),
        _("The image is seen again by whoever its owner shows it to."),
        {"is_flagged": False},
    ),
    "private": Act(
        "p",
        _("Make private"),
        _("The image leaves the gallery. Its owner may show it again."),
        {"is_public": False},
    ),
    "revoke": Act(
        "l",
        _("Revoke the licence"),
        _("Its certificate says from now on that the licence was revoked."),
        {"license_status": "revoked"},
    ),
    "reinstate": Act(
        "v",
        _("Make the licence valid"),
        _("Its certificate says that the licence is valid."),
        {"license_status": "valid"},
    ),
}
COMMENTS: Acts = {
    "flag": Act(
        "h",
        _("Hide"),
        _("Its place stays, its words are shown to nobody."),
        {"is_hidden": True},
    ),
    "unflag": Act(
        "u",
        _("Show again"),
        _("Everybody can read it again."),
        {"is_hidden": False},
    ),
}
TAGS: Acts = {
    "flag": Act(
        "h",
        _("Hide"),
        _("The word is shown nowhere, and refused where it is typed."),
        {"is_flagged": True},
    ),
    "unflag": Act(
        "u",
        _("Show again"),
        _("The word may be used and found again."),
        {"is_flagged": False},
    ),
}
USERS: Acts = {
    "close": Act(
        "c",
        _("Close the account"),
        _(
            "The person is signed out everywhere and cannot come back. Their styles go off sale and"
            " their images leave the gallery; what others bought stays theirs."
        ),
        {"is_active": False},
    ),
    "reopen": Act(
        "o",
        _("Reopen the account"),
        _("The person may sign in again. What went off sale or private stays so."),
        {"is_active": True},
    ),
}
ROLE = Act("r", _("Change the role"), _("Administrators see and may do all of this."), {})
RING = Act(
    "r",
    _("Ring now"),
    _("The job is offered to the workers at once instead of at its time."),
    {},
)

_DISMISS = Act(
    "d",
    _("Dismiss"),
    _("Nothing happens to it. All its open reports are dismissed."),
    {},
)
_HIDE = Act(
    "h",
    _("Hide"),
    _("It is hidden from everyone else, and all its open reports are resolved."),
    {},
)
_CLOSE = Act(
    "c",
    _("Close the account"),
    _(
        "It is hidden, and the account behind it is closed: signed out everywhere, styles off sale,"
        " images private. All open reports of it are resolved."
    ),
    {},
)
_CLOSE_PERSON = Act(
    "c",
    _("Close the account"),
    _(
        "The person is signed out everywhere, styles go off sale, images private. All open reports"
        " of the person are resolved."
    ),
    {},
)


def offered(acts: Acts, row: Mapping[str, Any]) -> Acts:
    """Return the acts that would change something of a row, as far as the row tells."""
    return {
        name: act
        for name, act in acts.items()
        if any(column in row and row[column] != value for column, value in act.change.items())
    }


def verdicts(case: Mapping[str, Any], admin_id: int) -> Acts:
    """Return how a case can end: what is gone can only be dismissed, and nobody closes oneself."""
    if not case["is_there"]:
        return {Verdict.DISMISS: _DISMISS}
    is_person = case["target_type"] == ReportTarget.USER
    ends: Acts = {} if is_person else {Verdict.HIDE: _HIDE}
    person = case["person"]
    if person is not None and person["is_active"] and person["id"] != admin_id:
        ends[Verdict.CLOSE] = _CLOSE_PERSON if is_person else _CLOSE
    return ends | {Verdict.DISMISS: _DISMISS}
