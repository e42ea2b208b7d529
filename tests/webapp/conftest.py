"""The web application over the test's own transaction, and clients signed in as somebody."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session, sessionmaker

from tests import making
from tests.fixtures import PATIENCE_SECONDS, PATIENT_SESSION
from tests.outside_transactions import OutsideTransactions
from tests.serving import close_pools
from tests.toss import Toss, toss_server
from tests.webapp import documented
from webapp.app import create_app
from webapp.domain import db as domain_db, sets_tokens
from webapp.domain.gateways.storage import FolderStorage, configured_storage
from webapp.domain.models.account import SignIn, User
from webapp.domain.models.api_key import Scope
from webapp.domain.models.comment import Comment
from webapp.domain.models.generation import Generation
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.services import api_keys, sets_locks
from webapp.domain.settings import settings
from webapp.extensions import db
from webapp.http import csrf, google, rate_limits
from webapp.http.access import SIGN_IN

WORKER_HEADERS = {"Authorization": "Bearer the token of the tests' workers, long enough"}
UNLIMITED = {"RATE_LIMITS_ENABLED": "0"}


@pytest.fixture(scope="session", autouse=True)
def patience() -> Iterator[None]:
    """Let apps wait for Redis and for the sandbox of Google, and tasks for rows, as tests do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rate_limits, "TIMEOUT_SECONDS", PATIENCE_SECONDS)
        patch.setattr(google, "TIMEOUT_SECONDS", PATIENCE_SECONDS)
        patch.setattr(sets_locks, "TRIES", round(PATIENCE_SECONDS / sets_locks.PAUSE_SECONDS))
        yield


class ApiClient(FlaskClient):
    """A client that sends the CSRF token of whoever is signed in and holds every answer, read
    whole, against the API's document.
    """

    csrf_token: str | None = None
    token: str | None = None  # an API key, or that of an account of Sets

    def open(self, *args: Any, **kwargs: Any) -> Any:
        headers = dict(kwargs.pop("headers", None) or {})
        if self.csrf_token:
            headers.setdefault(csrf.HEADER, self.csrf_token)
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        answer = super().open(*args, headers=headers, **{"buffered": True} | kwargs)
        # The client keeps a large body in a file and forgets to close it.
        answer.request.environ["wsgi.input"].close()
        documented.check(self.application, answer)
        return answer


def make_app(monkeypatch: pytest.MonkeyPatch, **changes: str) -> Flask:
    """An app with some settings changed; without rate limits unless asked for."""
    for name, value in (UNLIMITED | changes).items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    app = create_app()
    app.test_client_class = ApiClient
    return app


class SharedApps:
    """Apps by their settings: to make one and to read its templates costs a third of a second.

    An app of the same settings as before is used again, over another storage and as it was made;
    so nobody may add routes to it.
    """

    def __init__(self) -> None:
        self._apps: dict[tuple[str, ...], tuple[Flask, dict[str, Any]]] = {}

    def get(self, monkeypatch: pytest.MonkeyPatch, use: str = "bound", **changes: str) -> Flask:
        """Return an app with some settings changed; for each `use` another one."""
        for name, value in (UNLIMITED | changes).items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()
        is_folder = settings().storage_url.startswith("folder:")
        same = settings().model_dump_json(exclude={"storage_url"} if is_folder else None)
        if (use, same) not in self._apps:
            made = make_app(monkeypatch, **changes)
            self._apps[use, same] = (made, dict(made.extensions))
        app, extensions = self._apps[use, same]
        app.extensions.clear()
        app.extensions |= extensions | {
            "settings": settings(),
            "storage": OutsideTransactions(configured_storage(settings())),
        }
        return app


@pytest.fixture(scope="session")
def shared_apps(database_url: URL) -> Iterator[SharedApps]:
    """Apps that many tests use one after another."""
    yield SharedApps()
    settings.cache_clear()


@pytest.fixture
def bind(session: Session) -> Iterator[Callable[[Flask], Flask]]:
    """Let an app work inside the test's transaction; its commits are savepoints."""
    replaced: list[tuple[Flask, dict[str | None, Engine]]] = []

    def bound(app: Flask) -> Flask:
        with app.app_context():
            replaced.append((app, dict(db.engines)))
            close_pools()
            for pool in db.engines:
                db.engines[pool] = session.connection()  # type: ignore[index]
        return app

    db.session.session_factory.configure(join_transaction_mode="create_savepoint")
    yield bound
    db.session.session_factory.configure(join_transaction_mode="conditional_savepoint")
    for app, engines in replaced:
        with app.app_context():
            db.engines.update(engines)  # type: ignore[attr-defined]


@pytest.fixture
def app(bind, storage, shared_apps: SharedApps, monkeypatch) -> Iterator[Flask]:
    """An app within the test's transaction, over a storage of its own."""
    yield bind(shared_apps.get(monkeypatch))
    settings.cache_clear()


@pytest.fixture
def limited_app(bind, storage, shared_apps: SharedApps, monkeypatch) -> Iterator[Flask]:
    """An app that counts requests in the real Redis: each test calls from its own address."""
    yield bind(shared_apps.get(monkeypatch, RATE_LIMITS_ENABLED="1"))
    settings.cache_clear()


@pytest.fixture
def make_real_app(
    committed: sessionmaker, storage, shared_apps: SharedApps, monkeypatch
) -> Iterator[Callable[..., Flask]]:
    """Apps with some settings changed whose commits are real, for requests in parallel.

    They wait longer for a lock than the site does: a pause of the machine is no 503 of theirs.
    """
    used: list[Flask] = []
    monkeypatch.setattr(domain_db, "WEB_WAIT_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(domain_db, "SESSION", PATIENT_SESSION)

    def make(**changes: str) -> Flask:
        used.append(shared_apps.get(monkeypatch, "real", **changes))
        return used[-1]

    yield make
    for each in used:
        with each.app_context():
            close_pools()
    settings.cache_clear()


@pytest.fixture
def real_app(make_real_app: Callable[..., Flask]) -> Flask:
    """An app whose commits are real, for requests in parallel."""
    return make_real_app()


@pytest.fixture
def client(app: Flask) -> ApiClient:
    """Somebody who is not signed in."""
    return app.test_client()


@pytest.fixture
def toss() -> Iterator[Toss]:
    """The provider's sandbox, running."""
    with toss_server() as running:
        yield running


def signed_in_client(app: Flask, session: Session, user: User) -> ApiClient:
    opened = SignIn(
        id=f"sign-in-{user.id}-{hashlib.sha256(str(id(app)).encode()).hexdigest()[:8]}",
        user_id=user.id,
        expires_at=making.jobs.NOW + timedelta(days=14),
    )
    session.merge(opened)
    session.commit()
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie[SIGN_IN] = opened.id
    with app.test_request_context():
        client.csrf_token = csrf.token_for(opened.id)
    return client


@pytest.fixture
def sign_in(app: Flask, session: Session) -> Callable[[User], ApiClient]:
    """Return a client that is signed in as a user."""
    return lambda user: signed_in_client(app, session, user)


def key_client_of(app: Flask, session: Session, user: User, *scopes: Scope) -> ApiClient:
    """A client that sends a new API key of a user."""
    made = api_keys.create(session, user=user, name="Catalogue", scopes=scopes)
    session.commit()
    client = app.test_client()
    client.token = made.secret
    return client


@pytest.fixture
def key_client(app: Flask, session: Session) -> Callable[..., ApiClient]:
    """Return a client that sends an API key of a user, with these scopes."""
    return lambda user, *scopes: key_client_of(app, session, user, *scopes)


@pytest.fixture
def buyer(session: Session) -> User:
    return making.user(session)


@pytest.fixture
def buyer_client(buyer, sign_in) -> ApiClient:
    return sign_in(buyer)


def sets_client_of(app: Flask, account: SetsAccount) -> ApiClient:
    """A client that shows the bearer token of an anonymous account of Sets."""
    client = app.test_client()
    client.token = sets_tokens.issue(
        settings().secret_key, public_id=account.public_id, version=account.token_version
    ).text
    return client


@pytest.fixture
def anonymous_account(session: Session) -> SetsAccount:
    """An anonymous account of Sets with its welcome credits."""
    made = making.sets_account(session)
    session.commit()
    return made


@pytest.fixture
def sets_client(app: Flask, anonymous_account: SetsAccount) -> ApiClient:
    """A client of that account."""
    return sets_client_of(app, anonymous_account)


@pytest.fixture
def artist(session: Session, storage):
    return making.artist(session, storage)


@pytest.fixture
def artist_client(artist, session, sign_in) -> ApiClient:
    return sign_in(session.get(User, artist.user_id))


@pytest.fixture
def style(session, storage, artist):
    made = making.style(session, storage, of=artist)
    session.commit()
    return made


@pytest.fixture
def ordered(session, buyer, style) -> Generation:
    """One queued image of the buyer."""
    made = making.order(session, buyer, style)[0]
    session.commit()
    return made


def finished(
    session: Session, storage: FolderStorage, made: Generation, *, is_public: bool
) -> Generation:
    """Bring an image to its end as the two CPU steps would, without drawing anything."""
    making.finish(session, storage, made, is_public=is_public)
    session.commit()
    return session.scalars(
        select(Generation).where(Generation.id == made.id).execution_options(populate_existing=True)
    ).one()


@pytest.fixture
def finish(session: Session, storage) -> Callable[..., Generation]:
    """Bring an image of the test's own transaction to its end."""

    def finish(made: Generation, *, is_public: bool = False) -> Generation:
        return finished(session, storage, made, is_public=is_public)

    return finish


@pytest.fixture
def worker(app: Flask) -> Callable[..., Any]:
    """Call a webhook as one of our own workers."""

    def call(method: str, path: str, body: dict[str, Any], source: str | None = None) -> Any:
        source = source or ("training-server" if "/training/" in path else "inference-server")
        return app.test_client().open(
            f"/api/v1/webhooks{path}",
            method=method,
            json=body,
            headers=WORKER_HEADERS | {"X-Request-Source": source},
        )

    return call


def repeated_while_unavailable(request: Callable[[], Any]) -> Any:
    """The answer of a request that is repeated, as its Retry-After asks, while it is 503.

    A crowd at one row may wait longer for it than the site lets a request wait.
    """
    answer = request()
    while answer.status_code == 503:
        assert answer.headers["Retry-After"]
        answer = request()
    return answer


def error_code(response: Any) -> str:
    """The code of an answer that is an error."""
    assert response.json["success"] is False
    return str(response.json["error"]["code"])


@pytest.fixture
def admin(session):
    made = making.user(session, role="admin")
    session.commit()
    return made


@pytest.fixture
def admin_client(admin, sign_in):
    return sign_in(admin)


@pytest.fixture
def earned(session, storage, artist, buyer):
    """150 earned tokens of the artist."""
    making.ledger.grant(session, buyer.id, 1000, key="for a picture")
    style = making.style(session, storage, of=artist, price_tokens=150)
    [made] = making.order(session, buyer, style)
    making.finish(session, storage, made)
    session.commit()
    return made


@pytest.fixture
def image(ordered, finish):
    """An image that everybody may see."""
    return finish(ordered, is_public=True)


@pytest.fixture
def comment(session, image, artist):
    """What an administrator would take away."""
    made = Comment(generation_id=image.id, user_id=artist.user_id, content="Buy my watches")
    session.add(made)
    session.commit()
    return made


@pytest.fixture
def bought(real_app, committed):
    """A purchase that was paid, and an administrator at a site that knows the provider."""
    with toss_server() as toss:
        real_app.extensions["payments"] = toss.provider
        with committed.begin() as session:
            buyer = making.user(session)
        made = toss.buy(buyer)
        with committed() as session:
            client = signed_in_client(real_app, session, making.user(session, role="admin"))
        yield client, made
