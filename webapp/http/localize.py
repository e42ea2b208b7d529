"""Texts of transactions, notifications and gains of styles, in the language of the request."""

from dataclasses import dataclass, replace
from typing import Any, TypeVar

from flask_babel import gettext

from webapp.domain.gains import LearnedAspects, LearnedGain
from webapp.domain.models.notification import NotificationType
from webapp.domain.queries.answers import extended
from webapp.domain.queries.checkpoints import CheckpointView
from webapp.domain.queries.style_detail import OwnStyleView, StyleView

ASPECTS = ("palette", "texture", "edges")
View = TypeVar("View", bound=StyleView)


@dataclass(frozen=True, slots=True)
class LocalizedGain(LearnedGain):
    """A gain with a text about it."""

    summary: str


def transaction(row: dict[str, Any]) -> dict[str, Any]:
    """Return a transaction with its memo as a sentence."""
    style = (row["related_style"] or {}).get("name", "")
    return row | {"memo": gettext("memo." + row["memo"]) % {"style": style}}


def style(view: View) -> View:
    """Return a style; the gains of its checkpoints have a summary, for who sees checkpoints."""
    if not isinstance(view, OwnStyleView):
        return view
    return replace(view, checkpoints=[_checkpoint(each) for each in view.checkpoints])


def _checkpoint(view: CheckpointView) -> CheckpointView:
    if view.gain is None:
        return view
    gain = extended(LocalizedGain, view.gain, summary=gain_summary(view.gain.learned))
    return replace(view, gain=gain)


def gain_summary(levels: LearnedAspects) -> str:
    """Return one sentence for each aspect of a style."""
    keys = [f"gain.{aspect}.{getattr(levels, aspect)}" for aspect in ASPECTS]
    return " ".join(gettext(key) for key in keys)


def notification(row: dict[str, Any]) -> dict[str, Any]:
    """Return a notification with its message and title texts."""
    target = row["target"]
    name = row["type"]
    if name == NotificationType.COMMENT and target["excerpt"] is None:
        name = "comment_gone"
    elif name == NotificationType.GENERATION_FAILED and "is_try_out" in row["metadata"]:
        name = "try_out_failed"  # nothing was paid that could have come back
    elif name == NotificationType.PAYMENT_COMPLETE and "product" in row["metadata"]:
        name = f"payment_complete_{row['metadata']['product']}"
    actor = _display_name(row["actor"]) if row["actor"] else gettext("notification.somebody")
    named = {name: text or "…" for name, text in target.items()}
    return row | {"message": gettext("notification." + name) % (named | {"actor": actor})}


def _display_name(person: dict[str, Any]) -> str:
    """Return what a person is called, with the username: only that is nobody else's."""
    shown, username = person["display_name"], person["username"]
    return username if shown == username else f"{shown} (@{username})"
