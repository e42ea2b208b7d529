"""The words of a mail digest: subject, text and HTML, in the language of its reader.

Every text is one line, and escaped in HTML. There are no pictures, and every link leads to the
site itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from gettext import GNUTranslations
from pathlib import Path

from babel.dates import format_date
from markupsafe import Markup

from webapp.domain import market, notification_words
from webapp.domain.gateways.mail import Mail
from webapp.domain.models.mail_digest import DigestFrequency
from webapp.domain.queries.notifications import News
from webapp.domain.services.mail_digests import Order

CATALOGS = Path(__file__).parents[1] / "translations"
PAGE = Markup(
    '<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
    '<meta name="color-scheme" content="light dark"><title>{subject}</title></head>'
    '<body style="font-family:sans-serif;line-height:1.5;max-width:40em;margin:0 auto;padding:1em">'
    "<p>{greeting}</p><p>{intro}</p>{days}{more}"
    '<p><a href="{site}/notifications">{all}</a></p>'
    '<hr><p style="font-size:smaller">{why}<br>{sender}</p>'
    '<p style="font-size:smaller"><a href="{settings_url}">{settings}</a> · '
    '<a href="{unsubscribe_url}">{unsubscribe}</a></p></body></html>\n'
)
DAY = Markup('<h2 style="font-size:1.1em">{day}</h2><ul style="padding-left:1.2em">{rows}</ul>')
ROW = Markup("<li>{at} {text}</li>")
LINK = Markup('<a href="{url}">{text}</a>')


@dataclass(frozen=True, slots=True)
class _Line:
    """One notification: its day and time in the market's zone, its sentence, its page."""

    day: str
    at: str
    text: str
    url: str | None


def unsubscribe_path(user_id: int, link_signature: str) -> str:
    """Return the path of the page that switches a person's digest off."""
    return f"/unsubscribe/{user_id}/{link_signature}"


def digest(order: Order, news: News, *, site: str, sender: str | None) -> Mail:
    """Return the mail of a digest; `site` is the URL of the site, `sender` who runs it."""
    words = _Words(order.language)
    form = "mail_digest.subject_one" if news.count == 1 else "mail_digest.subject_several"
    subject = words(form, count=news.count)
    is_weekly = order.frequency == DigestFrequency.WEEKLY
    texts = {
        "greeting": words("mail_digest.greeting", name=_one_line(order.name)),
        "intro": words("mail_digest.intro"),
        "all": words("mail_digest.all"),
        "why": words("mail_digest.why_weekly" if is_weekly else "mail_digest.why_daily"),
        "settings": words("mail_digest.settings"),
        "unsubscribe": words("mail_digest.unsubscribe"),
        "sender": f"Style License · {_one_line(sender)}" if sender else "Style License",
        "site": site,
        "settings_url": f"{site}/notifications/settings",
        "unsubscribe_url": site + unsubscribe_path(order.user_id, order.link_signature),
    }
    lines = list(_lines(news, words, site))
    left = news.count - len(lines)
    more = words("mail_digest.more", count=left) if left else ""
    return Mail(
        message_id=f"digest-{order.digest_id}",
        recipient=order.email,
        subject=subject,
        text=_plain(lines, more, texts),
        html=_html(lines, more, texts | {"subject": subject, "language": order.language}),
        language=order.language,
        unsubscribe_url=texts["unsubscribe_url"],
    )


class _Words:
    """The texts of one language by their keys."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._catalog = _catalog(language)

    def translate(self, key: str) -> str:
        return self._catalog.gettext(key)

    def __call__(self, key: str, **values: object) -> str:
        text = self.translate(key)
        return text % values if values else text


@lru_cache
def _catalog(language: str) -> GNUTranslations:
    with (CATALOGS / language / "LC_MESSAGES/messages.mo").open("rb") as file:
        return GNUTranslations(file)


def _lines(news: News, words: _Words, site: str) -> Iterator[_Line]:
    for view in news.newest:
        at = market.local(view.created_at)
        page = notification_words.page(view)
        yield _Line(
            day=format_date(at.date(), "full", locale=words.language),
            at=f"{at:%H:%M}",
            text=_one_line(notification_words.sentence_of_mail(view, words.translate)),
            url=page and site + page,
        )


def _plain(lines: list[_Line], more: str, texts: dict[str, str]) -> str:
    parts = [texts["greeting"], "", texts["intro"]]
    day = None
    for line in lines:
        if line.day != day:
            parts += ["", line.day, ""]
            day = line.day
        parts.append(f"{line.at} {line.text}")
        if line.url:
            parts.append(f"      {line.url}")
    parts += ["", more] if more else []
    parts += ["", f"{texts['all']}: {texts['site']}/notifications", "", "-- ", texts["why"]]
    parts += [texts["sender"], f"{texts['settings']}: {texts['settings_url']}"]
    parts.append(f"{texts['unsubscribe']}: {texts['unsubscribe_url']}")
    return "\n".join(parts) + "\n"


def _html(lines: list[_Line], more: str, texts: dict[str, str]) -> str:
    days: dict[str, list[Markup]] = {}
    for line in lines:
        text = LINK.format(url=line.url, text=line.text) if line.url else line.text
        days.setdefault(line.day, []).append(ROW.format(at=line.at, text=text))
    blocks = [DAY.format(day=day, rows=Markup().join(rows)) for day, rows in days.items()]
    rest = Markup("<p>{}</p>").format(more) if more else ""
    return str(PAGE.format(days=Markup().join(blocks), more=rest, **texts))


def _one_line(text: str) -> str:
    return " ".join(text.split())
