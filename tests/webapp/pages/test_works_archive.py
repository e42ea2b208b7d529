"""The zip of several own pictures: every file with its certificate, one picture in memory."""

import io
import json
import zipfile

import pytest

from tests import making
from webapp.domain.queries.generation_files import PictureFile
from webapp.pages import works_archive


@pytest.fixture
def works(session, buyer, style, finish, storage):
    making.ledger.grant(session, buyer.id, 500, key="for several pictures")
    made = [finish(making.order(session, buyer, style)[0]) for _ in range(3)]
    for image in made:
        storage.put(image.image_key, b"picture %d" % image.id, content_type="image/png")
    return made


def downloaded(client, images):
    answer = client.post("/me/works/archive", data={"id": [image.id for image in images]})
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    assert 'filename="style-license-pictures.zip"' in answer.headers["Content-Disposition"]
    return zipfile.ZipFile(io.BytesIO(answer.data))


def test_each_picture_comes_with_its_certificate(buyer_client, works):
    archive = downloaded(buyer_client, works[:2])
    assert archive.testzip() is None
    expected = [
        f"style-license-{image.id}{ending}"
        for image in (works[1], works[0])
        for ending in (".png", "-certificate.json", "-certificate.pdf")
    ]
    assert archive.namelist() == expected
    for image in works[:2]:
        stem = f"style-license-{image.id}"
        assert archive.read(f"{stem}.png") == b"picture %d" % image.id
        told = json.loads(archive.read(f"{stem}-certificate.json"))
        assert told["public_id"] == image.license_public_id
        assert told["image"]["sha256"] == image.image_sha256
        assert told["preview_url"] is None  # it would have expired
        assert archive.read(f"{stem}-certificate.pdf").startswith(b"%PDF-")


def test_where_nothing_can_sign_there_is_no_pdf(buyer_client, works, monkeypatch):
    monkeypatch.setattr(works_archive, "_signer", lambda: None)
    names = downloaded(buyer_client, works[:1]).namelist()
    assert [name.rpartition(".")[2] for name in names] == ["png", "json"]


def test_an_unfinished_picture_is_in_no_archive(session, buyer, buyer_client, style, works):
    (queued,) = making.order(session, buyer, style)
    session.commit()
    data = {"id": [works[0].id, queued.id]}
    assert buyer_client.post("/me/works/archive", data=data).status_code == 404


def test_one_picture_at_a_time_is_in_memory(app, works, monkeypatch):
    monkeypatch.setattr(works_archive, "_signer", lambda: None)
    files = [
        PictureFile(f"{number}.png", works[0].image_key, works[0].license_public_id)
        for number in range(40)
    ]
    size = 200_000
    with app.test_request_context():
        app.extensions["storage"].put(works[0].image_key, bytes(size), content_type="image/png")
        sizes = [len(piece) for piece in works_archive.pieces(files)]
    assert sum(sizes) > 40 * size
    assert max(sizes) < size + 10_000


def test_archives_are_counted(limited_app, session, buyer, works, sign_in):
    from tests.webapp.conftest import signed_in_client

    client = signed_in_client(limited_app, session, buyer)
    data = {"id": [works[0].id]}
    answers = [client.post("/me/works/archive", data=data).status_code for _ in range(3)]
    assert answers == [200] * 2 + [429]
