"""An album under workers that die at random: every photo ends once, and the credits are exact.

Every fifth photo is painted in a style: its artist is paid once, or its buyer has the tokens back.
CHAOS_PHOTOS, CHAOS_PHOTO_KILLS and CHAOS_FIRST_SEED make it longer or another one.
"""

import os
import random
import time

import pytest

from tests import sets_albums as albums
from tests.chaos.invariants import broken
from tests.chaos.painted_albums import executed, paintings
from tests.chaos.reaping import Reaper, at
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus
from webapp.domain.services import sets_jobs, sets_photos

SEED = int(os.environ.get("CHAOS_FIRST_SEED", "1"))
PHOTOS = int(os.environ.get("CHAOS_PHOTOS", "10"))
KILLS = int(os.environ.get("CHAOS_PHOTO_KILLS", "5"))
FIRE_SECONDS = 1.5
LATE_SECONDS = 30
LEAST_KILLS = 3  # a short album may be over before all came to their places
TARGETS_OF_A_KILL = 20  # most are never reached: the album is past them, or not there yet
PLACES = [
    *at("uploads", "after_claim", "after_put", "before_commit"),
    *at("editor", "after_claim", "after_segment", "after_put"),
    *at("editor", "after_complete", "before_commit", "after_commit"),
    *at("gpu", "after_claim", "after_put", "after_complete"),
    *at("stamper", "after_claim", "after_put"),
    *at("cashier", "before_commit", "after_commit"),
    *at("relay", "after_mark", "after_publish"),
]


def still_broken(stack) -> list[str]:
    """What is broken once workers whose jobs were canceled have put their last files."""
    deadline = time.monotonic() + LATE_SECONDS
    while (found := broken(stack)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


@pytest.mark.timeout(900)
def test_every_photo_of_an_album_ends_once_however_often_workers_die(fast):
    stack = fast
    job = executed(stack, PHOTOS)
    targets = random.Random(SEED).choices(PLACES, k=TARGETS_OF_A_KILL * KILLS)
    with Reaper(
        stack, targets, wanted=KILLS, fire_seconds=FIRE_SECONDS, then=stack.expire_leases
    ) as reaper:
        stack.wait_until_quiet(seconds=240 + 5 * PHOTOS)
    assert reaper.kills.total() >= min(KILLS, LEAST_KILLS), reaper.kills
    assert broken(stack) == []
    with stack.session() as session:
        standing = sets_photos.counts(session, job.id)
        assert set(standing) <= {PhotoStatus.DONE, PhotoStatus.FAILED}, reaper.kills
        done = standing.get(PhotoStatus.DONE, 0)
        assert done >= PHOTOS // 2
        assert session.get_one(SetsJob, job.id).status == SetsJobStatus.DONE
        assert albums.credits_of(session, job) == PHOTOS - done
        photos = albums.photos_of(session, job)
    failed = {photo.failure_code for photo in photos if photo.status == PhotoStatus.FAILED}
    assert failed <= {"WORKER_LOST"}
    results = [photo.result_key for photo in photos if photo.result_key]
    assert len(set(results)) == done
    painted = paintings(stack, job)
    assert painted
    for each in painted:
        is_delivered = each.status == "completed"
        assert (each.payouts, each.refunds) == (is_delivered, not is_delivered), each
        assert is_delivered or each.photo != "done", each


# `make test` cancels an album without late workers: tests/journeys/test_sets.py.
@pytest.mark.long
def test_a_canceled_album_is_left_alone_by_late_workers(fast):
    stack = fast
    job = executed(stack, PHOTOS)
    time.sleep(1)
    with stack.session() as session:
        locked = sets_photos.lock_job(session, job.id)
        sets_jobs.cancel_locked(session, locked)
    stack.wait_until_quiet()
    assert still_broken(stack) == []
    with stack.session() as session:
        done = sets_photos.counts(session, job.id).get(PhotoStatus.DONE, 0)
        assert albums.credits_of(session, job) == PHOTOS - done
