"""The web process: settings, extensions, blueprints in one tuple, error handlers.

Importing this module connects to nothing; `create_app` opens nothing until the first request.
"""

from datetime import timedelta
from pathlib import Path

from flask import Blueprint, Flask, g, request
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, UnicodeConverter, ValidationError

import webapp.domain.models  # noqa: F401 - all tables, before the database is bound
from webapp import signer
from webapp.api import (
    accounts,
    admin,
    api_keys,
    artist_pages,
    collections,
    comments,
    data_exports,
    docs,
    follows,
    generations,
    health,
    licenses,
    likes,
    notification_settings,
    notifications,
    outgoing_webhooks,
    payments,
    payouts,
    refund_requests,
    reports,
    search,
    sets_accounts,
    sets_callbacks,
    sets_exports,
    sets_instances,
    sets_jobs,
    sets_presets,
    sets_purchases,
    sets_rules,
    shown_artworks,
    storage,
    style_statistics,
    styles,
    tags,
    tokens,
    try_outs,
    users,
    verifications,
    webhook_aliases,
    webhooks,
)
from webapp.cli import COMMANDS
from webapp.domain import db as domain_db
from webapp.domain.gateways.cache import Cache
from webapp.domain.gateways.payments import configured_payments
from webapp.domain.gateways.storage import configured_storage
from webapp.domain.settings import Environment, Settings, settings as process_settings
from webapp.editor import EngineEditor
from webapp.examiner import configured_examiner
from webapp.extensions import babel, db, migrate
from webapp.http import (
    access,
    bodies,
    envelope,
    errors,
    google,
    headers,
    metrics,
    rate_limits,
    temporary_space,
)
from webapp.pages import clock, site

# One blueprint per noun, under /api/v1 and again under /api.
API = (
    health.health,
    accounts.blueprint,
    api_keys.blueprint,
    outgoing_webhooks.blueprint,
    data_exports.blueprint,
    users.blueprint,
    follows.blueprint,
    styles.blueprint,
    style_statistics.blueprint,
    shown_artworks.blueprint,
    try_outs.blueprint,
    generations.blueprint,
    likes.blueprint,
    collections.blueprint,
    artist_pages.blueprint,
    comments.blueprint,
    reports.blueprint,
    tags.blueprint,
    search.blueprint,
    tokens.blueprint,
    payments.blueprint,
    payouts.blueprint,
    refund_requests.blueprint,
    notifications.blueprint,
    notification_settings.blueprint,
    licenses.blueprint,
    verifications.blueprint,
    admin.blueprint,
    sets_accounts.blueprint,
    sets_presets.blueprint,
    sets_purchases.blueprint,
    sets_rules.blueprint,
    sets_jobs.blueprint,
    sets_instances.blueprint,
    sets_exports.blueprint,
    sets_callbacks.blueprint,
    webhooks.blueprint,
    webhook_aliases.blueprint,
)
# Under one name only: probes, the folder's signed URLs, the API's document, and pages.
SITE: tuple[Blueprint, ...] = (
    health.probes,
    storage.blueprint,
    docs.blueprint,
    sets_presets.files,
    site.blueprint,
)
PREFIXES = {"api_v1": "/api/v1", "api": "/api"}
LANGUAGES = ("en", "ko")
SESSION_LIFETIME = timedelta(days=14)
MAX_BIGINT = 2**63 - 1
MIGRATIONS = str(Path(__file__).parents[1] / "migrations")


class IdConverter(IntegerConverter):
    """The id of a row; a number larger than any id becomes 0, which no row has."""

    def to_python(self, value: str) -> int:
        """Return the id, or 0 for a number that no row can have."""
        number: int = super().to_python(value)
        return number if number <= MAX_BIGINT else 0


class TextConverter(UnicodeConverter):
    """Text in URLs, without NUL, which PostgreSQL cannot store."""

    def to_python(self, value: str) -> str:
        """Return the text; raises ValidationError for NUL: no route matches."""
        if "\0" in value:
            raise ValidationError
        return value


def create_app(settings: Settings | None = None) -> Flask:
    """Return the web application; by default with the settings of the environment."""
    settings = settings or process_settings()
    app = Flask(__name__)
    app.config.update(_config(settings))
    app.url_map.strict_slashes = False
    app.url_map.converters |= {"id": IdConverter, "default": TextConverter}
    app.extensions["settings"] = settings
    app.extensions["storage"] = configured_storage(settings)
    app.extensions["can_sign"] = signer.can_sign
    app.extensions["editor"] = EngineEditor()
    app.extensions["examiner"] = configured_examiner(settings)
    app.extensions["cache"] = Cache(settings.redis_url)
    app.extensions["payments"] = configured_payments(settings)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    db.init_app(app)
    if settings.database_is_pooled:
        with app.app_context():
            for pool, engine in db.engines.items():
                is_for_views = pool == domain_db.VIEWS
                session = domain_db.view_session() if is_for_views else domain_db.web_session()
                domain_db.set_in_each_transaction(engine, session)
    babel.init_app(app, locale_selector=language, timezone_selector=clock.timezone)
    # The order of the before_request functions: request id, size limits, then rate limits.
    for part in (metrics, envelope, errors, bodies, temporary_space):
        part.register(app)
    metrics.show_signing_end(settings.signing_chain())
    headers.register(app, settings)
    rate_limits.register(app, settings)
    access.register(app)
    _register_blueprints(app, settings)
    migrate.init_app(app, db, directory=MIGRATIONS)
    for command in COMMANDS:
        app.cli.add_command(command)
    return app


def _config(settings: Settings) -> dict[str, object]:
    is_pooled = settings.database_is_pooled
    return {
        "SECRET_KEY": settings.secret_key,
        "SECRET_KEY_FALLBACKS": [*settings.secret_key_fallbacks],
        "TESTING": settings.env is Environment.TEST,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": domain_db.web_engine_options(is_pooled=is_pooled),
        "SQLALCHEMY_BINDS": {
            pool: {"url": settings.database_url}
            | domain_db.web_engine_options(size, is_pooled=is_pooled)
            for pool, size in domain_db.RESERVED_POOLS.items()
        }
        | {
            domain_db.VIEWS: {"url": settings.database_url}
            | domain_db.view_engine_options(is_pooled=is_pooled)
        },
        "SESSION_COOKIE_NAME": "session",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.uses_tls,
        "SESSION_REFRESH_EACH_REQUEST": False,
        "PERMANENT_SESSION_LIFETIME": SESSION_LIFETIME,
        "MAX_FORM_MEMORY_SIZE": bodies.MAX_BODY,
        "BABEL_DEFAULT_LOCALE": "en",
        # Error texts by code, and the texts of the pages: one catalogue each.
        "BABEL_DOMAIN": "messages;pages",
        "BABEL_TRANSLATION_DIRECTORIES": "translations;translations",
    }


def _register_blueprints(app: Flask, settings: Settings) -> None:
    sign_in = google.make_blueprint(settings)
    for name, prefix in PREFIXES.items():
        parent = Blueprint(name, __name__, url_prefix=prefix)
        for blueprint in (*API, sign_in):
            parent.register_blueprint(blueprint)
        app.register_blueprint(parent)
    for blueprint in SITE:
        app.register_blueprint(blueprint)


def language() -> str:
    """Return the language of this request: of the account, the cookie, the browser, or English."""
    own: str | None = g.get("user_language")
    chosen = request.cookies.get("lang")
    in_cookie = chosen if chosen in LANGUAGES else None
    return own or in_cookie or request.accept_languages.best_match(LANGUAGES) or "en"
