import io
import json
import zipfile
from datetime import timedelta

import pytest
from sqlalchemy import select

from tasks.on_cpu import archive_streams, export_data as module
from tasks.on_cpu.export_data import export_data
from tests import making
from webapp.domain import jobs
from webapp.domain.db import unit_of_work
from webapp.domain.models.account import User
from webapp.domain.models.data_export import DataExport
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.style import Artwork
from webapp.domain.services import collections, comments, data_exports, follows, garbage, likes

SECRETS = {"theirs": "marrowglint", "prompt": "quokkalume", "collection": "fernhollow"}
PROFILE_PHOTO, ARTWORK = b"the photo of a person", b"an artwork"


@pytest.fixture
def world(committed, storage):
    """Somebody with everything, and somebody else who talks to them."""
    with committed.begin() as session:
        artist = making.artist(session, storage)
        me = session.get(User, artist.user_id)
        other = making.user(session, tokens=1000, bio=SECRETS["theirs"])
        making.ledger.grant(session, me.id, 1000, key="for pictures")
        style = making.style(session, storage, of=artist)
        style.rights_statement, style.rights_version = "All of these are mine.", "2026-11-01"
        style.rights_agreed_at = jobs.NOW
        theirs = making.style(session, storage)
        storage.put("profiles/me.jpg", PROFILE_PHOTO, content_type="image/jpeg")
        me.profile_image_key = "profiles/me.jpg"
        storage.put("artworks/0.png", ARTWORK, content_type="image/png")
        session.add(
            Artwork(
                style_id=style.id,
                idx=0,
                filename="harbour.png",
                upload_key="uploads/0.png",
                declared_size=10,
                content_type="image/png",
                tags=["boat"],
                status="valid",
                clean_key="artworks/0.png",
            )
        )
        mine = [making.order(session, me, theirs, description="My pier")[0] for _ in range(2)]
        tags = ["boat", SECRETS["prompt"]]
        foreign = making.order(session, other, style, prompt_tags=tags)[0]
        for picture in (*mine, foreign):
            making.finish(session, storage, picture, is_public=True)
        said = comments.post(
            session, user=me, generation_id=foreign.id, content="So calm.", parent_id=None
        )
        comments.post(
            session,
            user=other,
            generation_id=foreign.id,
            content=SECRETS["theirs"],
            parent_id=said,
        )
        likes.like(session, user=me, generation_id=foreign.id)
        follows.follow(session, user=me, followed_id=other.id)
        follows.follow(session, user=other, followed_id=me.id)
        own = collections.create(session, user=me, name="Harbours")
        collections.add(session, user=me, collection_id=own, generation_id=foreign.id)
        collections.create(session, user=other, name=SECRETS["collection"])
    return {"me": me, "other": other, "mine": mine, "foreign": foreign}


@pytest.fixture
def ordered(committed, world):
    with committed.begin() as session:
        export = data_exports.request(session, user_id=world["me"].id, request_id="r")
        return session.scalars(
            select(Job.id).where(Job.kind == JobKind.DATA_EXPORT, Job.ref == export.id)
        ).one()


def archive_of(committed, storage):
    with committed() as session:
        export = session.scalars(select(DataExport)).one()
        content = storage.get(export.archive_key)
        assert (export.status, export.archive_size) == ("ready", len(content))
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    return export, archive


def read(archive, name):
    return json.loads(archive.read(f"{name}.json"))


def test_a_person_gets_what_is_stored_of_them(committed, storage, world, ordered):
    export_data(job_id=ordered)
    export, archive = archive_of(committed, storage)
    me, mine = world["me"], world["mine"]
    [profile] = read(archive, "profile")
    assert (profile["email"], profile["artist_name"]) == (me.email, f"Artist {me.id}")
    orders = read(archive, "orders")
    assert {each["picture_id"] for each in orders} == {picture.id for picture in mine}
    assert orders[0]["prompt_tags"] == ["boat", "sea"]
    assert orders[0]["description"] == "My pier"
    assert {each["picture_id"] for each in read(archive, "certificates")} == {
        picture.id for picture in mine
    }
    kinds = {(each["kind"], each["account"]) for each in read(archive, "transfers")}
    assert {("bonus", "spendable"), ("hold", "spendable"), ("payout", "earned")} <= kinds
    assert sum(each["tokens"] for each in read(archive, "transfers")) == 100 + 1000 - 20 + 10
    assert [each["content"] for each in read(archive, "comments")] == ["So calm."]
    assert [each["picture_id"] for each in read(archive, "likes")] == [world["foreign"].id]
    assert [each["username"] for each in read(archive, "follows")] == [world["other"].username]
    [collection] = read(archive, "collections")
    assert (collection["name"], collection["picture_ids"]) == ("Harbours", [world["foreign"].id])
    assert [each["rights_statement"] for each in read(archive, "consents")] == [
        "All of these are mine."
    ]
    assert [each["filename"] for each in read(archive, "artworks")] == ["harbour.png"]
    assert archive.read("profile/photo.jpg") == PROFILE_PHOTO
    assert archive.read("profile/signature.png") == making.signature_png()
    [artwork] = [name for name in archive.namelist() if name.startswith("artworks/")]
    assert archive.read(artwork) == ARTWORK
    assert {name for name in archive.namelist() if name.startswith("pictures/")} == {
        f"pictures/{picture.id}.png" for picture in mine
    }
    assert (export.files_left_out, read(archive, "left_out")) == (0, [])
    assert "512 MB" in archive.read("README.txt").decode()


def test_nothing_of_other_people_is_in_it(committed, storage, world, ordered):
    export_data(job_id=ordered)
    _, archive = archive_of(committed, storage)
    everything = b"".join(archive.read(name) for name in archive.namelist()).decode(
        errors="replace"
    )
    for secret in (*SECRETS.values(), world["other"].email, f'"{world["foreign"].order_id}"'):
        assert secret not in everything


def test_somebody_who_did_nothing_gets_empty_lists(committed, storage):
    with committed.begin() as session:
        person = making.user(session)
        export = data_exports.request(session, user_id=person.id, request_id="r")
        job = session.scalars(select(Job.id).where(Job.ref == export.id)).one()
    export_data(job_id=job)
    _, archive = archive_of(committed, storage)
    assert read(archive, "orders") == read(archive, "styles") == []
    assert [each["kind"] for each in read(archive, "transfers")] == ["bonus"]


def test_files_beyond_the_limit_are_named_with_their_page(
    committed, storage, world, ordered, monkeypatch
):
    """The newest pictures are in it; behind the first that is too much, nothing is read."""
    picture = len(making.signature_png())
    limit = len(PROFILE_PHOTO) + len(ARTWORK) + 2 * picture
    monkeypatch.setattr(module, "MOST_FILE_BYTES", limit)
    export_data(job_id=ordered)
    export, archive = archive_of(committed, storage)
    older, newer = world["mine"]
    assert f"pictures/{newer.id}.png" in archive.namelist()
    assert export.files_left_out == 1
    assert read(archive, "left_out") == [
        {
            "name": f"pictures/{older.id}.png",
            "page": f"http://localhost:8000/g/{older.id}",
        }
    ]


def test_a_file_that_is_gone_is_named_too(committed, storage, world, ordered):
    storage.delete("profiles/me.jpg")
    export_data(job_id=ordered)
    export, archive = archive_of(committed, storage)
    assert [each["name"] for each in read(archive, "left_out")] == ["profile/photo.jpg"]
    assert f"pictures/{world['mine'][0].id}.png" in archive.namelist()
    assert export.files_left_out == 1


def test_a_second_message_makes_no_second_copy(committed, storage, ordered):
    export_data(job_id=ordered)
    first = [info.key for info in storage.list("data-exports/")]
    export_data(job_id=ordered)
    assert [info.key for info in storage.list("data-exports/")] == first


def test_the_lease_is_renewed_while_files_are_read(committed, storage, ordered, monkeypatch):
    monkeypatch.setattr(archive_streams, "RENEW_EVERY_SECONDS", -1)
    kept = []
    keep = archive_streams.keep_lease
    monkeypatch.setattr(archive_streams, "keep_lease", lambda each: kept.append(each) or keep(each))
    export_data(job_id=ordered)
    assert len(kept) > 3


def test_a_person_who_leaves_meanwhile_gets_no_archive(committed, storage, world, ordered):
    with committed.begin() as session:
        data_exports.delete_of_person(session, world["me"].id)
    export_data(job_id=ordered)
    assert [info.key for info in storage.list("data-exports/")] == []


def test_the_archive_is_garbage_once_its_row_is_deleted(committed, storage, ordered):
    export_data(job_id=ordered)
    collect = lambda: garbage.collect(storage, unit_of_work, older_than=timedelta(0))  # noqa: E731
    collect()
    export, _ = archive_of(committed, storage)
    with committed.begin() as session:
        session.delete(session.get_one(DataExport, export.id))
    collect()
    assert [info.key for info in storage.list("data-exports/")] == []
