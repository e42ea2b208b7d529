"""Texts of transactions, notifications and gains of styles, in the language of the request."""

from dataclasses import asdict, dataclass, replace
from typing import TypeVar

from flask_babel import gettext

from webapp.domain.gains import LearnedAspects, LearnedGain
from webapp.domain.models.notification import NotificationType
from webapp.domain.queries.answers import extended
from webapp.domain.queries.checkpoints import CheckpointView
from webapp.domain.queries.notifications import NotificationView
from webapp.domain.queries.style_detail import OwnStyleView, StyleView
from webapp.domain.queries.tokens import Transaction
from webapp.domain.queries.users import UserSummary

View = TypeVar("View", bound=StyleView)
OUTCOMES = ("upheld", "dismissed")  # of a decided report
# Of sales of a style on a day, and of a refund.
NUMBERS = ("day", "sold", "earned", "refunded", "returned", "amount")
PAIR = 2


@dataclass(frozen=True, slots=True)
class LocalizedGain(LearnedGain):
    """A gain with a text about it."""

    summary: str


@dataclass(frozen=True, slots=True)
class LocalizedNotification(NotificationView):
    """A notification with its text."""

    message: str


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
    target = view.target
    reported = str(view.metadata.get("reported", "tag"))
    names = {
        **{name: view.metadata.get(name, "…") for name in NUMBERS},
        "count": view.count,
        "others": view.count - 1,
        "actor": _display_name(view.actor) if view.actor else gettext("notification.somebody"),
        "title": target.title or "…",
        "excerpt": target.excerpt or "…",
        "reported": gettext("notification.reported." + reported),
    }
    text = gettext("notification." + _key(view)) % names
    return extended(LocalizedNotification, view, message=text)


def _key(view: NotificationView) -> str:
    """Return which text of a type fits the notification."""
    key: str = view.type
    details = view.metadata
    if key == NotificationType.COMMENT and view.target.excerpt is None:
        return "comment_gone"
    if key == NotificationType.GENERATION_FAILED and "is_try_out" in details:
        return "try_out_failed"  # free, so the text must not mention a refund
    if key == NotificationType.PAYMENT_COMPLETE and "product" in details:
        return f"payment_complete_{details['product']}"
    if key == NotificationType.REPORT_DECIDED and details.get("outcome") in OUTCOMES:
        return f"report_decided_{details['outcome']}"
    if key == NotificationType.REFUND and "product" in details:
        return f"refund_{details['product']}"
    return _key_by_numbers(view)


def _key_by_numbers(view: NotificationView) -> str:
    """Return which text of a type fits the numbers of the notification."""
    if view.type == NotificationType.STYLE_SALES and view.metadata.get("refunded"):
        return "style_sales_and_refunds"
    if view.type == NotificationType.LIKE and view.count > 1:
        return "like_two" if view.count == PAIR else "like_several"
    if view.type == NotificationType.GENERATION_COMPLETE and view.count > 1:
        return "generation_complete_several"
    return view.type


def _display_name(actor: UserSummary) -> str:
    """Return the display name with the username, because only usernames are unique."""
    if actor.display_name == actor.username:
        return actor.username
    return f"{actor.display_name} (@{actor.username})"
