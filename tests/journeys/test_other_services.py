"""The same journey on the other services: S3 instead of a folder, Redis instead of RabbitMQ."""

import tempfile
from pathlib import Path

import httpx
import pytest

from tests.client import Person
from tests.stack import REAL_ENGINE, Stack
from tests.stack_fixtures import works

# `make test` goes the same way on a folder and RabbitMQ (test_the_main_job.py), and uses an S3
# server without workers (tests/webapp/domain/gateways/test_storage.py).
pytestmark = pytest.mark.long


@pytest.fixture
def on_s3():
    with tempfile.TemporaryDirectory(prefix="style-license-s3-") as folder:
        stack = Stack(Path(folder), broker="redis", storage="s3")
        try:
            stack.start()
            stack.use_engine(REAL_ENGINE)
            yield stack
        finally:
            stack.stop()


def test_photos_become_a_signed_image_with_s3_and_redis(on_s3):
    artist = Person(on_s3.site, "mina@example.com", "Mina Park")
    buyer = Person(on_s3.site, "jun@example.com", "Jun Seo")
    try:
        artist.become_artist("Mina Park")
        style = artist.create_style("Ink Harbor", works(10))
        done = artist.trained(style["id"])
        assert done["training_status"] == "trained", f"{done['failure']} {on_s3.tails()}"
        artist.on_sale(style["id"])
        ordered = buyer.order(style["id"]).json()["data"]["id"]
        assert buyer.final(ordered)["status"] == "completed"

        image = buyer.http.get(f"/api/v1/generations/{ordered}/image")
        assert image.status_code == 200
        assert image.content.startswith(b"\x89PNG")
        assert not str(image.url).startswith(on_s3.site)
        assert httpx.get(str(image.url).partition("?")[0]).status_code in {400, 403}
        assert artist.balance()["earned_token_balance"] == 10
        assert on_s3.violations() == []
    finally:
        artist.http.close()
        buyer.http.close()
