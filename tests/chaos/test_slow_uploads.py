"""Files that decode slowly fill the pool of uploads, and nothing but uploads waits for them."""

import pytest
from sqlalchemy import select

from celery_config import ROUTES, TaskName, make_celery
from tests import images, making
from tests.chaos.invariants import broken
from tests.waiting import wait_for
from webapp.domain import decoding_slots
from webapp.domain.models.style import Artwork, ArtworkStatus


@pytest.fixture
def slow_decoding(fast, monkeypatch):
    """Occupies a person's decoding slot, as a slow file does, without using up a processor."""
    # Where the processes of the stack look; other tests of this process may have their own folder.
    folder = decoding_slots.folder_in(fast.temporary)
    monkeypatch.setattr(decoding_slots, "_folder", lambda: folder)
    return lambda person_id: decoding_slots.slot(person_id, 1, 60)


def upload(stack, artist):
    """Put one work of an artist into storage and let it be checked; return the id of the job."""
    with stack.session() as session:
        run = making.training(
            session, stack.storage, works=1, status=ArtworkStatus.PENDING, of=artist
        )
        work = session.scalars(select(Artwork).filter_by(style_id=run.style_id)).one()
        stack.storage.put(work.upload_key, images.png(), content_type="image/png")
        return making.job_of(session, run).id


def checked(stack, *job_ids):
    """How many of these uploads have a verdict."""
    return stack.value(
        "SELECT count(*) FROM artworks JOIN training_runs USING (style_id)"
        " JOIN jobs ON jobs.ref = training_runs.id AND jobs.kind = 'training'"
        " WHERE jobs.id = ANY(:ids) AND artworks.status != 'pending'",
        ids=list(job_ids),
    )


def ledger_checks(stack):
    return stack.value("SELECT max(at) FROM heartbeats WHERE name = 'check_ledger'")


def test_orders_money_and_housekeeping_go_on_while_slow_files_fill_the_pool_of_uploads(
    fast, market, slow_decoding
):
    with fast.session() as session:
        artist, next_artist = (making.artist(session, fast.storage) for _ in range(2))
    with slow_decoding(artist.user_id), slow_decoding(next_artist.user_id):
        slow = upload(fast, artist)
        state = "SELECT state FROM jobs WHERE id = :id"
        wait_for(lambda: fast.value(state, id=slow) == "running", "the slow check to begin")
        waiting = upload(fast, next_artist)

        before = ledger_checks(fast)
        celery = make_celery(fast.environment["BROKER_URL"])
        celery.send_task(TaskName.CHECK_LEDGER, queue=ROUTES[TaskName.CHECK_LEDGER].value)
        market.order()

        def is_delivered():
            return market.statuses() == {"completed": 1}

        wait_for(is_delivered, "the picture", seconds=90, explain=fast.tails)
        wait_for(lambda: ledger_checks(fast) != before, "the check of the ledger", seconds=90)
        assert checked(fast, slow, waiting) == 0
    fast.wait_until_quiet()
    assert checked(fast, slow, waiting) == 2
    assert broken(fast, market.accepted) == []
