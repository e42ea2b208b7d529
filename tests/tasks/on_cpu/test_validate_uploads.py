import pytest
from PIL import Image, ImageDraw
from sqlalchemy import select, update

from tasks.on_cpu import validate_uploads as validation
from tasks.on_cpu.validate_uploads import validate_uploads
from tests import images, making
from webapp.domain import decoding_slots, image_processes, jobs
from webapp.domain.image_processes import ProcessLimits
from webapp.domain.models.job import Job, JobState
from webapp.domain.models.notification import Notification
from webapp.domain.models.style import Artwork, ArtworkStatus, Style
from webapp.domain.models.training import TrainingRun
from webapp.domain.services import styles, training
from webapp.domain.services.artworks import judge_again

GOOD = [images.encoded(images.scene(512, 512, seed=seed), "JPEG") for seed in range(10)]


@pytest.fixture
def uploaded(committed, storage):
    """Make a training whose files lie in storage; return its job's id."""

    def make(files):
        with committed.begin() as session:
            run = making.training(session, storage, works=len(files), status=ArtworkStatus.PENDING)
            for work, data in zip(artworks(session), files, strict=True):
                if data is not None:
                    storage.put(work.upload_key, data, content_type="image/png")
            return making.job_of(session, run).id

    return make


def artworks(session):
    return session.scalars(select(Artwork).order_by(Artwork.idx)).all()


def stored(storage, kind):
    return {info.key for info in storage.list(f"{kind}/")}


def test_bad_files_are_left_out_and_ten_good_ones_go_on_to_training(committed, storage, uploaded):
    bad = {
        "IMAGE_CORRUPT": [images.half_of(images.png()), images.png_with_damaged_pixels(), None],
        "INVALID_IMAGE_FORMAT": [images.gif(), images.html()],
        "IMAGE_RESOLUTION_TOO_LOW": [images.png(511, 512)],
        "IMAGE_TOO_LARGE_PIXELS": [images.png_claiming(20_000, 20_000)],
        "IMAGE_SIZE_EXCEEDED": [images.heavy(10_485_761)],
        "IMAGE_BLANK": [images.encoded(Image.new("RGBA", (600, 600), (9, 9, 9, 0)))],
        "IMAGE_TOO_LONG": [images.png(8200, 512)],
        "DUPLICATE_IMAGE": [GOOD[3]],
        "SIMILAR_IMAGE": [images.encoded(images.scene(512, 512, seed=4), "PNG")],
    }
    codes = [code for code, files in bad.items() for _ in files]
    job_id = uploaded([*GOOD, *(file for files in bad.values() for file in files)])

    validate_uploads(job_id=job_id)

    with committed() as session:
        works = artworks(session)
        assert [work.code for work in works] == [None] * 10 + codes
        assert [work.status for work in works[:10]] == ["valid"] * 10
        assert [work.twin_idx for work in works[-2:]] == [3, 4]
        similar = works[-1].clean_key  # its artist may still say that it is a work of its own
        assert stored(storage, "artworks") == {work.clean_key for work in works[:10]} | {similar}
        assert all((work.width, work.height) == (512, 512) for work in works[:10])
        job = session.get(Job, job_id)
        assert (job.step, job.state) == ("train_style", JobState.QUEUED)
    assert stored(storage, "uploads") == set()  # originals are never kept


def series(count):
    """Portraits of one series: the same head, with another mouth."""
    works = []
    for number in range(count):
        image = images.scene(640, 640, seed=77)
        ImageDraw.Draw(image).rectangle((300, 300, 310 + 2 * number, 310), fill="black")
        works.append(images.encoded(image))
    return works


def test_a_series_of_portraits_is_learned_when_its_artist_says_so(committed, storage, uploaded):
    job_id = uploaded(series(10))
    with committed.begin() as session:
        session.execute(update(TrainingRun).values(accepts_similar=True))
    validate_uploads(job_id=job_id)
    with committed() as session:
        works = artworks(session)
        assert {(work.status, work.code) for work in works} == {("valid", None)}
        assert [work.twin_idx for work in works] == [None] + [0] * 9  # a warning all the same
        assert session.get(Job, job_id).step == "train_style"


def test_a_series_that_was_left_out_is_judged_again_when_its_artist_says_so(
    committed, storage, uploaded
):
    job_id = uploaded(series(10))
    validate_uploads(job_id=job_id)
    with committed.begin() as session:
        works = artworks(session)
        assert [work.code for work in works] == [None] + ["SIMILAR_IMAGE"] * 9
        assert session.get(Job, job_id).state == JobState.FAILED
        style = session.scalars(select(Style)).one()
        artist_id, style_id = style.artist_id, style.id
    with committed.begin() as session:
        styles.retrain(
            session,
            storage,
            artist_id=artist_id,
            style_id=style_id,
            remove_artwork_ids=[],
            stored=[],
            files=[],
            request_id="again",
            accept_similar=True,
        )
        again = session.scalars(select(Job).order_by(Job.id.desc())).first().id
    validate_uploads(job_id=again)
    with committed() as session:
        assert {work.status for work in artworks(session)} == {"valid"}
        assert session.get(Job, again).step == "train_style"


def test_equal_pixels_are_refused_whatever_the_artist_says(committed, storage, uploaded):
    twins = [images.encoded(images.scene(), compress_level=level) for level in (1, 9)]
    assert twins[0] != twins[1]
    job_id = uploaded([*GOOD, *twins])
    with committed.begin() as session:
        session.execute(update(TrainingRun).values(accepts_similar=True))
    validate_uploads(job_id=job_id)
    with committed() as session:
        last = artworks(session)[-1]
        assert (last.status, last.code, last.twin_idx) == ("rejected", "DUPLICATE_IMAGE", 10)
    assert len(stored(storage, "artworks")) == 11


def test_eleven_good_works_of_twelve_go_on_to_training(committed, storage, uploaded):
    white = Image.new("RGBA", (640, 640), (255, 255, 255, 0))
    ImageDraw.Draw(white).ellipse((100, 100, 500, 500), outline="white", width=30)
    blank = images.encoded(Image.new("RGB", (640, 640), "white"))
    job_id = uploaded([*GOOD, images.encoded(white), blank])
    validate_uploads(job_id=job_id)
    with committed() as session:
        codes = [work.code for work in artworks(session)]
        assert codes == [None] * 11 + ["IMAGE_BLANK"]
        assert session.get(Job, job_id).step == "train_style"


def test_clean_copies_say_nothing_of_where_they_were_taken(committed, storage, uploaded):
    job_id = uploaded([*GOOD[1:], images.jpeg_with_secrets()])
    validate_uploads(job_id=job_id)
    with committed() as session:
        clean = storage.get(artworks(session)[9].clean_key)
    assert b"secret" not in clean
    assert not images.decoded(clean).getexif()


def test_a_file_that_grows_after_its_size_was_read_is_never_read_whole(
    committed, storage, uploaded, monkeypatch
):
    job_id = uploaded(GOOD)
    with committed() as session:
        key = artworks(session)[4].upload_key
    head = type(storage).head

    def head_then_replaced(self, wanted):
        found = head(self, wanted)
        if wanted == key:
            self.put(key, images.heavy(10_485_761), content_type="image/png")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(type(storage), "head", head_then_replaced)
        validate_uploads(job_id=job_id)
    with committed.begin() as session:
        job = session.get(Job, job_id)
        assert (job.step, job.state) == ("validate_uploads", JobState.QUEUED)
        session.execute(update(Job).values(run_at=jobs.NOW))
    validate_uploads(job_id=job_id)
    with committed() as session:
        codes = [work.code for work in artworks(session)]
        assert codes == [None] * 4 + ["IMAGE_SIZE_EXCEEDED"] + [None] * 5


def test_nine_good_files_end_the_style_and_its_artist_is_told(committed, storage, uploaded):
    job_id = uploaded([*GOOD[:9], images.half_of(images.jpeg())])
    validate_uploads(job_id=job_id)
    with committed() as session:
        assert session.scalars(select(Style.training_status)).all() == ["failed"]
        assert session.scalars(select(Notification.type)).all() == ["style_training_failed"]
        assert session.get(Job, job_id).state == JobState.FAILED
    assert stored(storage, "uploads") == set()


def test_a_second_message_changes_nothing(committed, storage, uploaded):
    job_id = uploaded(GOOD)
    validate_uploads(job_id=job_id)
    before = stored(storage, "artworks")
    validate_uploads(job_id=job_id)
    assert stored(storage, "artworks") == before


def test_a_worker_that_lost_its_lease_leaves_the_originals_to_the_next(
    committed, storage, uploaded, monkeypatch
):
    job_id = uploaded(GOOD)
    judge = training.record_verdicts

    def lose_the_lease_first(session, lease, verdicts):
        session.execute(update(Job).values(fence=Job.fence + 1, state="queued"))
        return judge(session, lease, verdicts)

    monkeypatch.setattr(training, "record_verdicts", lose_the_lease_first)
    validate_uploads(job_id=job_id)
    assert len(stored(storage, "uploads")) == 10

    monkeypatch.undo()
    with committed() as session:
        assert {work.status for work in artworks(session)} == {"pending"}


def test_the_lease_is_renewed_before_each_file(committed, storage, uploaded, monkeypatch):
    job_id = uploaded(GOOD)
    renewals = []
    renew = jobs.renew

    def counted(session, *lease):
        renewals.append(lease)
        return renew(session, *lease)

    monkeypatch.setattr(jobs, "renew", counted)
    validate_uploads(job_id=job_id)
    assert len(renewals) == len(GOOD)
    with committed() as session:
        assert session.get(Job, job_id).step == "train_style"


def test_a_worker_that_lost_its_lease_stops_at_the_next_file(
    committed, storage, uploaded, monkeypatch
):
    job_id = uploaded(GOOD)
    monkeypatch.setattr(jobs, "renew", lambda *_: None)
    validate_uploads(job_id=job_id)
    assert len(stored(storage, "uploads")) == 10
    assert stored(storage, "artworks") == set()
    with committed() as session:
        assert {work.status for work in artworks(session)} == {"pending"}


def test_with_all_slots_taken_the_job_is_tried_again_later(
    committed, storage, uploaded, monkeypatch
):
    job_id = uploaded(GOOD)
    monkeypatch.setattr(validation, "LIMITS", ProcessLimits(slot_seconds=0))
    with decoding_slots.slot(-1, decoding_slots.UNITS * decoding_slots.UNIT_BYTES, 60):
        validate_uploads(job_id=job_id)
    with committed() as session:
        job = session.get(Job, job_id)
        assert (job.state, job.step, job.tries) == (JobState.QUEUED, "validate_uploads", 1)
        assert {work.status for work in artworks(session)} == {"pending"}


def test_where_no_decoder_starts_the_job_is_tried_again_later(
    committed, storage, uploaded, monkeypatch, tmp_path
):
    job_id = uploaded(GOOD)
    monkeypatch.setattr(image_processes, "ROOT", tmp_path / "nowhere")
    validate_uploads(job_id=job_id)
    with committed() as session:
        job = session.get(Job, job_id)
        assert (job.state, job.step, job.tries) == (JobState.QUEUED, "validate_uploads", 1)
        assert {work.status for work in artworks(session)} == {"pending"}


def test_a_retrain_keeps_the_clean_copies_and_judges_only_what_is_new(committed, storage, uploaded):
    job_id = uploaded([*GOOD, images.half_of(images.png())])
    validate_uploads(job_id=job_id)
    with committed.begin() as session:
        works = artworks(session)
        clean = {work.clean_key for work in works if work.clean_key}
        judge_again(session, works)
        making.change_job(session, job_id, step="validate_uploads", run_at=jobs.NOW)

    validate_uploads(job_id=job_id)

    with committed() as session:
        works = artworks(session)
        assert {work.clean_key for work in works if work.clean_key} == clean
        assert [work.code for work in works] == [None] * 10 + ["IMAGE_CORRUPT"]
        assert session.get(Job, job_id).step == "train_style"
    assert stored(storage, "artworks") == clean


def test_with_storage_away_the_job_waits_and_uses_up_no_try(committed, storage, uploaded, tmp_path):
    job_id = uploaded(GOOD)
    (tmp_path / "objects").rename(tmp_path / "gone")
    validate_uploads(job_id=job_id)
    with committed() as session:
        job = session.get(Job, job_id)
        assert (job.state, job.tries, job.fence) == (JobState.QUEUED, 0, 0)
