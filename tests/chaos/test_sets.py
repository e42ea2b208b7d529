"""An album under workers that die at random: every photo ends once, and the credits are exact.

Every fifth photo is painted in a style: its artist is paid once, or its buyer has the tokens back.
CHAOS_PHOTOS, CHAOS_PHOTO_KILLS and CHAOS_FIRST_SEED make it longer or another one.
"""

import collections
import os
import random
import time

import pytest

from tests import sets_albums as albums
from tests.chaos.beside import Beside
from tests.chaos.invariants import broken
from tests.chaos.painted_albums import executed, paintings
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus
from webapp.domain.services import sets_jobs, sets_photos

SEED = int(os.environ.get("CHAOS_FIRST_SEED", "1"))
PHOTOS = int(os.environ.get("CHAOS_PHOTOS", "10"))
KILLS = int(os.environ.get("CHAOS_PHOTO_KILLS", "5"))
FIRE_SECONDS = 1.5
LATE_SECONDS = 30
PLACES = (
    *[("uploads", failpoint) for failpoint in ("after_claim", "after_put", "before_commit")],
    *[("editor", failpoint) for failpoint in ("after_claim", "after_segment", "after_put")],
    *[("editor", failpoint) for failpoint in ("after_complete", "before_commit", "after_commit")],
    *[("gpu", "after_claim"), ("gpu", "after_put"), ("gpu", "after_complete")],
    *[("stamper", "after_claim"), ("stamper", "after_put")],
    *[("cashier", "before_commit"), ("cashier", "after_commit")],
    *[("relay", "after_mark"), ("relay", "after_publish")],
)


class Reaper(Beside):
    """Kills processes at failpoints that the seed chose, and takes their leases soon after."""

    def __init__(self, stack) -> None:
        super().__init__()
        self.kills = collections.Counter()
        self._stack = stack
        self._chance = random.Random(SEED)

    def go(self) -> None:
        while not self.stopped.is_set() and self.kills.total() < KILLS:
            name, failpoint = self._chance.choice(PLACES)
            process = getattr(self._stack, name)
            process.arm(failpoint)
            deadline = time.monotonic() + FIRE_SECONDS
            while not process.has_fired(failpoint) and time.monotonic() < deadline:
                time.sleep(0.02)
            if process.has_fired(failpoint):
                self.kills[f"{name} {failpoint}"] += 1
                self._stack.expire_leases()
            else:
                process.disarm(failpoint)


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
    with Reaper(stack) as reaper:
        stack.wait_until_quiet(seconds=120 + 5 * PHOTOS)
    assert reaper.kills.total() >= min(KILLS, 5), reaper.kills
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
