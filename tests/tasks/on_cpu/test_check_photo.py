import io

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import update

from tasks.on_cpu.check_photo import check_photo
from tests import images, sets_albums as albums
from webapp.domain.models.job import JobKind, JobState
from webapp.domain.models.sets_job import SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus, SetsPhoto
from webapp.domain.services import sets_photos


@pytest.fixture
def uploaded(committed, storage):
    """Make a confirmed job of these files; return the ids of its photos' jobs."""

    def make(*files, status=SetsJobStatus.UPLOADED, is_as_confirmed=True):
        with committed.begin() as session:
            job = albums.album(
                session,
                storage,
                photos=len(files),
                status=status,
                photo_status=PhotoStatus.AWAITED,
            )
            for photo, data in zip(albums.photos_of(session, job), files, strict=True):
                storage.put(photo.upload_key, data, content_type="image/png")
                sha256 = albums.sha256(data) if is_as_confirmed else "0" * 64
                session.execute(
                    update(SetsPhoto).where(SetsPhoto.id == photo.id).values(sha256=sha256)
                )
                sets_photos.check(session, photo)
            return job, [each.id for each in albums.work(session, JobKind.PHOTO_CHECK)]

    return make


def only_photo(committed, job):
    with committed() as session:
        return albums.photos_of(session, job)[0]


def decoded(storage, key):
    return Image.open(io.BytesIO(storage.get(key)))


def test_a_photo_is_stored_photo_upright_as_the_very_pixels_and_small(committed, storage, uploaded):
    data = images.jpeg_turned()
    job, (job_id,) = uploaded(data)
    check_photo(job_id=job_id)
    photo = only_photo(committed, job)
    assert photo.status == PhotoStatus.READY
    stored_photo = decoded(storage, photo.photo_key)
    assert stored_photo.format == "PNG"
    assert stored_photo.size == (photo.width, photo.height)
    assert not stored_photo.getexif()
    upright = Image.open(io.BytesIO(data)).transpose(Image.Transpose.ROTATE_270)
    assert np.array_equal(np.asarray(stored_photo), np.asarray(upright))
    assert max(decoded(storage, photo.preview_key).size) <= 1024
    assert storage.head(photo.upload_key) is None  # original bytes are never kept


def test_transparency_stays(committed, storage, uploaded):
    job, (job_id,) = uploaded(images.png_with_alpha())
    check_photo(job_id=job_id)
    photo = only_photo(committed, job)
    for key in (photo.photo_key, photo.preview_key):
        assert decoded(storage, key).mode == "RGBA"


@pytest.mark.parametrize(
    "data, code, message",
    [
        (images.half_of(images.png()), "IMAGE_CORRUPT", "The file is damaged."),
        (
            images.heic(),
            "INVALID_IMAGE_FORMAT",
            "The format HEIC is not accepted; JPEG, PNG are.",
        ),
        (
            images.png_claiming(20_000, 20_000),
            "IMAGE_TOO_LARGE_PIXELS",
            "The photo has 400000000 pixels; 50000000 are allowed.",
        ),
    ],
    ids=str,
)
def test_a_bad_file_ends_its_own_photo_and_returns_its_credit(
    committed, storage, uploaded, data, code, message
):
    job, (bad, good) = uploaded(data, images.png())
    check_photo(job_id=bad)
    check_photo(job_id=good)
    with committed() as session:
        first, second = albums.photos_of(session, job)
        assert (first.status, first.failure_code) == (PhotoStatus.FAILED, code)
        assert first.failure_message == message
        assert second.status == PhotoStatus.READY
        assert albums.credits_of(session, job) == 1
        states = [each.state for each in albums.work(session, JobKind.PHOTO_CHECK)]
        assert states == [JobState.FAILED, JobState.DONE]


def test_a_file_that_is_not_the_confirmed_one_is_refused(committed, storage, uploaded):
    job, (job_id,) = uploaded(images.png(), is_as_confirmed=False)
    check_photo(job_id=job_id)
    photo = only_photo(committed, job)
    assert (photo.status, photo.failure_code) == (PhotoStatus.FAILED, "FILE_CHANGED")


def test_a_checked_photo_of_an_executed_job_goes_on(committed, storage, uploaded):
    job, (job_id,) = uploaded(images.png(), status=SetsJobStatus.QUEUED)
    check_photo(job_id=job_id)
    assert only_photo(committed, job).status == PhotoStatus.QUEUED
    with committed() as session:
        assert len(albums.work(session, JobKind.SEGMENTATION)) == 1


def test_the_last_bad_photo_ends_an_executed_job(committed, storage, uploaded):
    job, (job_id,) = uploaded(images.heic(), status=SetsJobStatus.QUEUED)
    check_photo(job_id=job_id)
    with committed() as session:
        assert session.get_one(type(job), job.id).status == SetsJobStatus.FAILED


def test_a_second_message_changes_nothing(committed, storage, uploaded):
    job, (job_id,) = uploaded(images.png())
    check_photo(job_id=job_id)
    key = only_photo(committed, job).photo_key
    check_photo(job_id=job_id)
    assert only_photo(committed, job).photo_key == key
