from datetime import timedelta

import pytest
from sqlalchemy import select

from celery_config import TaskName
from tests import making
from tests.statements import statements
from webapp.domain import jobs
from webapp.domain.models.generation import AspectRatio
from webapp.domain.models.job import JobKind
from webapp.domain.pipelines import PIPELINES
from webapp.domain.queries import queue_positions
from webapp.domain.queries.queue_positions import QueuePosition


@pytest.fixture
def style(session):
    return making.style(session)


@pytest.mark.parametrize("kind, step", queue_positions.GPU_STEPS.items())
def test_jobs_wait_at_the_step_that_gpu_workers_claim(kind, step):
    assert step == PIPELINES[kind].gpu_step


@pytest.fixture
def order(session, style):
    """Order pictures of a new buyer."""
    return lambda count=1, of=None, **changes: making.order(
        session, making.user(session, tokens=1000), of or style, count=count, **changes
    )


@pytest.fixture
def ago(session):
    """Times before one and the same moment."""
    now = session.scalar(select(jobs.NOW))
    return lambda seconds: now - timedelta(seconds=seconds)


@pytest.fixture
def ended(session, ago):
    """Let a picture have been ordered and have ended so many seconds ago."""

    def end(image, *, ordered, finished, state="done"):
        making.change_job(
            session,
            making.job_of(session, image).id,
            state=state,
            created_at=ago(ordered),
            finished_at=ago(finished),
        )

    return end


def claim(session, *images):
    """Let workers hold pictures."""
    for image in images:
        job = making.job_of(session, image)
        assert jobs.claim(session, job.id, TaskName.RENDER_IMAGES, 3600)


def positions(session, *images, kind=JobKind.GENERATION):
    return queue_positions.of_waiting(session, kind, [image.id for image in images])


def ahead(session, *images):
    found = positions(session, *images)
    return [found[image.id].ahead if image.id in found else None for image in images]


def seconds(session, image):
    return positions(session, image)[image.id].expected_seconds


def test_a_picture_waits_behind_those_that_were_ordered_before(session, order):
    first, second, third = order(count=3)
    [fourth] = order()
    assert ahead(session, first, second, third, fourth) == [0, 1, 2, 3]


def test_the_positions_are_the_order_in_which_workers_claim(session, order):
    images = order(count=3)
    before = positions(session, *images)
    [lease] = jobs.claim_batch(session, JobKind.GENERATION, lease_seconds=3600, limit=1)
    assert before[lease.ref].ahead == 0
    claimed = next(image for image in images if image.id == lease.ref)
    assert ahead(session, claimed) == [None]
    assert ahead(session, *[image for image in images if image is not claimed]) == [0, 1]


def test_what_waits_for_a_retry_or_for_no_worker_is_not_before_anybody(session, order, ago):
    delayed, canceled, stamped, last = order(count=4)
    making.change_job(session, making.job_of(session, delayed).id, run_at=ago(-3600))
    making.change_job(session, making.job_of(session, canceled).id, cancel_requested=True)
    making.change_job(session, making.job_of(session, stamped).id, step=TaskName.STAMP_SIGNATURE)
    assert ahead(session, delayed, canceled, stamped, last) == [None, None, None, 0]


def test_only_pictures_of_the_same_base_model_are_before_it(session, order):
    order(count=2)
    other = making.style(session, base_model="sd15")
    large, small = order(of=other, aspect_ratio=AspectRatio.LARGE_SQUARE) + order(of=other)
    assert ahead(session, large, small) == [0, 1]


def test_of_a_very_long_queue_only_the_first_have_positions(session, order, monkeypatch):
    monkeypatch.setattr(queue_positions, "MOST_NUMBERED", 2)
    assert ahead(session, *order(count=3)) == [0, 1, None]


def test_the_expected_time_is_the_measured_pace_of_all_that_comes_before(session, order, ended):
    made, running, waiting = order(count=3), order(), order(count=2)
    for image, finished in zip(made, (100, 90, 80), strict=True):
        ended(image, ordered=200, finished=finished)
    claim(session, *running)
    found = positions(session, *waiting)
    # Ten seconds each: the one that is drawn, those before it, and itself.
    assert [found[image.id] for image in waiting] == [QueuePosition(0, 20), QueuePosition(1, 30)]


def test_pauses_without_orders_do_not_count(session, order, ended):
    made, running, [waiting] = order(count=3), order(), order()
    ended(made[0], ordered=2000, finished=1900)
    ended(made[1], ordered=110, finished=100)
    ended(made[2], ordered=40, finished=30)
    claim(session, *running)
    assert seconds(session, waiting) == 20


def test_a_batch_of_pictures_is_as_fast_as_its_pictures_together(session, order, ended):
    earlier, batch, running, [waiting] = order(), order(count=4), order(), order()
    ended(earlier[0], ordered=200, finished=108)
    for image in batch:
        ended(image, ordered=200, finished=100)
    claim(session, *running)
    assert seconds(session, waiting) == 2 * 2


def test_nothing_is_expected_before_two_pictures_have_ended(session, order, ended):
    [made], running, [waiting] = order(), order(), order()
    ended(made, ordered=40, finished=30)
    claim(session, *running)
    assert positions(session, waiting)[waiting.id] == QueuePosition(0, None)


def test_nothing_is_expected_of_what_was_measured_long_ago(session, order, ended):
    made, running, [waiting] = order(count=2), order(), order()
    for image, finished in zip(made, (4000, 3990), strict=True):
        ended(image, ordered=5000, finished=finished)
    claim(session, *running)
    assert seconds(session, waiting) is None


def test_nothing_is_expected_while_no_worker_is_alive(session, order, ended, ago):
    made, [lost], [waiting] = order(count=2), order(), order()
    for image, finished in zip(made, (110, 100), strict=True):
        ended(image, ordered=200, finished=finished)
    assert seconds(session, waiting) is None
    claim(session, lost)
    assert seconds(session, waiting) == 20
    making.change_job(session, making.job_of(session, lost).id, lease_until=ago(1))
    assert seconds(session, waiting) is None


def test_workers_that_have_just_finished_are_alive(session, order, ended):
    made, [waiting] = order(count=2), order()
    for image, finished in zip(made, (11, 1), strict=True):
        ended(image, ordered=200, finished=finished)
    assert seconds(session, waiting) == 10


def test_canceled_pictures_took_no_time(session, order, ended):
    made, running, [waiting] = order(count=3), order(), order()
    ended(made[0], ordered=200, finished=110)
    ended(made[1], ordered=200, finished=101, state="canceled")
    ended(made[2], ordered=200, finished=100)
    claim(session, *running)
    assert seconds(session, waiting) == 20


def test_a_picture_that_is_tried_again_hides_nothing_that_was_measured(session, order, ended):
    [again], made, running, [waiting] = order(), order(count=2), order(), order()
    for image, finished in zip(made, (110, 100), strict=True):
        ended(image, ordered=200, finished=finished)
    claim(session, *running)
    making.change_job(session, making.job_of(session, again).id, tries=1)
    assert positions(session, waiting)[waiting.id] == QueuePosition(1, 30)


def test_trainings_have_a_queue_and_a_pace_of_their_own(session, order, ended):
    order(count=3)
    made = [making.training(session, step=TaskName.TRAIN_STYLE) for _ in range(4)]
    for run, finished in zip(made, (20_000, 19_000), strict=False):
        ended(run, ordered=30_000, finished=finished)
    job = making.job_of(session, made[2])
    assert jobs.claim(session, job.id, TaskName.TRAIN_STYLE, 3600)
    found = positions(session, *made, kind=JobKind.TRAINING)
    assert found == {made[3].id: QueuePosition(0, 2000)}


def test_all_pictures_of_a_page_take_one_statement_and_none_takes_none(session, order):
    images = order(count=4)
    with statements(session) as sent:
        positions(session, *images)
    assert len(sent) == 1
    with statements(session) as sent:
        assert positions(session) == {}
    assert sent == []
