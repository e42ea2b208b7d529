"""Pictures of before a rotation are recognised after it: each app is the site after a restart."""

import io
import json

import pytest

from tests import delivering, making, signing
from tests.webapp.conftest import make_app
from webapp.domain.chain_issuing import ROOT, ROOT_KEY, ROOTS, issue_chain
from webapp.domain.models.generation import Generation
from webapp.domain.settings import DEVELOPMENT_WATERMARK_KEY, settings

FIRST, SECOND = {"1": DEVELOPMENT_WATERMARK_KEY}, {"2": "the second key, drawn at the rotation"}


@pytest.fixture
def started(bind, storage, monkeypatch):
    """Start the site with some settings changed."""
    yield lambda **changes: bind(make_app(monkeypatch, **changes)).test_client()
    monkeypatch.undo()
    settings.cache_clear()


def recognised(client, picture):
    """How a picture is recognised, by the certificates that it has, and the notes."""
    answer = client.post("/api/v1/verify", data={"image": (io.BytesIO(picture), "picture")})
    assert answer.status_code == 200, answer.json
    data = answer.json["data"]
    return {match["public_id"]: match["method"] for match in data["matches"]}, data["notes"]


def test_watermarks_of_both_keys_are_recognised_after_the_rotation(
    started, session, storage, buyer, style, ordered
):
    before = started(WATERMARK_KEYS=json.dumps(FIRST))
    old = delivering.deliver(session, storage, ordered, delivering.picture(seed=71))
    assert recognised(before, old) == ({ordered.license_public_id: "hash"}, [])

    after = started(WATERMARK_KEYS=json.dumps(FIRST | SECOND))
    later = making.order(session, buyer, style)[0]
    session.commit()
    new = delivering.deliver(session, storage, later, delivering.picture(seed=72))
    assert (ordered.watermark_key_number, later.watermark_key_number) == (1, 2)
    for image, file in ((ordered, old), (later, new)):
        again = delivering.saved_again(file, quality=60 + image.watermark_key_number)
        certificate = session.get(Generation, image.id).license_public_id
        assert recognised(after, again) == ({certificate: "watermark"}, [])

    without_first = started(WATERMARK_KEYS=json.dumps(SECOND))
    methods, _ = recognised(without_first, delivering.saved_again(old, quality=77))
    assert "watermark" not in methods.values()


@pytest.fixture
def chain(tmp_path):
    """A folder with the chain that the site signs with, and its variables."""
    issue_chain(tmp_path / "chain", organisation="Acme Prints")
    return tmp_path / "chain"


@pytest.fixture
def delivered(session, storage, ordered):
    """The file of a picture without a watermark, which is only recognised by its credentials."""
    shown = delivering.picture(seed=73)
    return delivering.deliver(session, storage, ordered, shown, marked=False)


@pytest.mark.parametrize("renewal", ["a new leaf", "a new root"])
def test_credentials_of_the_former_key_are_trusted_after_the_rotation(
    started, chain, ordered, delivered, renewal
):
    variables = signing.environment(chain)
    public_id = ordered.license_public_id
    # Two, because the site answers for the same bytes from its cache.
    old, asked_later = (
        delivering.signed(delivered, "image/png", public_id, variables) for _ in range(2)
    )
    former_roots = (chain / ROOTS).read_bytes()
    if renewal == "a new root":
        for name in (ROOT, ROOT_KEY):
            (chain / name).unlink()
    issue_chain(chain, organisation="Acme Prints")
    after = started(**variables)

    new = delivering.signed(delivered, "image/png", public_id, variables)
    assert new != old
    for file in (old, new):
        assert recognised(after, file) == ({public_id: "credentials"}, [])

    own_roots = (chain / ROOTS).read_bytes().removeprefix(former_roots)
    assert bool(own_roots) == (renewal == "a new root")
    if own_roots:  # what an operator does when the key of a leaf has leaked
        (chain / ROOTS).write_bytes(own_roots)
        _, notes = recognised(started(**variables), asked_later)
        assert notes == ["credentials_untrusted"]
