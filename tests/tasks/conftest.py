"""Tasks as plain functions, on a real database, a real folder and, for workers, a real site."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session, sessionmaker

from tasks import worker_api
from tasks.on_cpu import attempt, content_credentials
from tests.broker import free_port
from tests.serving import close_pools, served
from webapp.app import create_app
from webapp.domain.gateways.storage import configured_storage
from webapp.domain.settings import settings


@pytest.fixture(autouse=True)
def _fresh_process() -> Iterator[None]:
    """Clear the caches that last for the life of a process."""
    cached = (attempt.storage, content_credentials._signer, worker_api.worker_settings)
    for each in cached:
        each.cache_clear()
    yield
    for each in cached:
        each.cache_clear()


@pytest.fixture(scope="session")
def site_app(database_url: URL) -> Flask:
    """The web application of all tests: to make it costs a third of a second."""
    return create_app()


@pytest.fixture
def site(site_app: Flask, committed: sessionmaker[Session], monkeypatch, tmp_path) -> Iterator[str]:
    """The real web application on a port of its own; workers of this process know it."""
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("PUBLIC_BASE_URL", url)
    monkeypatch.setenv("INTERNAL_API_URL", url)
    monkeypatch.setenv("STORAGE_URL", f"folder://{tmp_path / 'objects'}")
    monkeypatch.setenv("WORKER_CACHE_DIR", str(tmp_path / "cache"))
    settings.cache_clear()
    monkeypatch.setitem(site_app.extensions, "settings", settings())
    monkeypatch.setitem(site_app.extensions, "storage", configured_storage(settings()))
    monkeypatch.setitem(site_app.extensions, "rate_limits", None)
    site_app.extensions["storage"].prepare()
    with served(site_app, port=int(url.rpartition(":")[2])):
        yield url
    with site_app.app_context():
        close_pools()
    settings.cache_clear()


@pytest.fixture
def site_storage(site: str):
    """The folder behind the site, whose URLs lead to it."""
    return attempt.storage()
