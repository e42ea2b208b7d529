import io
from datetime import timedelta

import pytest
from PIL import Image
from sqlalchemy import delete, select, update

from tasks.on_cpu.preview_artwork import PREVIEW_SIDE, preview_artwork
from tests import images, making
from webapp.domain.db import unit_of_work
from webapp.domain.models.account import User
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.shown_artwork import ShownArtwork
from webapp.domain.models.style import Artwork
from webapp.domain.services import garbage, leaving, shown_artworks
from webapp.domain.services.shown_artworks import Choice


@pytest.fixture
def style(committed, storage):
    with committed.begin() as session:
        made = making.style(session, storage)
        (work,) = making.artworks(session, made, count=1)
        storage.put(work.clean_key, images.jpeg_with_secrets(), content_type="image/jpeg")
        return made


def choose(committed, style, *, is_shown=True):
    """Show the only work of the style, or none; return the id of the job, if there is one."""
    with committed.begin() as session:
        work_id = session.scalars(select(Artwork.id).where(Artwork.style_id == style.id)).one()
        shown_artworks.choose(
            session,
            user=session.get_one(User, style.artist_id),
            style_id=style.id,
            chosen=[Choice(work_id)] if is_shown else [],
            request_id="r",
        )
        return session.scalar(select(Job.id).where(Job.kind == JobKind.ARTWORK_PREVIEW))


def shown(committed):
    with committed() as session:
        return session.scalar(select(ShownArtwork))


def stored(storage):
    return [info.key for info in storage.list() if info.key.startswith("artwork-previews/")]


def test_a_preview_is_small_and_has_no_metadata(committed, storage, style):
    uploaded = images.jpeg_with_secrets()
    assert Image.open(io.BytesIO(uploaded)).getexif()
    preview_artwork(job_id=choose(committed, style))
    row = shown(committed)
    made = Image.open(io.BytesIO(storage.get(row.preview_key)))
    assert (made.format, made.size) == ("WEBP", (row.preview_width, row.preview_height))
    assert max(made.size) <= PREVIEW_SIDE
    assert not {"exif", "xmp", "icc_profile", "comment"} & set(made.info)


@pytest.mark.parametrize(
    "source",
    [images.png(1600, 900), images.jpeg(700, 1600), images.png_with_alpha(), images.grey_jpeg()],
)
def test_a_preview_keeps_the_shape_of_the_artwork(committed, storage, style, source):
    with committed() as session:
        key = session.scalars(select(Artwork.clean_key)).one()
    storage.put(key, source, content_type="image/png")
    preview_artwork(job_id=choose(committed, style))
    row, (width, height) = shown(committed), Image.open(io.BytesIO(source)).size
    assert max(row.preview_width, row.preview_height) == min(PREVIEW_SIDE, max(width, height))
    assert row.preview_width / row.preview_height == pytest.approx(width / height, rel=0.01)


def test_a_second_message_changes_nothing(committed, storage, style):
    job_id = choose(committed, style)
    preview_artwork(job_id=job_id)
    key = shown(committed).preview_key
    preview_artwork(job_id=job_id)
    assert (shown(committed).preview_key, stored(storage)) == (key, [key])


def test_a_choice_that_is_taken_back_meanwhile_gets_no_preview(
    committed, storage, style, monkeypatch
):
    job_id = choose(committed, style)
    put = storage.put

    def put_later(*args, **kwargs):
        choose(committed, style, is_shown=False)
        put(*args, **kwargs)

    monkeypatch.setattr("tasks.on_cpu.preview_artwork.storage", lambda: storage)
    monkeypatch.setattr(storage, "put", put_later)
    preview_artwork(job_id=job_id)
    assert shown(committed) is None
    assert (
        garbage.collect(storage, unit_of_work, older_than=timedelta(0)) == len(stored(storage)) + 1
    )


def test_a_missing_artwork_is_tried_again_and_then_reported(committed, storage, style):
    with committed() as session:
        storage.delete(session.scalars(select(Artwork.clean_key)).one())
    job_id = choose(committed, style)
    for _ in range(4):
        preview_artwork(job_id=job_id)
        with committed.begin() as session:
            session.execute(update(Job).values(run_at=Job.created_at))
    assert shown(committed).failure_cause == "NETWORK"
    assert choose(committed, style) != job_id
    assert shown(committed).failure_cause is None


def test_a_preview_is_kept_while_it_is_shown_and_is_garbage_afterwards(committed, storage, style):
    preview_artwork(job_id=choose(committed, style))
    with committed.begin() as session:
        session.execute(delete(Job))
    collect = {"older_than": timedelta(0)}
    garbage.collect(storage, unit_of_work, **collect)
    assert stored(storage) == [shown(committed).preview_key]
    with committed.begin() as session:
        artist = session.get_one(User, style.artist_id)
        leaving.leave(session, user=artist, confirm=artist.username)
    garbage.collect(storage, unit_of_work, **collect)
    assert (shown(committed), stored(storage)) == (None, [])
