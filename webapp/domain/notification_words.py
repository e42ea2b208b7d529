"""The sentence of a notification in any language, and the page that it leads to."""

import re
from collections.abc import Callable

from webapp.domain.models.notification import NotificationType
from webapp.domain.queries.notifications import NotificationView
from webapp.domain.queries.users import UserSummary

# Of a decided report, a decided payout request, and a refund that was asked for.
OUTCOMES = {
    NotificationType.REPORT_DECIDED: ("upheld", "dismissed"),
    NotificationType.PAYOUT_DECIDED: ("settled", "declined", "returned"),
    NotificationType.REFUND: ("declined",),
}
# Of sales of a style on a day, of a refund, and of a payout.
NUMBERS = ("day", "sold", "earned", "refunded", "returned", "amount", "paid_krw")
PAIR = 2
# Texts of mails that differ from those of pages.
IN_MAIL = {"comment": "comment_in_mail", "comment_several": "comment_in_mail_several"}
SEVERAL = frozenset({NotificationType.COMMENT, NotificationType.GENERATION_COMPLETE})
# Of host names, also as browsers read them in Chinese, Japanese and Korean, and of URLs.
LINK_SIGNS = re.compile("[.:/@\uff0e\u3002\uff61]")
WORD_JOINER = "\u2060"
PLACES = {
    "purchase": "/wallet",
    "payout": "/wallet",
    "data_export": "/me/settings#data-title",
    "mail_digest": "/notifications/settings",
    "webhook": "/me/webhooks",
}
PAGES_OF_TYPES = {NotificationType.ARTWORK_HIDDEN: "/studio/styles/{}/artworks"}
PAGES = {
    "generation": "/g/{}",
    "style": "/styles/{}",
    "user": "/users/{}",
}


def sentence(view: NotificationView, translate: Callable[[str], str]) -> str:
    """Return the text of a notification; `translate` returns the text of a key."""
    texts = {
        "actor": _display_name(view.actor) if view.actor else translate("notification.somebody"),
        "title": view.target.title or "…",
        "excerpt": view.target.excerpt or "…",
    }
    return _filled(_key(view), view, translate, texts)


def sentence_of_mail(view: NotificationView, translate: Callable[[str], str]) -> str:
    """Return the text for a mail, which is sent in the name of the site.

    Of other people it has names only, no comments; mail programs make no links of these names.
    """
    key = _key(view)
    texts = {
        "actor": f"@{_unlinked(view.actor.username)}"
        if view.actor
        else translate("notification.somebody"),
        "title": _unlinked(view.target.title or "…"),
    }
    return _filled(IN_MAIL.get(key, key), view, translate, texts)


def page(view: NotificationView) -> str | None:
    """Return the path of the page of a notification; None if there is none or it was deleted."""
    picture_id = view.target.generation_id
    if view.type == NotificationType.PAYMENT_COMPLETE:
        return "/wallet"
    if view.target_type in PLACES:
        return PLACES[view.target_type]
    if view.type == NotificationType.COMMENT:
        return f"/g/{picture_id}#comment-{view.target_id}" if picture_id else None
    if view.target_type == "set_job":
        job_id = view.metadata.get("job_id")
        return f"/sets/{job_id}" if job_id else None
    if view.target_type == "generation" and picture_id is None:
        return None
    form = PAGES_OF_TYPES.get(view.type) or PAGES.get(view.target_type)
    return form and form.format(view.target_id)


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
    if details.get("outcome") in OUTCOMES.get(view.type, ()):
        return f"{key}_{details['outcome']}"
    if key == NotificationType.REFUND and "product" in details:
        return f"refund_{details['product']}"
    return _key_by_numbers(view)


def _key_by_numbers(view: NotificationView) -> str:
    """Return which text of a type fits the numbers of the notification."""
    if view.type == NotificationType.STYLE_SALES and view.metadata.get("refunded"):
        return "style_sales_and_refunds"
    if view.type == NotificationType.LIKE and view.count > 1:
        return "like_two" if view.count == PAIR else "like_several"
    if view.type in SEVERAL and view.count > 1:
        return f"{view.type}_several"
    return view.type


def _filled(
    key: str, view: NotificationView, translate: Callable[[str], str], texts: dict[str, str]
) -> str:
    reported = str(view.metadata.get("reported", "tag"))
    values = {
        **{name: _grouped(view.metadata.get(name, "…")) for name in NUMBERS},
        "count": _grouped(view.count),
        "others": _grouped(view.count - 1),
        "reported": translate("notification.reported." + reported),
        **texts,
    }
    return translate("notification." + key) % values


def _grouped(value: object) -> str:
    """Return a number as all pages write it: 12,000."""
    return f"{value:,}" if isinstance(value, int) else str(value)


def _unlinked(name: str) -> str:
    """Return a name with an invisible character wherever an address would go on."""
    return LINK_SIGNS.sub("\\g<0>" + WORD_JOINER, name)


def _display_name(actor: UserSummary) -> str:
    """Return the display name with the username, because only usernames are unique."""
    if actor.display_name == actor.username:
        return actor.username
    return f"{actor.display_name} (@{actor.username})"
