"""Count views of the pages of styles, after the answer was sent.

A view is the first time on a day that a person opens the page: not its artist, no known crawler
and no page that a browser loads in advance. Who looked is not stored. So that a second time is
noticed, Redis keeps a keyed hash of day, style and account, or of address and browser, for a day.
While Redis is unreachable, each process remembers its own; without rate limits, every page counts.

A count that fails, or that would have to wait, is left out: the page was answered before.
"""

import hmac
import re
from datetime import date
from functools import partial

import structlog
from flask import Response, after_this_request, current_app, request
from flask.ctx import AppContext
from sqlalchemy.exc import SQLAlchemyError

from webapp import pools
from webapp.domain import market
from webapp.domain.db import VIEWS, transaction
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import style_views
from webapp.extensions import app_settings, db
from webapp.http import rate_limits
from webapp.http.buckets import STYLE_VIEWS

BROWSER = "Mozilla/"  # what the name of every browser of a person begins with
# Crawlers write an address into their name. There are phones that are called Cubot.
CRAWLER = re.compile(
    r"(?<!cu)bot|crawl|spider|slurp|scrap|preview|headless|lighthouse|https?://", re.IGNORECASE
)


def count_later(viewer: Viewer, *, style_id: int, artist_id: int) -> None:
    """Count this request as a view of a style once its answer was sent, if it is one."""
    if viewer.user_id == artist_id or not _is_opened_by_a_person():
        return
    day = market.today()
    visit = _visit(viewer, style_id, day)
    count = partial(_count, current_app.app_context(), style_id, day, visit)

    @after_this_request
    def when_sent(response: Response) -> Response:
        response.call_on_close(count)
        return response


def _is_opened_by_a_person() -> bool:
    name = request.user_agent.string
    is_early = "prefetch" in request.headers.get("Sec-Purpose", "")
    is_browser = name.startswith(BROWSER) and CRAWLER.search(name) is None
    return request.method == "GET" and is_browser and not is_early


def _visit(viewer: Viewer, style_id: int, day: date) -> str:
    """Return the hash of who looks at which style on which day."""
    browser = f"{rate_limits.client_address()} {request.user_agent.string}"
    visitor = viewer.user_id or browser
    text = f"style view:{day}:{style_id}:{visitor}"
    return hmac.new(app_settings().secret_key.encode(), text.encode(), "sha256").hexdigest()


def _count(context: AppContext, style_id: int, day: date, visit: str) -> None:
    with context:
        if not rate_limits.is_first(STYLE_VIEWS, visit):
            return
        pools.choose(VIEWS)
        try:
            with transaction(db.session()) as session:
                style_views.count(session, style_id=style_id, day=day)
        except SQLAlchemyError as error:
            log = structlog.get_logger()
            log.warning("view_not_counted", style_id=style_id, error=type(error).__name__)
