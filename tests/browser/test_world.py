"""The world of `make up`, small: made by the real pipeline, recorded, restored, and sold on."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from gpu.base_models.identity import BUILT_IN_FOLDER, weights_sha256
from tests.browser.conftest import ORDERS, small_cast
from webapp.domain.db import transaction
from webapp.domain.gateways.storage import make_storage
from webapp.domain.models.generation import Generation
from webapp.domain.models.license import Certificate
from webapp.embedded import fixture, world
from webapp.embedded.cast import ADA, ADMIN
from webapp.embedded.person import Person
from webapp.embedded.postgres import Postgres
from webapp.embedded.supervisor import Stack
from webapp.schemas.fields import Listed
from webapp.schemas.generations import FeedCard, OrderedGeneration, OwnGenerationView
from webapp.schemas.styles import StyleCard

# The first test waits for the whole stack and its world.
pytestmark = pytest.mark.timeout(600)

COUNTS = """
SELECT (SELECT count(*) FROM users WHERE role = 'artist') AS artists,
       (SELECT count(*) FROM users WHERE role = 'admin' AND email = :admin) AS admins,
       (SELECT count(*) FROM styles WHERE training_status = 'completed') AS styles,
       (SELECT count(*) FROM generations WHERE status = 'completed') AS images,
       (SELECT count(*) FROM likes) AS likes,
       (SELECT count(*) FROM comments) AS comments,
       (SELECT count(*) FROM follows) AS follows,
       (SELECT count(*) FROM purchases WHERE status = 'paid') AS purchases
"""


@pytest.fixture
def folder():
    """A folder that the account of PostgreSQL can reach."""
    made = Path(tempfile.mkdtemp(prefix="style-license-world-"))
    made.chmod(0o755)
    yield made
    Postgres(made / "var/postgres").remove()
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def restored(inhabited, folder, monkeypatch):
    """The stack of `make up`, started with a fixture of the small world."""

    @contextmanager
    def unit_of_work():
        with inhabited.sessions() as session, transaction(session):
            yield session

    # Other tests have trained styles here too.
    monkeypatch.setattr(fixture, "MOST_BYTES", 5 * fixture.MOST_BYTES)
    file = folder / "world.tar.xz"
    fixture.record(
        unit_of_work,
        inhabited.storage,
        file,
        base_sha256=weights_sha256(BUILT_IN_FOLDER),
        secrets=[inhabited.environment[name] for name in ("SECRET_KEY", "INTERNAL_API_TOKEN")],
    )
    environ = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
    began, said = time.monotonic(), []
    with Stack(folder / "var", environ=environ, fixture=file, report=said.append) as stack:
        [line] = [line for line in said if line.startswith("world: ")]
        assert "restored" in line
        print(f"{line}; answers after {time.monotonic() - began:.0f} s")  # noqa: T201
        yield stack


def test_a_world_is_full_and_a_second_filling_changes_nothing(inhabited):
    inhabited.wait_until_drawn()
    [before] = inhabited.rows(COUNTS, admin=ADMIN)
    assert all(before), before
    assert before.images >= ORDERS
    world.fill(inhabited.environment, report=lambda _: None, cast=small_cast())
    [after] = inhabited.rows(COUNTS, admin=ADMIN)
    assert after == before


def test_a_restored_world_has_its_signed_files_and_sells_on(inhabited, restored, folder):
    with Person(restored.urls["web"], ADA) as ada:
        ada.sign_in()
        feed = ada.get("/generations/feed", Listed[FeedCard]).results
        assert [image.id for image in feed] == newest_public(inhabited)
        name = small_cast().artists[0].style_name
        [style] = [
            style for style in ada.get("/styles", Listed[StyleCard]).results if style.name == name
        ]
        ordered = ada.post(
            "/generations",
            OrderedGeneration,
            json={
                "style_id": style.id,
                "prompt_tags": ["flower", "meadow"],
                "expected_price_tokens": style.price_tokens,
            },
        )
        *_, image = ada.watch(f"/generations/{ordered.id}", OwnGenerationView)
        assert image.status == "completed"
    assert all_certified_files_are_true(restored)
    command = [sys.executable, "-m", "flask", "ledger", "check"]
    subprocess.run(command, env=restored.environment, check=True)


def newest_public(stack):
    query = """SELECT id FROM generations WHERE is_public
               ORDER BY created_at DESC, id DESC LIMIT 20"""
    return [row.id for row in stack.rows(query)]


def all_certified_files_are_true(stack):
    storage = make_storage(
        storage_url=stack.environment["STORAGE_URL"],
        public_base_url=stack.urls["web"],
        secret_key=stack.environment["SECRET_KEY"],
    )
    engine = create_engine(stack.environment["DATABASE_URL"])
    with Session(engine) as session:
        certified = session.execute(
            select(Certificate.image_sha256, Generation.image_key).join(
                Generation, Generation.id == Certificate.generation_id
            )
        ).all()
    engine.dispose()
    assert len(certified) > ORDERS
    return all(
        hashlib.sha256(storage.get(row.image_key)).hexdigest() == row.image_sha256
        for row in certified
    )
