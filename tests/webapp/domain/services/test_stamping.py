import pytest
from sqlalchemy import func, select

from celery_config import TaskName
from tests import making
from tests.database import at_once
from webapp.domain import due_jobs, jobs
from webapp.domain.models.account import Artist
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.job import JobState
from webapp.domain.models.license import Certificate
from webapp.domain.models.style import Style
from webapp.domain.services import job_attempts, ledger, stamping

STAMPED = stamping.StampedImage(
    image_key="images/1.png",
    preview_key="previews/1.webp",
    thumbnail_key="thumbnails/1.webp",
    image_sha256="a" * 64,
    image_size=1234,
    perceptual_hash="0f" * 8,
)


@pytest.fixture
def image(session, storage):
    return making.generation(session, storage)


def begin(session, storage, image):
    job = making.hand_on_to_stamping(session, storage, image)
    return jobs.claim(session, job.id, TaskName.STAMP_SIGNATURE, 60)


def test_the_step_gets_everything_it_needs_and_no_session(session, storage, image):
    work = stamping.stamp_input(session, begin(session, storage, image))

    artist = session.get(Artist, session.get(Style, image.style_id).artist_id)
    assert work.signature.key == artist.signature_key
    assert (work.signature.position, work.signature.size) == ("bottom-right", "medium")
    assert work.signature.opacity == 0.7
    assert work.artist_name == artist.artist_name
    assert work.certificate_url == f"http://localhost:8000/l/{image.license_public_id}"
    assert storage.get(work.raw_key)


def test_the_signature_is_the_artists_current_one(session, storage, image):
    artist = session.get(Artist, session.get(Style, image.style_id).artist_id)
    artist.signature_position, artist.signature_opacity = "bottom-left", 0.4
    session.flush()
    work = stamping.stamp_input(session, begin(session, storage, image))
    assert (work.signature.position, work.signature.opacity) == ("bottom-left", 0.4)


def test_only_the_holder_of_the_lease_hands_on_to_delivery(session, storage, image):
    lease = begin(session, storage, image)
    jobs.release(session, lease)
    assert not stamping.record_stamped(session, lease, STAMPED)

    again = jobs.claim(session, lease.job_id, TaskName.STAMP_SIGNATURE, 60)
    assert stamping.record_stamped(session, again, STAMPED)
    assert making.job_of(session, image).step == TaskName.DELIVER_GENERATION


def test_a_delivery_records_the_image_pays_and_certifies(session, storage, image):
    lease = begin(session, storage, image)
    stamping.record_stamped(session, lease, STAMPED)
    assert stamping.deliver(session, lease.job_id)

    session.refresh(image)
    assert image.status == GenerationStatus.COMPLETED
    assert (image.image_key, image.image_sha256, image.image_size) == (
        "images/1.png",
        "a" * 64,
        1234,
    )
    assert making.job_of(session, image).state == JobState.DONE
    assert session.scalars(select(Certificate.perceptual_hash)).all() == ["0f" * 8]
    assert making.violations(session) == []


def test_nothing_is_delivered_before_it_is_stamped(session, storage, image):
    lease = begin(session, storage, image)
    assert not stamping.deliver(session, lease.job_id)
    assert not stamping.deliver(session, 10**9)
    session.refresh(image)
    assert image.status == GenerationStatus.PROCESSING


def test_a_training_is_never_delivered_as_an_image(session, storage):
    run = making.training(session, step=TaskName.DELIVER_GENERATION)
    assert not stamping.deliver(session, making.job_of(session, run).id)


def test_ten_bells_at_once_deliver_one_image_and_pay_once(committed, storage):
    with committed.begin() as session:
        image = making.generation(session, storage)
        lease = begin(session, storage, image)
        stamping.record_stamped(session, lease, STAMPED)

    def deliver():
        with committed.begin() as mine:
            return stamping.deliver(mine, lease.job_id)

    assert sorted(at_once(*[deliver] * 10)) == [False] * 9 + [True]
    with committed() as session:
        style = session.get(Style, image.style_id)
        assert ledger.balances(session, style.artist_id).earned == 10
        assert style.usage_count == 1
        assert session.scalar(select(func.count()).select_from(Certificate)) == 1
        assert session.get(Generation, image.id).status == "completed"
        assert making.violations(session) == []


def test_an_image_that_ran_out_of_time_while_it_waited_is_not_delivered_after_its_refund(
    session, storage, image
):
    lease = begin(session, storage, image)
    stamping.record_stamped(session, lease, STAMPED)
    making.change_job(session, lease.job_id, deadline_at=jobs.NOW)
    due_jobs.end_overdue(session)
    assert not stamping.deliver(session, lease.job_id)

    assert job_attempts.abandon(session, lease.job_id)
    assert not stamping.deliver(session, lease.job_id)
    assert making.violations(session) == []
