"""Where pictures and trainings stand in the queue, on the pages that show them."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from celery_config import TaskName
from tests import making
from tests.pages import MOST_STATEMENTS
from tests.statements import statements
from tests.webapp.pages.reading import Page
from webapp.domain import jobs
from webapp.domain.models.account import User
from webapp.domain.models.style import Style


@pytest.fixture
def measured(session):
    """Let the first two of three have ended, a while after each other, and the third be running."""

    def measure(first, second, running, *, apart):
        now = session.scalar(select(jobs.NOW))
        for made, finished in ((first, now - timedelta(seconds=apart)), (second, now)):
            making.change_job(
                session,
                making.job_of(session, made).id,
                state="done",
                created_at=now - timedelta(seconds=5 * apart),
                finished_at=finished,
            )
        job = making.job_of(session, running)
        assert jobs.claim(session, job.id, TaskName(job.step), 3600)
        session.commit()

    return measure


@pytest.fixture
def waiting(session, buyer, style, measured):
    """Three pictures of the buyer that wait behind one in progress; each takes a minute."""
    measured(*making.order(session, making.user(session), style, count=3), apart=60)
    images = making.order(session, buyer, style, count=3)
    session.commit()
    return images


def in_korean(client):
    assert client.patch("/api/v1/users/me", json={"language": "ko"}).status_code == 200


def tiles(client, images):
    query = "&".join(f"id={image.id}" for image in images)
    return Page(client.get(f"/g/tiles?{query}")).text


def test_tiles_say_how_many_are_before_a_picture_and_how_long_it_takes(buyer_client, waiting):
    text = tiles(buyer_client, waiting)
    assert "In queue: next, ready in about 2 minutes" in text
    assert "In queue: 1 before it, ready in about 3 minutes" in text
    assert "In queue: 2 before it, ready in about 4 minutes" in text
    in_korean(buyer_client)
    assert "대기 중: 앞에 2건, 약 4분 뒤 완료" in tiles(buyer_client, waiting)


def test_my_pictures_and_the_page_of_a_picture_say_it_too(buyer_client, waiting):
    said = "In queue: 2 before it, ready in about 4 minutes"
    last = waiting[-1].id
    for path in ("/me", f"/me/works?id={last}", f"/g/{last}", f"/styles/{waiting[0].style_id}"):
        assert said in Page(buyer_client.get(path)).text, path


def test_no_time_is_said_that_was_not_measured(session, buyer, buyer_client, style):
    images = making.order(session, buyer, style, count=2)
    session.commit()
    text = tiles(buyer_client, images)
    assert "In queue: next" in text
    assert "In queue: 1 before it" in text
    assert "ready in" not in text


def test_many_tiles_ask_as_often_as_one(session, buyer_client, waiting):
    seen = []
    for images in (waiting[:1], waiting):
        with statements(session) as sent:
            tiles(buyer_client, images)
        seen.append(len(sent))
    assert seen[0] == seen[1] <= MOST_STATEMENTS


def test_tiles_stand_in_the_order_in_which_they_were_asked_for(buyer_client, waiting):
    wanted = [waiting[1], waiting[2], waiting[0]]
    query = "&".join(f"id={image.id}" for image in wanted)
    rows = Page(buyer_client.get(f"/g/tiles?{query}")).all("li")
    assert [row["data-id"] for row in rows] == [str(image.id) for image in wanted]


@pytest.fixture
def training(session, storage, artist, measured):
    """A training of the artist that waits behind one in progress; each takes an hour."""
    earlier = [making.training(session, storage, step=TaskName.TRAIN_STYLE) for _ in range(3)]
    measured(*earlier, apart=3600)
    run = making.training(session, storage, step=TaskName.TRAIN_STYLE, of=artist)
    session.commit()
    return run


def test_a_training_says_where_it_stands_on_its_page_and_in_the_studio(session, sign_in, training):
    owner = sign_in(session.get(User, session.get(Style, training.style_id).artist_id))
    said = "In queue: next, ready in about 2 hours"
    pages = (f"/styles/{training.style_id}", f"/styles/{training.style_id}/training", "/studio")
    for path in pages:
        assert said in Page(owner.get(path)).text, path
    in_korean(owner)
    assert "대기 중: 다음 차례, 약 2시간 뒤 완료" in Page(owner.get(pages[0])).text
    log = owner.get(f"/api/v1/styles/{training.style_id}").json["data"]["training_log"]
    assert (log["queue_ahead"], log["expected_seconds"]) == (0, 7200)


def test_a_training_whose_artworks_are_being_checked_waits_for_no_worker(
    session, storage, artist, artist_client
):
    run = making.training(session, storage, of=artist)
    session.commit()
    log = artist_client.get(f"/api/v1/styles/{run.style_id}").json["data"]["training_log"]
    assert (log["queue_ahead"], log["expected_seconds"]) == (None, None)
    assert "In queue" not in Page(artist_client.get(f"/styles/{run.style_id}")).text


def test_the_api_tells_programs_where_a_picture_stands(session, buyer_client, waiting):
    paths = ("/api/v1/generations/me?status=queued&limit=1", f"/api/v1/generations/{waiting[2].id}")
    listed, read = (buyer_client.get(path).json["data"] for path in paths)
    for view in (listed["results"][0], read):
        assert (view["queue_ahead"], view["expected_seconds"]) == (2, 240)
    making.change_job(session, making.job_of(session, waiting[2]).id, state="running")
    session.commit()
    assert buyer_client.get(paths[1]).json["data"]["queue_ahead"] is None
