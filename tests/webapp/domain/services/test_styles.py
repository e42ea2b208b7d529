from contextlib import nullcontext
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from celery_config import TaskName
from tests import images, making
from tests.database import at_once
from webapp.domain import errors, image_errors, jobs
from webapp.domain.models.account import Artist
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.notification import Notification
from webapp.domain.models.style import Artwork, ArtworkStatus, Style, Tag, TrainingStatus
from webapp.domain.models.training import TrainingRun
from webapp.domain.prices import Prices
from webapp.domain.services import artworks, rights, styles, training, worker_protocol
from webapp.domain.services.artworks import DeclaredFile, UploadedImage
from webapp.domain.services.styles import NewStyle

FILES = [images.encoded(images.scene(520, 512, seed=seed), "JPEG") for seed in range(10)]
NOW = func.clock_timestamp()


def new(**changes):
    return NewStyle(
        **{"name": "Ink Harbor", "description": "Piers.", "prices": Prices(personal=120)} | changes
    )


def uploaded(files=FILES):
    return [UploadedImage(f"{n}.jpg", data) for n, data in enumerate(files)]


def declared(count=10):
    return [DeclaredFile(f"{n}.png", 1000, "image/png") for n in range(count)]


def create(session, storage, artist, new_style=None, files=None):
    new_style = new_style or new()
    stored = styles.store_images(
        lambda: nullcontext(session),
        storage,
        artist_id=artist.user_id,
        new=new_style,
        uploaded=uploaded() if files is None else files,
    )
    return styles.create_from_images(
        session,
        artist=artist,
        new=new_style,
        stored=stored,
        base_model="built-in",
        request_id="request-1",
    )


def declare(session, storage, artist, new_style=None, files=None):
    return styles.create_from_declared(
        session,
        storage,
        artist=artist,
        new=new_style or new(),
        files=declared() if files is None else files,
        base_model="built-in",
    )


def retrain(session, storage, style, **changes):
    return retrain_as(session, storage, style.artist_id, style, **changes)


def retrain_as(session, storage, artist_id, style, *, remove=(), add=(), files=()):
    return styles.retrain(
        session,
        storage,
        artist_id=artist_id,
        style_id=style.id,
        remove_artwork_ids=list(remove),
        stored=artworks.store(lambda: nullcontext(session), storage, list(add)),
        files=list(files),
        request_id="request-2",
    )


def fail(session, style):
    session.execute(
        update(Style).where(Style.id == style.id).values(training_status=TrainingStatus.FAILED)
    )
    session.execute(update(Job).values(state=JobState.FAILED))
    session.refresh(style)


def works(session, style):
    return session.scalars(
        select(Artwork)
        .where(Artwork.style_id == style.id)
        .order_by(Artwork.idx)
        .execution_options(populate_existing=True)
    ).all()


@pytest.fixture
def artist(session, storage):
    return making.artist(session, storage)


@pytest.fixture
def failed(session, storage, artist):
    """A style whose ten works were judged good, but whose training failed."""
    style = create(session, storage, artist)
    for work in works(session, style):
        storage.delete(work.upload_key)
        work.status, work.clean_key = ArtworkStatus.VALID, f"artworks/{work.id}.jpg"
        storage.put(work.clean_key, FILES[work.idx], content_type="image/jpeg")
    session.flush()
    fail(session, style)
    return style


def test_a_style_of_ten_files_waits_for_its_checks(session, storage, artist):
    style = create(session, storage, artist, new(tags=("Harbor", "boat", "ink harbor")))

    [job] = session.scalars(select(Job))
    [run] = session.scalars(select(TrainingRun))
    assert (style.training_status, style.name, style.price_tokens) == ("pending", "Ink Harbor", 120)
    assert style.tags == ["ink harbor", "harbor", "boat"]
    assert style.trigger == f"<style-{style.id % 64}>"
    assert style.valid_from == datetime.now(ZoneInfo("Asia/Seoul")).date()
    assert (job.kind, job.ref, job.step, job.state) == (
        "training",
        run.id,
        "validate_uploads",
        "queued",
    )
    assert run.confirmed_at is not None
    assert [work.tags[0] for work in works(session, style)] == ["ink harbor"] * 10


@pytest.mark.parametrize(
    "files, code",
    [
        (uploaded(FILES[:9]), "INSUFFICIENT_IMAGES"),
        (uploaded(FILES * 11)[:101], "TOO_MANY_IMAGES"),
        (uploaded([*FILES, images.png(511, 600)]), "IMAGE_RESOLUTION_TOO_LOW"),
        (uploaded([*FILES, images.gif()]), "INVALID_IMAGE_FORMAT"),
        (uploaded([*FILES, images.png_claiming(20_000, 20_000)]), "IMAGE_TOO_LARGE_PIXELS"),
        (uploaded([*FILES, images.heavy(10_485_761)]), "IMAGE_SIZE_EXCEEDED"),
        (uploaded([*FILES, FILES[0]]), "DUPLICATE_IMAGE"),
        ([*uploaded()[:9], UploadedImage("x.jpg", FILES[9], ("꽈배기",))], "INVALID_TAG_LANGUAGE"),
    ],
)
def test_a_bad_set_of_files_is_refused_whole(session, storage, artist, files, code):
    with pytest.raises(errors.DomainError) as refused, session.begin_nested():
        create(session, storage, artist, files=files)
    assert refused.value.code == code
    assert session.scalar(select(func.count()).select_from(Style)) == 0
    assert session.scalar(select(func.count()).select_from(Job)) == 0


@pytest.mark.parametrize(
    "change, code",
    [
        ({"name": "Кот"}, "INVALID_TAG_LANGUAGE"),
        ({"name": "Forbidden"}, "TAG_NOT_ALLOWED"),
        ({"tags": ("forbidden",)}, "TAG_NOT_ALLOWED"),
        ({"tags": ("꽈배기",)}, "INVALID_TAG_LANGUAGE"),
        ({"tags": tuple(f"tag {n}" for n in range(11))}, "VALIDATION_ERROR"),
    ],
)
def test_bad_words_are_refused_in_both_ways_of_making_a_style(
    session, storage, artist, change, code
):
    session.add(Tag(name="forbidden", is_flagged=True))
    session.flush()
    for make in (create, declare):
        with pytest.raises(errors.DomainError) as refused, session.begin_nested():
            make(session, storage, artist, new(**change))
        assert refused.value.code == code


@pytest.mark.parametrize(
    "files, code",
    [
        (declared(9), "INSUFFICIENT_IMAGES"),
        (declared(101), "TOO_MANY_IMAGES"),
        ([*declared(9), DeclaredFile("x.gif", 10, "image/gif")], "INVALID_IMAGE_FORMAT"),
        ([*declared(9), DeclaredFile("x.png", 10_485_761, "image/png")], "IMAGE_SIZE_EXCEEDED"),
    ],
)
def test_a_bad_declaration_is_refused_whole(session, storage, artist, files, code):
    with pytest.raises(errors.DomainError) as refused, session.begin_nested():
        declare(session, storage, artist, files=files)
    assert refused.value.code == code
    assert session.scalar(select(func.count()).select_from(Style)) == 0


@pytest.mark.parametrize("status", ["pending", "training", "completed"])
def test_an_artist_has_one_active_style(session, storage, artist, status):
    style = making.style(session, of=artist, training_status=status)
    with pytest.raises(errors.StyleLimitReached) as refused:
        create(session, storage, artist)
    assert refused.value.details == {"limit": 1, "style_id": style.id}


def test_a_style_that_was_switched_off_gives_its_slot_and_name_free(session, storage, artist):
    making.style(session, of=artist, name="Ink Harbor", is_active=False)
    assert create(session, storage, artist).name == "Ink Harbor"


def test_a_name_that_stands_on_certificates_stays_taken(session, storage, artist):
    used = making.style(session, of=artist, name="Ink Harbor")
    making.order(session, making.user(session), used)
    used.is_active = False
    session.flush()
    with pytest.raises(errors.DuplicateStyleName) as refused:
        create(session, storage, artist, new(name="INK harbor"))
    assert refused.value.details == {"style_id": used.id}
    assert create(session, storage, artist, new(name="Ink Harbor 2")).name == "Ink Harbor 2"


def test_a_failed_style_is_replaced_by_the_next_even_of_the_same_name(session, storage, artist):
    old = making.style(session, of=artist, name="ink HARBOR", training_status="failed")
    made = create(session, storage, artist)
    session.refresh(old)
    assert (old.is_active, made.is_active) == (False, True)


def test_two_artists_may_use_the_same_name(session, storage, artist):
    create(session, storage, artist)
    assert create(session, storage, making.artist(session))


def test_of_many_parallel_creations_of_one_artist_one_wins(committed, storage):
    with committed.begin() as session:
        artist = making.artist(session, storage)

    def make(number):
        def run():
            with committed.begin() as mine:
                mine_artist = mine.get(Artist, artist.user_id)
                declare(mine, storage, mine_artist, new(name=f"Style {number % 2}"))

        return run

    results = at_once(*[make(number) for number in range(8)])

    assert results.count(None) == 1
    refused = [result for result in results if result is not None]
    assert {type(result) for result in refused} == {errors.StyleLimitReached}


def test_a_declared_style_waits_for_its_files(session, storage, artist):
    style, places = declare(session, storage, artist)
    assert [place.idx for place in places] == list(range(10))
    assert session.scalar(select(func.count()).select_from(Job)) == 0

    for work in works(session, style)[:-1]:
        storage.put(work.upload_key, b"x", content_type="image/png")
    with pytest.raises(errors.UploadIncomplete) as refused:
        confirm(session, storage, style)
    assert refused.value.details["missing"] == [9]
    assert refused.value.details["uploads"][0].idx == 9

    storage.put(works(session, style)[-1].upload_key, b"x", content_type="image/png")
    confirm(session, storage, style)
    assert session.scalars(select(Job.step)).all() == ["validate_uploads"]


def confirm(session, storage, style, artist_id=None):
    return styles.confirm_upload(
        lambda: nullcontext(session),
        storage,
        artist_id=artist_id or style.artist_id,
        style_id=style.id,
        request_id="",
    )


def put_all(session, storage, style):
    for work in works(session, style):
        if work.clean_key is None:
            storage.put(work.upload_key, b"x", content_type="image/png")


def test_a_style_is_confirmed_once(session, storage, artist):
    style, _ = declare(session, storage, artist)
    put_all(session, storage, style)
    confirm(session, storage, style)
    with pytest.raises(errors.InvalidTransition):
        confirm(session, storage, style)
    with pytest.raises(errors.StyleNotFound):
        confirm(session, storage, style, artist_id=making.artist(session).user_id)


def test_parallel_confirmations_start_one_training(committed, storage):
    with committed.begin() as session:
        style, _ = declare(session, storage, making.artist(session, storage))
        put_all(session, storage, style)

    def run():
        with committed.begin() as mine:
            confirm(mine, storage, style)

    results = at_once(*[run] * 6)

    assert results.count(None) == 1
    assert {type(result) for result in results if result} == {errors.InvalidTransition}


def test_a_failed_style_is_trained_again_from_its_clean_copies(session, storage, failed):
    style, uploads = retrain(session, storage, failed)

    run = session.scalars(select(TrainingRun).order_by(TrainingRun.id.desc()).limit(1)).one()
    assert (style.training_status, uploads) == ("pending", [])
    assert making.job_of(session, run).step == "validate_uploads"
    assert {work.status for work in works(session, failed)} == {"pending"}


def test_a_retrain_takes_images_out_and_adds_others(session, storage, failed):
    first = works(session, failed)[0]
    more = UploadedImage("new.png", images.png(600, 600))
    retrain(session, storage, failed, remove=[first.id], add=[more])
    assert [(work.idx, work.is_removed) for work in works(session, failed)] == [
        (0, True),
        *[(idx, False) for idx in range(1, 11)],
    ]


def test_a_retrain_with_too_few_images_changes_nothing(session, storage, failed):
    ids = [work.id for work in works(session, failed)]
    with pytest.raises(image_errors.InsufficientImages), session.begin_nested():
        retrain(session, storage, failed, remove=ids[:1])
    session.refresh(failed)
    assert failed.training_status == "failed"


def test_a_retrain_with_declared_files_waits_only_for_those(session, storage, failed):
    style, uploads = retrain(session, storage, failed, files=declared(2))
    assert [upload.idx for upload in uploads] == [10, 11]
    with pytest.raises(errors.UploadIncomplete) as refused:
        confirm(session, storage, style)
    assert refused.value.details["missing"] == [10, 11]

    put_all(session, storage, style)
    confirm(session, storage, style)
    assert session.scalar(select(func.count()).select_from(TrainingRun)) == 2


@pytest.mark.parametrize(
    "status, error",
    [
        ("pending", errors.TrainingInProgress),
        ("training", errors.TrainingInProgress),
        ("completed", errors.InvalidTransition),
    ],
)
def test_only_a_failed_style_is_trained_again(session, storage, artist, status, error):
    style = making.style(session, of=artist, training_status=status)
    with pytest.raises(error):
        retrain(session, storage, style)


def test_a_replaced_style_is_not_trained_again(session, storage, artist):
    old = making.style(session, of=artist, training_status="failed")
    create(session, storage, artist)
    session.refresh(old)
    with pytest.raises(errors.InvalidTransition):
        retrain(session, storage, old)


def test_nobody_trains_anothers_style(session, storage, failed):
    with pytest.raises(errors.StyleNotFound):
        retrain_as(session, storage, making.artist(session).user_id, failed)


def test_parallel_retrains_start_one(committed, storage):
    with committed.begin() as session:
        style = create(session, storage, making.artist(session, storage))
        fail(session, style)

    def run():
        with committed.begin() as mine:
            retrain(mine, storage, style)

    results = at_once(*[run] * 5)

    assert results.count(None) == 1
    assert {type(result) for result in results if result} == {errors.TrainingInProgress}


def expire(session):
    session.execute(update(TrainingRun).values(uploads_expire_at=NOW - timedelta(seconds=1)))


def test_uploads_that_never_come_end_the_style_and_its_owner_is_told_once(session, storage, artist):
    style, _ = declare(session, storage, artist)
    assert styles.expire_unconfirmed(session) == 0
    expire(session)

    assert styles.expire_unconfirmed(session) == 1
    assert styles.expire_unconfirmed(session) == 0

    session.refresh(style)
    assert style.training_status == "failed"
    [told] = session.scalars(select(Notification))
    assert (told.type, told.recipient_id) == ("style_training_failed", artist.user_id)
    with pytest.raises(errors.InvalidTransition):
        confirm(session, storage, style)


def test_a_confirmed_training_never_expires(session, storage, artist):
    create(session, storage, artist)
    expire(session)
    assert styles.expire_unconfirmed(session) == 0


def test_a_confirmation_and_an_expiry_that_race_never_both_win(committed, storage):
    with committed.begin() as session:
        made = [declare(session, storage, making.artist(session, storage))[0] for _ in range(5)]
        for style in made:
            put_all(session, storage, style)
        expire(session)

    def confirm_one(style):
        def run():
            with committed.begin() as mine:
                confirm(mine, storage, style)

        return run

    def sweep():
        with committed.begin() as mine:
            return styles.expire_unconfirmed(mine)

    at_once(*[confirm_one(style) for style in made], sweep, sweep)

    with committed() as session:
        for style in made:
            status = session.get(Style, style.id).training_status
            started = session.scalar(
                select(func.count())
                .select_from(Job)
                .join(TrainingRun, TrainingRun.id == Job.ref)
                .where(TrainingRun.style_id == style.id)
            )
            assert (status, started) in {("pending", 1), ("failed", 0)}


def test_fences_of_a_retrain_go_on_where_the_last_run_stopped(session, storage, failed):
    [old] = session.scalars(select(Job))
    making.change_job(session, old.id, fence=7)
    retrain(session, storage, failed)
    new_job = session.scalars(select(Job).order_by(Job.id.desc()).limit(1)).one()
    lease = jobs.claim(session, new_job.id, "validate_uploads", 60)
    assert lease.fence == 8


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_statement_is_kept_word_for_word_with_its_version_and_time(
    session, storage, artist, language
):
    said = rights.statement(language)
    style = create(session, storage, artist, new(rights_statement=said))
    session.refresh(style)
    assert (style.rights_statement, style.rights_version) == (said, rights.VERSION)
    assert style.rights_agreed_at is not None


def test_a_statement_that_we_do_not_show_is_refused(session, storage, artist):
    with pytest.raises(errors.ValidationFailed) as refused:
        create(session, storage, artist, new(rights_statement="All is mine."))
    assert list(refused.value.details["fields"]) == ["rights_statement"]


def test_a_statement_is_whole_or_not_there(session, storage, artist):
    style = create(session, storage, artist)
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(update(Style).values(rights_version="1"))
    session.refresh(style)
    assert style.rights_statement is None


def cancel(session, run):
    style = session.get(Style, run.style_id)
    styles.cancel(session, artist_id=style.artist_id, style_id=style.id)
    session.refresh(style)
    return style


def test_a_waiting_training_is_stopped_and_its_slot_is_free(session, storage):
    run = making.training(session, storage)
    style = cancel(session, run)
    assert style.training_status == TrainingStatus.FAILED
    assert run.failure_cause == training.CANCELED
    assert making.job_of(session, run).state == JobState.CANCELED
    assert session.scalars(select(Notification)).all() == []
    other = create(session, storage, session.get(Artist, style.artist_id), new(name="Another"))
    assert other.training_status == TrainingStatus.PENDING


def test_the_worker_of_a_stopped_training_hears_of_it_and_changes_nothing(session, storage):
    run = making.training(session, storage, step="train_style")
    lease = jobs.claim(session, making.job_of(session, run).id, TaskName.TRAIN_STYLE, 60)
    cancel(session, run)
    heard = worker_protocol.progress(
        lambda: nullcontext(session),
        storage,
        JobKind.TRAINING,
        run.id,
        {"progress_percent": 50},
        attempt=None,
        fence=lease.fence,
    )
    assert (heard.applied, heard.reason) == (False, "terminal")
    assert run.progress is None


def test_a_stopped_training_can_be_trained_again(session, storage):
    run = making.training(session, storage)
    style = cancel(session, run)
    retrain(session, storage, style)
    assert style.training_status == TrainingStatus.PENDING
    assert session.scalar(select(func.count()).select_from(TrainingRun)) == 2


def test_the_wait_for_files_can_be_given_up(session, storage, artist):
    style, _ = declare(session, storage, artist)
    styles.cancel(session, artist_id=artist.user_id, style_id=style.id)
    session.refresh(style)
    assert style.training_status == TrainingStatus.FAILED
    assert declare(session, storage, artist, new(name="Another"))[0].id != style.id


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_what_has_ended_cannot_be_stopped(session, storage, artist, status):
    style = making.style(session, storage, of=artist, training_status=status)
    with pytest.raises(errors.InvalidTransition) as refused:
        styles.cancel(session, artist_id=artist.user_id, style_id=style.id)
    assert refused.value.details["from"] == status


def test_of_publishing_and_stopping_at_once_one_wins(committed, storage):
    with committed.begin() as session:
        run = making.training(session, storage, step="publish_style")
        session.execute(update(Style).values(training_status="training"))
        artist_id = session.get(Style, run.style_id).artist_id
        run_id, style_id = run.id, run.style_id
        lease = jobs.claim(session, making.job_of(session, run).id, TaskName.PUBLISH_STYLE, 60)

    def publish():
        with committed.begin() as mine:
            found = training.Publication(lease, "adapters/1", "a" * 64, [], None)
            training.publish(mine, found, sample_keys=[], thumbnail_key="thumbnails/1")

    def stop():
        with committed.begin() as mine:
            styles.cancel(mine, artist_id=artist_id, style_id=style_id)

    at_once(publish, stop)
    with committed() as session:
        style, job = session.get(Style, style_id), session.scalars(select(Job)).one()
        cause = session.get(TrainingRun, run_id).failure_cause
        assert (style.training_status, job.state, cause) in {
            ("completed", "done", None),
            ("failed", "canceled", training.CANCELED),
        }
