"""What operators watch, against rows whose standing is known."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from celery_config import TaskName
from tests import making, sets_albums as albums
from webapp.domain.jobs import NOW
from webapp.domain.models.job import JobState
from webapp.domain.models.payment import Purchase
from webapp.domain.models.sets_job import SetsJobStatus
from webapp.domain.models.sets_photo import SetsPhoto
from webapp.domain.services import (
    generations,
    heartbeats,
    operations,
    purchases,
    sets_photos,
)


def measured(session):
    """Every value by name and labels."""
    session.flush()
    return {
        (gauge.name, *labels): value
        for gauge, values in operations.measure(session)
        for labels, value in values
    }


def test_an_empty_platform_has_empty_queues_and_says_nothing_it_does_not_know(session):
    found = measured(session)
    assert found["queue_messages", "image_generation", "render_images", "waiting"] == 0
    assert found["task_wait_seconds", "money", "deliver_generation"] == 0
    assert found["escrow_tokens",] == 0
    names = {key[0] for key in found}
    assert names == {
        *("queue_messages", "task_wait_seconds", "escrow_tokens", "payments_open"),
        *("webhooks_queued", "webhook_age_seconds"),
    }


def test_payments_and_refunds_without_an_end_are_counted(session):
    person = making.user(session)
    ended = {"payment_key": "k1", "approved_at": NOW}
    for status, more in (
        ("pending", {}),
        ("authorized", {"payment_key": "k2"}),
        ("paid", ended),
        ("paid", ended | {"payment_key": "k3", "refund_key": "r"}),
    ):
        made = purchases.order_tokens(session, user_id=person.id, package_id="basic_100")
        session.execute(
            update(Purchase).where(Purchase.id == made.id).values(status=status, **more)
        )
    found = measured(session)
    assert (found["payments_open", "payment"], found["payments_open", "refund"]) == (1, 1)


def test_photos_of_unfinished_sets_are_counted_and_the_oldest_edit_is_told(session, environment):
    job = albums.album(session, photos=3, status=SetsJobStatus.RUNNING)
    albums.album(session, status=SetsJobStatus.DONE)
    edited, *_ = albums.photos_of(session, job)
    albums.instance(session, edited)
    for photo in albums.photos_of(session, job):
        sets_photos.enqueue_next_step(session, photo.id)
    then = NOW - timedelta(minutes=5)
    session.execute(update(SetsPhoto).where(SetsPhoto.id == edited.id).values(updated_at=then))
    found = measured(session)
    assert found["sets_photos", "queued"] == 3
    assert ("sets_photos", "ready") not in found
    assert found["queue_messages", "segmentation", "segment_photos", "waiting"] == 2
    assert found["state_age_seconds", "photo_edit", "queued"] == pytest.approx(300, abs=30)
    assert found["state_age_seconds", "segmentation", "queued"] < 60


def test_jobs_are_counted_where_they_wait_and_the_oldest_wait_is_told(session):
    waiting, delayed, running = (making.generation(session) for _ in range(3))
    past = NOW - timedelta(seconds=90)
    making.change_job(session, making.job_of(session, waiting).id, run_at=past)
    later = NOW + timedelta(seconds=90)
    making.change_job(session, making.job_of(session, delayed).id, run_at=later)
    making.change_job(session, making.job_of(session, running).id, state=JobState.RUNNING)
    found = measured(session)
    for state in ("waiting", "delayed", "running"):
        assert found["queue_messages", "image_generation", "render_images", state] == 1
    assert 90 <= found["task_wait_seconds", "image_generation", "render_images"] < 120
    assert found["escrow_tokens",] == 30


def test_the_longest_time_in_each_unfinished_state_is_told(session):
    image = making.generation(session)
    image.updated_at = NOW - timedelta(minutes=7)
    session.flush()
    training = making.training(session)
    found = measured(session)
    assert 420 <= found["state_age_seconds", "generation", "queued"] < 450
    assert ("state_age_seconds", "training", "pending") in found
    assert training.id


def test_jobs_that_ended_are_told_for_an_hour_with_their_time_and_lost_workers(session):
    recent, old = making.generation(session), making.generation(session)
    for image, ago, minutes in ((recent, 10, 4), (old, 70, 9)):
        ended = NOW - timedelta(minutes=ago)
        making.change_job(
            session,
            making.job_of(session, image).id,
            state=JobState.DONE,
            crashes=2,
            created_at=ended - timedelta(minutes=minutes),
            finished_at=ended,
        )
    found = measured(session)
    assert found["jobs_ended_last_hour", "generation", "done"] == 1
    assert found["job_seconds", "generation", "done", "0.95"] == pytest.approx(240, abs=1)
    assert found["jobs_workers_lost", "generation"] == 2


def test_a_canceled_order_holds_no_tokens(session):
    image = making.generation(session)
    assert measured(session)["escrow_tokens",] == 10
    generations.cancel(session, user_id=image.user_id, generation_id=image.id)
    assert measured(session)["escrow_tokens",] == 0


def test_heartbeats_become_ages_and_the_last_check_of_the_ledger_is_told(session):
    heartbeats.beat(session, heartbeats.RELAY, {"dead_letters": 3})
    heartbeats.beat(session, TaskName.PURGE_EXPIRED)
    heartbeats.beat(session, heartbeats.LEDGER, {"I1": 0, "I5": 2})
    found = measured(session)
    assert 0 <= found["relay_last_success_seconds",] < 30
    assert 0 <= found["housekeeping_last_success_seconds", "purge_expired"] < 30
    assert {key[1] for key in found if key[0].startswith("housekeeping")} == {"purge_expired"}
    assert found["dead_letters",] == 3
    assert found["ledger_check_ok",] == 0
    assert found["ledger_violations", "I5"] == 2
    heartbeats.beat(session, heartbeats.LEDGER, {"I1": 0, "I5": 0})
    assert measured(session)["ledger_check_ok",] == 1


def test_a_beat_without_numbers_leaves_those_that_were_found(session):
    heartbeats.beat(session, heartbeats.RELAY, {"dead_letters": 3})
    heartbeats.beat(session, heartbeats.RELAY)
    assert measured(session)["dead_letters",] == 3


def test_a_heart_beats_at_most_once_in_its_time(session):
    heartbeats.beat(session, "relay", {"dead_letters": 1})
    heartbeats.beat(session, "relay", {"dead_letters": 2}, every=timedelta(minutes=1))
    assert measured(session)["dead_letters",] == 1
