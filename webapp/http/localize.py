"""Texts of transactions, notifications and gains of styles, in the language of the request."""

from dataclasses import asdict, dataclass, replace
from typing import TypeVar

from flask_babel import get_locale, gettext

from webapp.domain import notification_words
from webapp.domain.gains import LearnedAspects, LearnedGain
from webapp.domain.queries.answers import extended
from webapp.domain.queries.checkpoints import CheckpointView
from webapp.domain.queries.notifications import NotificationView
from webapp.domain.queries.style_detail import OwnStyleView, StyleView
from webapp.domain.queries.tokens import Transaction

View = TypeVar("View", bound=StyleView)


@dataclass(frozen=True, slots=True)
class LocalizedGain(LearnedGain):
    """A gain with a text about it."""

    summary: str


@dataclass(frozen=True, slots=True)
class LocalizedNotification(NotificationView):
    """A notification with its text."""

    message: str


def language() -> str:
    """Return the language of the request, `en` or `ko`."""
    return str(get_locale() or "en")


def transaction(view: Transaction) -> Transaction:
    """Return a transaction with its memo as a sentence."""
    style = view.related_style.name if view.related_style else ""
    return replace(view, memo=gettext("memo." + view.memo) % {"style": style})


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
    keys = [f"gain.{aspect}.{level}" for aspect, level in asdict(levels).items()]
    return " ".join(gettext(key) for key in keys)


def notification(view: NotificationView) -> LocalizedNotification:
    """Return a notification with its text."""
    text = notification_words.sentence(view, gettext)
    return extended(LocalizedNotification, view, message=text)
