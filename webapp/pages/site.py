"""Blueprint of all pages: layout, template helpers and error pages."""

import json
import secrets
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from flask_babel import format_decimal, get_locale, gettext
from flask_login import current_user
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import (
    ArtistOnly,
    DomainError,
    InternalError,
    NotFound,
    PayloadTooLarge,
    RateLimitExceeded,
    ServiceUnavailable,
    SessionExpired,
    Unauthorized,
    ValidationFailed,
)
from webapp.domain.models.account import Role
from webapp.domain.prices import MAX_PRICE_TOKENS
from webapp.domain.services.payouts import PayoutTerms
from webapp.extensions import app_settings
from webapp.http import csrf, errors as api_errors, field_errors
from webapp.pages import (
    accounts,
    api_keys,
    artist_pages,
    assets,
    atom,
    clock,
    collections,
    comments,
    contact,
    covers,
    data_exports,
    feed,
    generations,
    licenses,
    likes,
    mail_digests,
    me,
    notification_settings,
    notifications,
    outgoing_webhooks,
    page_header,
    payment_words,
    payouts,
    reports,
    sets,
    shown_artworks,
    sitemap,
    statements,
    studio,
    style_statistics,
    styles,
    terms,
    tour,
    users,
    verifications,
    wallet,
    words,
    works,
)
from webapp.pages.admin import index as admin
from webapp.pages.fragments import is_fragment
from webapp.pages.site_documents import index as site_documents

THEMES = ("light", "dark")
MACHINE_PATHS = ("/api", "/storage", "/healthz", "/readyz", "/metrics")
FIRST_ERROR, SERVER_ERROR = 400, 500
LED_TO = ("/api/", "/storage/")

blueprint = Blueprint("pages", __name__)
for each in (
    accounts,
    api_keys,
    artist_pages,
    atom,
    collections,
    comments,
    contact,
    covers,
    data_exports,
    feed,
    generations,
    licenses,
    likes,
    mail_digests,
    me,
    notification_settings,
    notifications,
    outgoing_webhooks,
    payouts,
    reports,
    sets,
    shown_artworks,
    site_documents,
    sitemap,
    statements,
    studio,
    style_statistics,
    styles,
    tour,
    users,
    verifications,
    wallet,
    works,
):
    blueprint.register_blueprint(each.blueprint)
blueprint.register_blueprint(admin.blueprint)
blueprint.after_app_request(assets.compress)


@blueprint.app_context_processor
def frame() -> dict[str, object]:
    """Give templates language, theme, worth of tokens, and functions that format numbers."""
    theme = request.cookies.get("theme")
    return {
        "has_demo_model": app_settings().has_demo_model,
        "operator": app_settings().operator,
        "theme": theme if theme in THEMES else None,
        "language": str(get_locale() or "en"),
        "words": words,
        "payment_words": payment_words,
        "terms": terms,
        "payout_terms": PayoutTerms.of(app_settings()),
        "highest_price": MAX_PRICE_TOKENS,
        "balance": page_header.balance,
        "unread": page_header.unread,
        "MOST_UNREAD": page_header.MOST_UNREAD,
        "csrf_token": csrf_token,
        "error_message": api_errors.message,
        "one_time_key": one_time_key,
        "number": format_decimal,
        "moment": clock.moment,
        "time_of_day": clock.time_of_day,
        "utc": clock.utc,
        "zoned": clock.zoned,
        "market": clock.market,
        "market_day": clock.market_day,
        "here": here,
    }


@blueprint.app_template_filter("query_string")
def query_string(values: dict[str, list[str]]) -> str:
    """Return a query string without empty fields."""
    return urlencode({name: value for name, value in values.items() if value}, doseq=True)


blueprint.app_template_filter("in_words")(field_errors.translated)
blueprint.app_template_filter("month_name")(clock.month_name)
blueprint.app_template_filter("month_word")(clock.month_word)


def csrf_token() -> str:
    """Return the CSRF token for a hidden field of a form."""
    return csrf.token_for(current_user.sign_in_id) if current_user.is_authenticated else ""


def one_time_key() -> str:
    """Return a new idempotency key for a form: submitted twice, it runs once."""
    return secrets.token_urlsafe(16)


def here() -> str:
    """Return the local path of this page, to return to; for the target of a form, its page."""
    if request.method in csrf.SAFE_METHODS:
        return request.full_path.removesuffix("?")
    return request.path.rpartition("/")[0] or "/"


@blueprint.after_request
def keep_private(response: AnyResponse) -> AnyResponse:
    """Keep pages out of shared caches, and those of signed-in users out of every cache.

    Pages differ by user, language and theme; after signing out, Back must show no private page.
    """
    directive = "no-store" if "sign_in_id" in g else "no-cache"
    response.headers.setdefault("Cache-Control", f"private, {directive}")
    response.headers.add("Vary", "Cookie, Accept-Language, HX-Request")
    return response


@blueprint.before_request
def know_the_person() -> None:
    """Load the user before the first text is translated: the account has a language."""
    bool(current_user.is_authenticated)


@blueprint.errorhandler(DomainError)
def domain_error(error: DomainError) -> AnyResponse:
    """Redirect to sign-in where that helps, or show the error."""
    if isinstance(error, Unauthorized | SessionExpired):
        return _to_login()
    if isinstance(error, ArtistOnly):
        return redirect(url_for("pages.accounts.become_artist"))
    if error.status == NotFound.status:
        return not_found()
    text = words.FORM_PROBLEMS.get(error.code) or api_errors.message(error)
    answer = problem(str(text), error.status)
    if "retry_after" in error.details:
        answer.headers["Retry-After"] = str(error.details["retry_after"])
    return answer


def _to_login() -> AnyResponse:
    if not is_fragment():
        return redirect(url_for("pages.accounts.login", next=here()))
    around = urlsplit(request.headers.get("HX-Current-URL", ""))
    address = f"{around.path}?{around.query}".removesuffix("?")
    back = url_for("pages.accounts.login", next=address or None)
    return Response(status=204, headers={"HX-Redirect": back})


@blueprint.errorhandler(ValidationError)
def bad_address(_error: ValidationError) -> AnyResponse:
    """Show the error of a URL with invalid query fields."""
    return problem(gettext(ValidationFailed.code), ValidationFailed.status)


@blueprint.errorhandler(HTTPException)
def http_error(error: HTTPException) -> AnyResponse:
    """Show the error of a wrong URL, method or too large body."""
    if isinstance(error, RequestEntityTooLarge):
        return problem(gettext(PayloadTooLarge.code), PayloadTooLarge.status)
    return error.get_response() if (error.code or 0) < NotFound.status else not_found()


@blueprint.errorhandler(Exception)
def unexpected(error: Exception) -> AnyResponse:
    """Show an internal error; the layout then reads nothing from the database."""
    away = isinstance(error, api_errors.UNAVAILABLE)
    answer = api_errors.unavailable(error) if away else api_errors.unexpected(error)
    code = ServiceUnavailable.code if answer.status_code != SERVER_ERROR else InternalError.code
    return problem(gettext(code), answer.status_code)


@blueprint.after_app_request
def page_for_a_browser(response: AnyResponse) -> AnyResponse:
    """Replace a JSON error of the API by a page when a browser navigates.

    Google and Toss redirect users to URLs of the API, and links to pictures lead there. At the URL
    of a page the router may have refused the method. The page keeps the status and headers of the
    API response.
    """
    is_error = response.status_code >= FIRST_ERROR and response.mimetype == "application/json"
    is_led_here = request.path.startswith(LED_TO) and _is_navigation()
    if not is_error or (_is_for_machine() and not is_led_here):
        return response
    if response.status_code == Unauthorized.status:
        return redirect(url_for("pages.accounts.login", next=here()))
    error = json.loads(response.get_data(as_text=True))["error"]
    if response.status_code == NotFound.status:
        page = not_found()
    else:
        has_wait = error["code"] == RateLimitExceeded.code  # its message already has the wait
        wait = None if has_wait else error["details"].get("retry_after")
        message = str(words.FORM_PROBLEMS.get(error["code"]) or error["message"])
        page = problem(_words_of(message, wait), response.status_code)
    for name in ("Retry-After", "Allow"):
        if name in response.headers:
            page.headers[name] = response.headers[name]
    return keep_private(page)


def _is_for_machine() -> bool:
    """Return whether this is a URL for programs, without pages."""
    return any(f"{request.path}/".startswith(f"{path}/") for path in MACHINE_PATHS)


def _words_of(message: str, wait: int | None) -> str:
    if wait is None:
        return message
    return gettext("%(message)s Please wait %(wait)s.", message=message, wait=words.duration(wait))


def _is_navigation() -> bool:
    """Return whether a browser navigates to this URL, as opposed to a script or program."""
    mode = request.headers.get("Sec-Fetch-Mode")
    accepted = request.accept_mimetypes
    prefers_html = accepted["text/html"] > accepted["application/json"]
    return request.method == "GET" and prefers_html and mode in {None, "navigate"}


@blueprint.app_errorhandler(404)
def unknown_address(_error: HTTPException) -> AnyResponse:
    """Answer an unknown URL: with JSON for programs, with a page for browsers."""
    if _is_for_machine():
        return api_errors.answer(NotFound(resource="route"))
    return keep_private(not_found())


def not_found() -> AnyResponse:
    """Return the page for what does not exist or is not visible to this visitor."""
    page = render_template("errors/not_found.html", in_administration=_in_administration())
    return make_response(page, NotFound.status)


def problem(message: str, status: int) -> Response:
    """Return the error page."""
    # After an error of the server nothing is read: the database may be unavailable.
    page = render_template(
        "errors/problem.html",
        message=message,
        in_administration=status < SERVER_ERROR and _in_administration(),
    )
    return make_response(page, status)


def _in_administration() -> bool:
    """Tell whether an administrator asked for a page of the administration."""
    is_there = f"{request.path}/".startswith("/admin/")
    return is_there and current_user.is_authenticated and current_user.user.role == Role.ADMIN
