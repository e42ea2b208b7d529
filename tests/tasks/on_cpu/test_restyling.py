"""A photo painted in a style: ordered, waited for, composed, paid once, or given back."""

import io
from datetime import timedelta
from functools import partial

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import func, select

from tasks.on_cpu import apply_rules as module
from tasks.on_cpu.apply_rules import apply_rules
from tasks.on_cpu.deliver_generation import deliver_generation
from tasks.on_cpu.finish_photo import finish_photo
from tasks.on_cpu.stamp_signature import stamp_signature
from tests import making, restyling, sets_albums as albums
from tests.database import at_once
from webapp.domain import due_jobs, jobs
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.job import Job, JobState
from webapp.domain.models.notification import Notification
from webapp.domain.models.sets_photo import PhotoStatus
from webapp.domain.models.style import Style
from webapp.domain.services import garbage, ledger, sets_restyles

UPPER = albums.left_half()
UPPER[32:] = False
LOWER = albums.left_half() & ~UPPER
TWO = ({"mask": UPPER}, {"mask": LOWER})


@pytest.fixture
def executed(committed, storage):
    """Execute an album whose walls are painted in a style; return it, the style, and its edit."""

    def make(*, instances=({},), tokens=100, **options):
        with committed.begin() as session:
            job, style = restyling.album(session, storage, tokens=tokens, instances=instances)
            restyling.execute(session, job, {"Wall": restyling.restyle(style, **options)})
            return job, style, restyling.edits(session)[-1]

    return make


def first_photo(committed, job):
    with committed() as session:
        return albums.photos_of(session, job)[0]


def images_of(committed, job):
    with committed() as session:
        return [image for _, image in restyling.canvases(session, job)]


def tokens(committed, job, style):
    """What the buyer can spend and has in escrow, and what the artist has earned."""
    with committed() as session:
        assert making.violations(session) == []
        mine = ledger.balances(session, restyling.user_of(session, job))
        artist = ledger.balances(session, session.get_one(Style, style.id).artist_id)
        return mine.spendable, mine.escrowed, artist.earned


def levels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def is_due(committed, job_id):
    with committed() as session:
        due = select(Job.id).where(Job.id == job_id, Job.run_at <= jobs.NOW)
        return session.scalar(due) is not None


def test_a_region_is_ordered_as_a_private_image_and_its_photo_waits(committed, storage, executed):
    job, style, edit = executed()
    apply_rules(job_id=edit)
    apply_rules(job_id=edit)  # before its time: nothing happens
    with committed() as session:
        ((row, image),) = restyling.canvases(session, job)
        waiting = session.get_one(Job, edit)
        assert (waiting.state, waiting.step, waiting.tries) == (JobState.QUEUED, "apply_rules", 0)
    assert not is_due(committed, edit)
    assert (image.prompt_tags, image.style_strength, image.is_public) == (["wall"], 1.0, False)
    assert (image.width, image.height, image.price_tokens) == (512, 512, 10)
    assert row.photo_sha256 == first_photo(committed, job).sha256
    assert levels(storage.get(row.picture_key)).shape == (512, 512, 3)
    assert storage.head(row.mask_key) is not None
    assert tokens(committed, job, style) == (90, 10, 0)


def test_a_painted_photo_changes_inside_the_mask_alone_and_its_artist_is_paid_once(
    committed, storage, executed
):
    job, style, edit = executed()
    apply_rules(job_id=edit)
    (image,) = images_of(committed, job)
    raw = restyling.paint(committed, storage, image)
    assert is_due(committed, edit)
    apply_rules(job_id=edit)
    finish_photo(job_id=edit)

    photo = first_photo(committed, job)
    assert photo.status == PhotoStatus.DONE
    before, after = (levels(storage.get(key)) for key in (photo.photo_key, photo.result_key))
    outside = slice(4, None), slice(albums.SIZE[0] // 2 + 4, None)
    assert np.array_equal(before[outside], after[outside])
    assert (before[4:, 4:40] != after[4:, 4:40]).any(axis=2).mean() > 0.7
    assert tokens(committed, job, style) == (90, 0, 10)
    with committed() as session:
        ((row, _),) = restyling.canvases(session, job)
        assert row.painted_sha256 == albums.sha256(raw)
        types = session.scalars(select(Notification.type).order_by(Notification.id)).all()
        assert types == ["set_job_complete"]


def test_a_region_is_painted_in_its_plane_and_laid_back_inside_the_mask_alone(
    committed, storage, executed
):
    corners = [[0.0, 0.1], [0.5, 0.0], [0.5, 1.0], [0.0, 0.9]]
    job, _, edit = executed(plane={"corners": corners, "width": 2, "height": 4})
    apply_rules(job_id=edit)
    with committed() as session:
        ((row, image),) = restyling.canvases(session, job)
    assert (image.width, image.height) == (512, 1024)
    assert levels(storage.get(row.picture_key)).shape == (1024, 512, 3)
    assert len(row.frame) == 9
    restyling.paint(committed, storage, image)
    apply_rules(job_id=edit)
    finish_photo(job_id=edit)

    photo = first_photo(committed, job)
    assert photo.status == PhotoStatus.DONE
    before, after = (levels(storage.get(key)) for key in (photo.photo_key, photo.result_key))
    outside = slice(None), slice(albums.SIZE[0] // 2 + 4, None)
    assert np.array_equal(before[outside], after[outside])
    assert (before[8:-8, 4:40] != after[8:-8, 4:40]).any(axis=2).mean() > 0.7


def test_what_was_painted_is_kept_unsigned_until_the_photo_is_done(committed, storage, executed):
    job, _, edit = executed()
    apply_rules(job_id=edit)
    (image,) = images_of(committed, job)
    raw = restyling.paint(committed, storage, image)
    with committed() as session:
        ((row, image),) = restyling.canvases(session, job)
    assert storage.get(row.painted_key) == raw
    assert not np.array_equal(levels(storage.get(image.image_key)), levels(raw))

    garbage.collect(storage, committed.begin, older_than=timedelta(0))
    assert storage.head(row.painted_key) is not None
    apply_rules(job_id=edit)
    finish_photo(job_id=edit)
    garbage.collect(storage, committed.begin, older_than=timedelta(0))
    for key in (row.painted_key, row.picture_key, row.mask_key):
        assert storage.head(key) is None
    assert storage.head(image.image_key) is not None


def test_a_failed_region_fails_its_photo_and_what_nobody_has_begun_is_refunded(
    committed, storage, executed
):
    job, style, edit = executed(instances=TWO)
    apply_rules(job_id=edit)
    assert tokens(committed, job, style) == (80, 20, 0)
    first, _ = images_of(committed, job)
    with committed.begin() as session:
        restyling.fail(session, first)
    assert is_due(committed, edit)
    apply_rules(job_id=edit)
    photo = first_photo(committed, job)
    assert (photo.status, photo.failure_code) == (PhotoStatus.FAILED, "RESTYLE_FAILED")
    states = [image.status for image in images_of(committed, job)]
    assert states == [GenerationStatus.FAILED, GenerationStatus.CANCELED]
    assert tokens(committed, job, style) == (100, 0, 0)
    with committed() as session:
        assert albums.credits_of(session, job) == 10
        assert session.scalars(select(Notification.type)).all() == ["set_job_failed"]


def test_a_photo_that_is_tried_again_uses_what_was_paid_for(committed, storage, executed):
    job, style, edit = executed(instances=TWO, tokens=25)
    apply_rules(job_id=edit)
    first, second = images_of(committed, job)
    restyling.paint(committed, storage, first)
    with committed.begin() as session:
        restyling.fail(session, second)
    apply_rules(job_id=edit)
    assert first_photo(committed, job).status == PhotoStatus.FAILED
    assert tokens(committed, job, style) == (15, 0, 10)

    with committed.begin() as session:
        restyling.retry(session, job)
        again = restyling.edits(session)[1]
    apply_rules(job_id=again)
    assert tokens(committed, job, style) == (5, 10, 10)
    restyling.paint(committed, storage, images_of(committed, job)[-1])
    apply_rules(job_id=again)
    finish_photo(job_id=again)
    assert first_photo(committed, job).status == PhotoStatus.DONE
    assert tokens(committed, job, style) == (5, 0, 20)


def test_canceling_the_job_refunds_what_nobody_has_begun_and_pays_the_rest(
    committed, storage, executed
):
    job, style, edit = executed(instances=TWO)
    apply_rules(job_id=edit)
    first, _ = images_of(committed, job)
    with committed.begin() as session:
        work = making.hand_on_to_stamping(session, storage, session.get(Generation, first.id))
    with committed.begin() as session:
        restyling.cancel(session, job)
    assert tokens(committed, job, style) == (90, 10, 0)
    restyling.deliver(work.id)
    assert tokens(committed, job, style) == (90, 0, 10)
    states = [image.status for image in images_of(committed, job)]
    assert states == [GenerationStatus.COMPLETED, GenerationStatus.CANCELED]
    with committed() as session:
        assert session.get_one(Job, edit).state == JobState.CANCELED
        assert albums.credits_of(session, job) == 10


def test_tokens_that_were_spent_meanwhile_end_the_photo_and_nothing_is_held(
    committed, storage, executed
):
    job, style, edit = executed()
    with committed.begin() as session:
        making.take_tokens(session, restyling.user_of(session, job), 95)
    apply_rules(job_id=edit)
    photo = first_photo(committed, job)
    assert (photo.status, photo.failure_code) == (PhotoStatus.FAILED, "INSUFFICIENT_TOKENS")
    assert images_of(committed, job) == []
    assert tokens(committed, job, style) == (5, 0, 0)


def test_a_price_that_was_raised_meanwhile_is_not_paid(committed, storage, executed):
    job, style, edit = executed()
    with committed.begin() as session:
        session.get_one(Style, style.id).price_tokens = 11
    apply_rules(job_id=edit)
    photo = first_photo(committed, job)
    assert photo.failure_code == "RESTYLE_FAILED"
    assert "PRICE_CHANGED" in photo.failure_message
    assert tokens(committed, job, style) == (100, 0, 0)


def test_a_worker_that_dies_between_storing_and_ordering_orders_nothing_twice(
    committed, storage, executed, monkeypatch
):
    job, style, edit = executed()

    def die(failpoint):
        raise SystemExit(failpoint)

    with monkeypatch.context() as patch:
        patch.setattr(module, "failpoint", die)
        with pytest.raises(SystemExit):
            apply_rules(job_id=edit)
    assert tokens(committed, job, style) == (100, 0, 0)
    with committed.begin() as session:
        making.change_job(session, edit, lease_until=jobs.NOW - timedelta(seconds=1))
        assert due_jobs.requeue_expired(session) == 1
    apply_rules(job_id=edit)
    assert len(images_of(committed, job)) == 1
    assert tokens(committed, job, style) == (90, 10, 0)


def test_an_order_of_a_lost_lease_orders_nothing(committed, storage, executed, monkeypatch):
    job, style, edit = executed()

    def lose(_place):
        with committed.begin() as session:
            making.change_job(session, edit, lease_until=jobs.NOW - timedelta(seconds=1))
            due_jobs.requeue_expired(session)

    monkeypatch.setattr(module, "failpoint", lose)
    apply_rules(job_id=edit)
    assert images_of(committed, job) == []
    assert tokens(committed, job, style) == (100, 0, 0)


def test_an_edit_that_is_published_too_early_waits_again(committed, storage, executed):
    job, _, edit = executed(instances=TWO)
    apply_rules(job_id=edit)
    first, _ = images_of(committed, job)
    restyling.paint(committed, storage, first)
    apply_rules(job_id=edit)
    assert not is_due(committed, edit)
    with committed() as session:
        waiting = session.get_one(Job, edit)
        assert (waiting.state, waiting.tries) == (JobState.QUEUED, 0)
        assert waiting.run_at - session.scalar(select(func.now())) < timedelta(
            seconds=sets_restyles.WAIT_SECONDS
        )


def test_each_artist_signs_once_inside_what_was_painted(committed, storage, executed):
    signed, unsigned = [], []
    for results, opacity in ((signed, 1.0), (unsigned, 0.3)):
        job, style, edit = executed()
        with committed.begin() as session:
            restyling.artist_of(session, style).signature_opacity = opacity
        apply_rules(job_id=edit)
        restyling.paint(committed, storage, images_of(committed, job)[0])
        apply_rules(job_id=edit)
        finish_photo(job_id=edit)
        results.append(levels(storage.get(first_photo(committed, job).result_key)))
    changed = np.argwhere((signed[0].astype(int) != unsigned[0]).any(axis=2))
    (top, _), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
    width, height = albums.SIZE
    assert bottom - top < height
    assert right < width // 2 + 2


def test_deliveries_and_a_cancellation_at_once_leave_exact_books(committed, storage, executed):
    job, style, edit = executed(instances=(*TWO, {"mask": albums.left_half()}))
    apply_rules(job_id=edit)
    first, second, _ = images_of(committed, job)
    work = []
    for image in (first, second):
        with committed.begin() as session:
            generation = session.get(Generation, image.id)
            work.append(making.hand_on_to_stamping(session, storage, generation).id)
        stamp_signature(job_id=work[-1])

    def cancel():
        with committed.begin() as session:
            restyling.cancel(session, job)

    calls = [partial(deliver_generation, job_id=each) for each in work]
    assert at_once(cancel, *calls, partial(apply_rules, job_id=edit)) == [None] * 4
    assert tokens(committed, job, style) == (80, 0, 20)
