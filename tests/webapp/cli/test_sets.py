"""`flask sets apply`: credits and results when something goes wrong."""

from importlib import import_module

import pytest
from sqlalchemy import select

from tests import making, sets_albums as albums
from webapp.app import create_app
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus

RULE = '[concepts.Wall]\naction = "recolor"\nvalue = "#8E9F8B"\n'
commands = import_module("webapp.cli.sets")  # the package has a command of this name
READY, ENDED = 1, 2  # the calls of `watch`


@pytest.fixture
def buyer(committed, storage):
    with committed.begin() as session:
        user = making.user(session)
        making.sets_account(session, user=user)
        return user


@pytest.fixture
def folder(tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    for seed, name in enumerate(("a.png", "b.png")):
        (album / name).write_bytes(albums.photo_png(seed))
    (tmp_path / "rule.toml").write_text(RULE)
    return tmp_path


def apply(folder, buyer):
    options = ("--preset", "interior", "--rule", folder / "rule.toml", "--out", folder / "out")
    arguments = ["sets", "apply", folder / "album", *options, "--user", buyer.email]
    return create_app().test_cli_runner().invoke(args=[str(each) for each in arguments])


def left(committed):
    """The status of the only job, and the credits of its account."""
    with committed() as session:
        return (
            session.scalars(select(SetsJob.status)).one(),
            session.scalars(select(SetsAccount.credits)).one(),
        )


def interrupting(call, committed):
    """A `watch` whose call of this number is interrupted; before, every photo gets ready."""
    calls = []

    def watch(_look):
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        with committed.begin() as session:
            job = session.scalars(select(SetsJob)).one()
            columns = {"photo_key": "photos/1.png", "sha256": "0" * 64}
            albums.put_all(session, job, PhotoStatus.READY, **columns)
        return []

    return watch


def test_a_file_that_is_no_picture_reserves_no_credits(committed, buyer, folder):
    (folder / "album/b.png").write_bytes(b"no picture")
    answer = apply(folder, buyer)
    assert "INVALID_IMAGE_FORMAT" in answer.output
    assert left(committed) == (SetsJobStatus.CANCELED, 10)


def test_a_file_that_cannot_be_stored_reserves_no_credits(
    committed, storage, buyer, folder, monkeypatch
):
    def full(*_args, **_values):
        raise OSError("no space left on device")

    monkeypatch.setattr(type(storage), "put", full)
    assert isinstance(apply(folder, buyer).exception, OSError)
    assert left(committed) == (SetsJobStatus.CANCELED, 10)


@pytest.mark.parametrize("call", [READY, ENDED])
def test_an_interrupted_command_gives_the_credits_back(committed, buyer, folder, monkeypatch, call):
    monkeypatch.setattr(commands, "watch", interrupting(call, committed))
    assert apply(folder, buyer).exit_code != 0
    assert left(committed) == (SetsJobStatus.CANCELED, 10)


def test_every_result_has_a_file_of_its_own_and_replaces_none(committed, storage, tmp_path):
    with committed.begin() as session:
        job = albums.finished(session, storage, albums.account(session), photos=3)
        names = ("a.jpg", "a.png", "living/a.jpg")
        for photo, name in zip(albums.photos_of(session, job), names, strict=True):
            photo.filename = name
        row_id = job.id
    (tmp_path / "a-2.png").write_bytes(b"of an earlier job")
    lines = commands._save(row_id, tmp_path)
    written = ["a.png", "a-3.png", "living/a.png"]
    assert lines == [str(tmp_path / name) for name in written]
    assert len({(tmp_path / name).read_bytes() for name in written}) == len(written)
    assert (tmp_path / "a-2.png").read_bytes() == b"of an earlier job"
