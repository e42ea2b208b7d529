import hashlib
import io
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image
from sqlalchemy import func, select

from celery_config import TaskName
from tests import making
from webapp.domain import due_jobs, jobs
from webapp.domain.errors import (
    GenerationNotFound,
    ServiceUnavailable,
    StyleNotFound,
    StyleOutdated,
)
from webapp.domain.gains import MeasuredGain
from webapp.domain.models.generation import AspectRatio, GenerationStatus
from webapp.domain.models.job import JobKind, JobState
from webapp.domain.models.style import Artwork, Style
from webapp.domain.models.training import TrainingRun
from webapp.domain.services import (
    checkpoints,
    ledger,
    styles,
    training,
    worker_protocol,
    worker_results,
)
from webapp.domain.services.artworks import UnusableArtwork
from webapp.domain.services.training import MeasuredLoss
from webapp.domain.services.worker_protocol import TrainingUpdate
from webapp.domain.services.worker_results import (
    RenderedImage,
    ReportedCheckpoint,
    TrainedAdapter,
)

NOW = func.clock_timestamp()
GENERATION, TRAINING = JobKind.GENERATION, JobKind.TRAINING


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def claim(session, storage, kind=GENERATION, *, limit=1, job_id=None):
    return worker_protocol.claim(session, storage, kinds=[kind], limit=limit, job_id=job_id)


class Renderer:
    """A worker that claimed one image and can say anything about it."""

    def __init__(self, session, storage, image):
        self.session, self.storage, self.image = session, storage, image
        [self.job] = claim(session, storage, job_id=making.job_of(session, image).id)

    @property
    def fence(self):
        return self.job.fence

    def put(self, data):
        key = self.job.upload["image"].key
        self.storage.put(key, data, content_type="image/png")
        return key

    def complete(self, data=None, *, fence=None, attempt=None, **changes):
        data = data or making.picture_png(self.image.width, self.image.height)
        key = self.put(data)
        image = RenderedImage(
            key=key,
            sha256=sha256(data),
            width=self.image.width,
            height=self.image.height,
            adapter_sha256=making.ADAPTER_SHA256,
        )
        return worker_results.complete_generation(
            lambda: nullcontext(self.session),
            self.storage,
            self.image.id,
            attempt=attempt,
            fence=None if attempt else fence or self.fence,
            image=replace(image, **changes),
        )

    def progress(self, percent, **more):
        return worker_protocol.progress(
            lambda: nullcontext(self.session),
            self.storage,
            GENERATION,
            self.image.id,
            {"current_step": percent, "progress_percent": percent} | more,
            attempt=None,
            fence=self.fence,
        )

    def failed(self, cause="GPU_OOM"):
        return worker_protocol.failed(
            self.session,
            GENERATION,
            self.image.id,
            attempt=None,
            fence=self.fence,
            cause=cause,
            message="",
        )


@pytest.fixture
def image(session, storage):
    return making.generation(session, storage)


@pytest.fixture
def renderer(session, storage, image):
    return Renderer(session, storage, image)


def lose(session, image):
    """The worker falls silent; the relay takes its job back."""
    making.change_job(
        session, making.job_of(session, image).id, lease_until=NOW - timedelta(days=1)
    )
    due_jobs.requeue_expired(session)


def test_a_claim_gives_up_to_the_limit_of_one_size_oldest_first(session, storage):
    buyer, style = making.user(session, tokens=500), making.style(session, storage)
    squares = making.order(session, buyer, style, count=3)
    making.order(session, buyer, style, aspect_ratio=AspectRatio.PORTRAIT)
    more = making.order(session, buyer, making.style(session, storage), count=2)

    claimed = claim(session, storage, limit=4)

    assert [job.payload.generation_id for job in claimed] == [row.id for row in [*squares, more[0]]]
    assert len({job.payload.adapter_sha256 for job in claimed}) == 1  # same test adapter
    for row in squares:
        session.refresh(row)
        assert row.status == GenerationStatus.PROCESSING


def test_a_stale_message_claims_nothing(session, storage, renderer):
    assert claim(session, storage, job_id=renderer.job.job_id) == []
    assert claim(session, storage) == []
    assert claim(session, storage, TRAINING) == []


def test_a_worker_of_several_kinds_gets_work_of_one(session, storage, image):
    run = making.training(session, storage, step=TaskName.TRAIN_STYLE)
    claimed = worker_protocol.claim(
        session, storage, kinds=[TRAINING, GENERATION], limit=8, job_id=None
    )
    assert [(job.kind, job.payload.training_run_id) for job in claimed] == [("training", run.id)]


def test_with_storage_away_nothing_is_claimed_and_no_try_is_used_up(
    session, storage, image, tmp_path
):
    (tmp_path / "objects").rename(tmp_path / "gone")
    with pytest.raises(ServiceUnavailable):
        claim(session, storage)
    job = making.job_of(session, image)
    assert (job.state, job.tries, job.fence) == (JobState.QUEUED, 0, 0)


def test_a_result_is_handed_on_to_stamping(session, image, renderer):
    answer = renderer.complete()

    job = making.job_of(session, image)
    assert (answer.applied, answer.status, answer.rejected) == (True, "processing", None)
    assert (job.step, job.state) == (TaskName.STAMP_SIGNATURE, JobState.QUEUED)
    assert job.handover["raw_key"] == renderer.job.upload["image"].key


def test_a_result_sent_again_is_a_duplicate(session, image, renderer):
    renderer.complete()
    answer = renderer.complete()
    assert (answer.applied, answer.reason) == (False, "duplicate")
    assert renderer.failed().reason == "duplicate"
    assert renderer.progress(99).reason == "duplicate"


def test_after_the_end_every_report_is_told_so(session, image, renderer):
    renderer.failed("INVALID_PROMPT")
    for answer in (renderer.complete(), renderer.failed(), renderer.progress(50)):
        assert (answer.applied, answer.reason, answer.status) == (False, "terminal", "failed")
    assert ledger.balances(session, image.user_id).spendable == 100


def test_a_lost_worker_is_stale_while_nobody_and_while_somebody_has_its_job(
    session, storage, image, renderer
):
    lose(session, image)
    assert renderer.complete().reason == "stale_attempt"

    second = Renderer(session, storage, image)
    assert second.fence > renderer.fence
    assert renderer.complete().reason == "stale_attempt"
    assert renderer.progress(99).reason == "stale_attempt"
    assert renderer.failed("INVALID_PROMPT").reason == "stale_attempt"

    assert second.complete().applied


def test_a_lost_workers_file_cannot_stand_for_the_new_ones(session, storage, image, renderer):
    stolen = renderer.put(making.picture_png())
    lose(session, image)
    second = Renderer(session, storage, image)

    answer = second.complete(key=stolen)

    assert answer.rejected == "file_missing"


@pytest.mark.parametrize(
    "changes, reason, cause",
    [
        ({"adapter_sha256": "f" * 64}, "adapter_mismatch", "ADAPTER_MISMATCH"),
        ({"width": 1024}, "wrong_size", "NETWORK"),
        ({"height": 511}, "wrong_size", "NETWORK"),
        ({"data": making.picture_png(512, 1024)}, "wrong_size", "NETWORK"),
        ({"sha256": "0" * 64}, "file_missing", "NETWORK"),
        ({"key": "raw/other.png"}, "file_missing", "NETWORK"),
        ({"data": b"no image at all"}, "file_missing", "NETWORK"),
        ({"data": making.picture_png()[:3000]}, "file_missing", "NETWORK"),
        ({"data": b"\x89PNG\r\n\x1a\n" + bytes(200)}, "file_missing", "NETWORK"),
    ],
)
def test_a_result_that_breaks_a_guarantee_counts_as_a_failed_attempt(
    session, image, renderer, changes, reason, cause
):
    answer = renderer.complete(**changes)

    job = making.job_of(session, image)
    session.refresh(image)
    assert (answer.applied, answer.rejected) == (False, reason)
    assert (job.failure_cause, job.tries, job.step) == (cause, 1, TaskName.RENDER_IMAGES)
    assert image.status == GenerationStatus.RETRYING
    assert ledger.balances(session, image.user_id) == ledger.Balances(90, 10, 0)


def blank(value):
    stream = io.BytesIO()
    Image.new("RGB", (512, 512), value).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("value", [(0, 0, 0), (255, 255, 255), (120, 90, 30)])
def test_a_blank_image_is_never_sold(session, image, renderer, value):
    answer = renderer.complete(blank(value))

    session.refresh(image)
    assert answer.rejected == "blank_image"
    assert (image.status, image.failure_cause) == ("failed", "SAFETY_BLOCKED")
    assert ledger.balances(session, image.user_id).spendable == 100


def test_a_file_that_was_never_put_is_missing(session, image, renderer):
    key = renderer.job.upload["image"].key
    answer = renderer.complete(key=f"{key}x.png")
    assert answer.rejected == "file_missing"


def test_four_broken_results_end_the_image_refunded(session, storage, image):
    for _ in range(4):
        making.change_job(session, making.job_of(session, image).id, run_at=NOW)
        answer = Renderer(session, storage, image).complete(adapter_sha256="f" * 64)
        assert answer.rejected == "adapter_mismatch"
    session.refresh(image)
    assert (image.status, image.failure_cause) == ("failed", "ADAPTER_MISMATCH")
    assert making.violations(session) == []


def test_progress_renews_the_lease_only_while_it_rises(session, image, renderer):
    def lease_end():
        return making.job_of(session, image).lease_until

    assert renderer.progress(10).applied
    first = lease_end()
    assert renderer.progress(10).reason == "duplicate"
    assert renderer.progress(5).reason == "duplicate"
    assert lease_end() == first
    assert renderer.progress(50).applied
    assert lease_end() > first
    session.refresh(image)
    assert image.progress["progress_percent"] == 50


def test_progress_is_merged_and_dated(session, image, renderer):
    renderer.progress(10, estimated_seconds=9)
    renderer.progress(20)
    session.refresh(image)
    assert image.progress["estimated_seconds"] == 9
    assert image.progress["current_step"] == 20
    assert image.progress["last_updated"].endswith("Z")


def test_the_answer_to_progress_says_that_a_cancel_was_asked_for(session, image, renderer):
    assert renderer.progress(10).cancel_requested is False
    jobs.cancel_waiting(session, GENERATION, image.id)
    assert renderer.progress(20).cancel_requested is True


def test_a_caller_without_a_fence_names_the_attempt(session, storage, image):
    answer = worker_protocol.progress(
        lambda: nullcontext(session),
        storage,
        GENERATION,
        image.id,
        {"progress_percent": 5},
        attempt=1,
        fence=None,
    )
    assert (answer.applied, answer.status) == (True, "processing")
    assert making.job_of(session, image).state == JobState.RUNNING

    late = worker_protocol.failed(
        session, GENERATION, image.id, attempt=2, fence=None, cause="GPU_OOM", message=""
    )
    assert late.reason == "stale_attempt"


def test_a_caller_without_a_fence_can_fail_an_image_for_good_three_times_over(session, image):
    answers = [
        worker_protocol.failed(
            session, GENERATION, image.id, attempt=1, fence=None, cause="INVALID_PROMPT", message=""
        )
        for _ in range(3)
    ]
    assert [answer.reason for answer in answers] == [None, "terminal", "terminal"]
    assert ledger.balances(session, image.user_id) == ledger.Balances(100, 0, 0)


def test_a_retry_that_is_not_due_is_not_begun_by_a_report(session, storage, image, renderer):
    renderer.failed()
    making.change_job(session, renderer.job.job_id, run_at=NOW + timedelta(seconds=30))
    answer = worker_protocol.progress(
        lambda: nullcontext(session),
        storage,
        GENERATION,
        image.id,
        {"progress_percent": 5},
        attempt=2,
        fence=None,
    )
    assert (answer.applied, answer.reason) == (False, "stale_attempt")


def test_reports_about_nothing_are_not_found(session, storage, environment):
    with pytest.raises(GenerationNotFound):
        worker_protocol.progress(
            lambda: nullcontext(session), storage, GENERATION, 10**9, {}, attempt=1, fence=None
        )
    with pytest.raises(StyleNotFound):
        worker_protocol.style_run(session, 10**9)


# ── training ─────────────────────────────────────────────────────────────────────────────────


class Trainer:
    def __init__(self, session, storage, run):
        self.session, self.storage, self.run = session, storage, run
        [self.job] = claim(session, storage, TRAINING, job_id=making.job_of(session, run).id)

    def put(self, name, data=b"bytes"):
        key = self.job.upload[name].key
        self.storage.put(key, data, content_type="application/octet-stream")
        return key

    def progress(self, percent, **update):
        return worker_protocol.progress(
            lambda: nullcontext(self.session),
            self.storage,
            TRAINING,
            self.run.id,
            {"current_epoch": 1, "progress_percent": percent},
            attempt=None,
            fence=self.job.fence,
            update=TrainingUpdate(**update),
        )

    def complete(self, **changes):
        adapter = TrainedAdapter(
            key=self.put("adapter", making.ADAPTER),
            sha256=making.ADAPTER_SHA256,
            base_model_sha256=None,
            metric={"loss": 0.1, "epochs": 5},
            sample_keys=[self.put(f"sample-{k:03}") for k in range(6)],
        )
        return worker_results.complete_training(
            lambda: nullcontext(self.session),
            self.storage,
            self.run.id,
            attempt=None,
            fence=self.job.fence,
            adapter=replace(adapter, **changes),
        )


@pytest.fixture
def run(session, storage):
    return making.training(session, storage, step=TaskName.TRAIN_STYLE)


@pytest.fixture
def trainer(session, storage, run):
    return Trainer(session, storage, run)


def test_a_slice_that_ends_leaves_its_checkpoint_to_whoever_goes_on(session, storage, run, trainer):
    checkpoint = trainer.put("checkpoint")
    trainer.progress(40, checkpoint_key=checkpoint, losses=(MeasuredLoss(10, 0.5),))
    assert trainer.progress(40, slice_ended=True).applied

    job = making.job_of(session, run)
    assert (job.state, job.step, job.tries) == (JobState.QUEUED, TaskName.TRAIN_STYLE, 0)
    following = Trainer(session, storage, run)
    assert following.job.fence > trainer.job.fence
    assert checkpoint in following.job.download["checkpoint"]
    assert session.get(Style, run.style_id).training_status == "training"


def test_losses_and_samples_reported_twice_are_kept_once(session, run, trainer):
    losses = tuple(MeasuredLoss(step, 1 / step) for step in (10, 20))
    sample = trainer.put("sample-000")
    trainer.progress(10, losses=losses, sample_keys=(sample,))
    trainer.progress(10, losses=losses, sample_keys=(sample,))
    trainer.progress(20, losses=(MeasuredLoss(20, 0.05), MeasuredLoss(30, 0.03)))

    session.refresh(run)
    assert [point["step"] for point in run.loss_history] == [10, 20, 30]
    assert run.sample_keys == [sample]


def test_what_is_shown_never_falls_back_though_a_resumed_run_does(session, run, trainer):
    trainer.progress(60, losses=(MeasuredLoss(60, 0.1),))
    trainer.progress(50, losses=(MeasuredLoss(61, 0.1),))
    session.refresh(run)
    assert run.progress["progress_percent"] == 60
    assert trainer.progress(60).reason == "duplicate"


def test_a_trained_adapter_goes_on_to_publishing_with_its_last_samples(session, run, trainer):
    assert trainer.complete().applied

    job = making.job_of(session, run)
    session.refresh(run)
    assert (job.step, job.state) == (TaskName.PUBLISH_STYLE, JobState.QUEUED)
    [last] = checkpoints.of_run(session, run.id)
    assert (last.adapter_sha256, last.adapter_size) == (making.ADAPTER_SHA256, len(making.ADAPTER))
    assert len(last.sample_keys) == 4
    assert run.metric == {"loss": 0.1, "epochs": 5}
    assert session.get(Style, run.style_id).training_status == "training"
    assert trainer.complete().reason == "duplicate"


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "f" * 64},
        {"key": "training/other/1-x.safetensors"},
        {"sample_keys": []},
        {"sample_keys": ["training/999999/1-x.png"]},
        {"sample_keys": ["artworks/1.png"]},
    ],
)
def test_an_adapter_or_samples_that_are_not_there_count_as_a_failed_attempt(
    session, run, trainer, changes
):
    answer = trainer.complete(**changes)
    job = making.job_of(session, run)
    assert (answer.applied, answer.rejected) == (False, "file_missing")
    assert (job.step, job.tries) == (TaskName.TRAIN_STYLE, 1)


def made(trainer, step, *, number=None, **changes):
    number = step // 50 if number is None else number
    adapter = making.ADAPTER + str(step).encode()
    checkpoint = ReportedCheckpoint(
        step=step,
        adapter_key=trainer.put(f"style-{number:03}", adapter),
        adapter_sha256=sha256(adapter),
        sample_keys=[trainer.put(f"sample-{4 * number + k:03}") for k in range(4)],
        base_sample_keys=[trainer.put(f"base-{k:03}") for k in range(4)],
        held_out_loss=1 / step,
        gain=MeasuredGain(palette=0.9, texture=0.5, edges=0.1),
    )
    return replace(checkpoint, **changes)


def test_the_last_three_checkpoints_of_a_training_are_kept(session, run, trainer):
    for step in (50, 100, 150, 200):
        assert trainer.progress(step / 3, checkpoint=made(trainer, step)).applied

    kept = checkpoints.of_run(session, run.id)
    assert [each.step for each in kept] == [100, 150, 200]
    assert [each.adapter_size for each in kept] == [len(making.ADAPTER) + 3] * 3
    assert (kept[0].held_out_loss, kept[0].gain_palette, kept[0].gain_edges) == (0.01, 0.9, 0.1)
    base_samples = [trainer.job.upload[f"base-{k:03}"].key for k in range(checkpoints.SAMPLES)]
    assert [each.base_sample_keys for each in kept] == [base_samples] * 3


def test_a_worker_of_before_has_no_samples_of_the_base_model(session, run, trainer):
    assert trainer.progress(10, checkpoint=made(trainer, 50, base_sample_keys=[])).applied
    assert [each.base_sample_keys for each in checkpoints.of_run(session, run.id)] == [[]]


def test_samples_of_the_base_model_for_some_samples_only_count_as_a_failed_attempt(
    session, run, trainer
):
    checkpoint = made(trainer, 50)
    fewer = replace(checkpoint, base_sample_keys=checkpoint.base_sample_keys[1:])
    assert trainer.progress(10, checkpoint=fewer).rejected == "file_missing"
    assert checkpoints.of_run(session, run.id) == []


def test_a_checkpoint_reported_twice_or_made_again_by_another_worker_is_kept_once(
    session, storage, run, trainer
):
    for step in (50, 100):
        trainer.progress(step / 3, checkpoint=made(trainer, step))
    trainer.progress(100 / 3, checkpoint=made(trainer, 100))
    trainer.progress(40, slice_ended=True)
    following = Trainer(session, storage, run)
    following.progress(20, checkpoint=made(following, 50))

    kept = checkpoints.of_run(session, run.id)
    assert [each.step for each in kept] == [50]
    assert kept[0].adapter_key == following.job.upload["style-001"].key


def test_the_result_of_a_training_is_its_last_checkpoint(session, run, trainer):
    last = made(trainer, 50)
    trainer.progress(99, checkpoint=last)
    done = trainer.complete(
        key=last.adapter_key, sha256=last.adapter_sha256, sample_keys=last.sample_keys
    )
    assert done.applied
    [kept] = checkpoints.of_run(session, run.id)
    assert (kept.step, kept.adapter_key, kept.gain_texture) == (50, last.adapter_key, 0.5)


@pytest.mark.parametrize(
    "changes",
    [
        {"adapter_sha256": "f" * 64},
        {"adapter_key": "training/other/1-x.safetensors"},
        {"sample_keys": ["training/other/1-x.png"]},
        {"base_sample_keys": ["training/other/1-x.png"] * 4},
    ],
)
def test_a_checkpoint_whose_files_are_not_there_counts_as_a_failed_attempt(
    session, run, trainer, changes
):
    answer = trainer.progress(10, checkpoint=made(trainer, 50, **changes))
    assert (answer.applied, answer.rejected) == (False, "file_missing")
    assert making.job_of(session, run).tries == 1
    assert checkpoints.of_run(session, run.id) == []


FOREIGN = [
    "artworks/01J0000000000000000000WORK.png",
    "training/999999/1-x.png",
    "{prefix}x/../../secret.png",
    "{prefix}" + "x" * 255,
    "",
]


@pytest.mark.parametrize("name", ["sample_keys", "checkpoint_key"])
@pytest.mark.parametrize("foreign", FOREIGN)
def test_a_report_that_names_what_is_not_its_own_counts_as_a_failed_attempt(
    session, run, trainer, name, foreign
):
    own = trainer.put("sample-000")
    key = foreign.format(prefix=own[: own.index("-") + 1])
    value = (own, key) if name == "sample_keys" else key or " "
    answer = trainer.progress(10, losses=(MeasuredLoss(10, 0.5),), **{name: value})
    assert (answer.applied, answer.rejected) == (False, "file_missing")
    session.refresh(run)
    assert (run.sample_keys, run.checkpoint_key, run.loss_history) == ([], None, [])
    assert making.job_of(session, run).tries == 1


def test_a_worker_names_nothing_of_the_lease_before_its_own(session, storage, run, trainer):
    before = trainer.put("sample-000")
    trainer.progress(40, sample_keys=(before,), slice_ended=True)
    following = Trainer(session, storage, run)
    assert following.complete(sample_keys=[before]).rejected == "file_missing"


def test_a_worker_may_upload_as_many_samples_as_are_asked_of_it(trainer):
    count = trainer.job.payload.sample_count
    names = sorted(trainer.job.upload)
    styles_ = [name for name in names if name.startswith("style-")]
    samples = [name for name in names if name.startswith("sample-")]
    assert count == checkpoints.SAMPLES
    assert len(samples) == count * len(styles_)


def test_the_zombie_of_a_failed_run_cannot_touch_the_retrain_of_its_style(session, storage, run):
    """Workers report by style, so the fences of a later run go on where the earlier stopped."""
    zombie = Trainer(session, storage, run)
    worker_protocol.failed(
        session,
        TRAINING,
        run.id,
        attempt=None,
        fence=zombie.job.fence,
        cause="LOW_QUALITY_DATA",
        message="",
    )
    style = session.get(Style, run.style_id)
    session.refresh(style)
    styles.retrain(
        session,
        storage,
        artist_id=style.artist_id,
        style_id=style.id,
        remove_artwork_ids=[],
        stored=[],
        files=[],
        request_id="",
    )
    current = session.get(TrainingRun, worker_protocol.style_run(session, style.id))
    assert current.id != run.id
    making.change_job(session, making.job_of(session, current).id, step=TaskName.TRAIN_STYLE)
    Trainer(session, storage, current)

    answer = worker_protocol.failed(
        session,
        TRAINING,
        current.id,
        attempt=None,
        fence=zombie.job.fence,
        cause="INVALID_PROMPT",
        message="",
    )

    assert answer.reason == "stale_attempt"


def test_trainings_of_one_base_model_are_claimed_together(session, storage, run):
    mate, other = (making.training(session, storage, step=TaskName.TRAIN_STYLE) for _ in range(2))
    making.change_job(session, making.job_of(session, other).id, batch_key="sd15")
    claimed = claim(session, storage, TRAINING, limit=8)
    assert [job.job_id for job in claimed] == [
        making.job_of(session, each).id for each in (run, mate)
    ]


def test_every_style_has_one_current_run(session, run):
    newer = TrainingRun(style_id=run.style_id, seed=2)
    session.add(newer)
    session.flush()
    assert worker_protocol.style_run(session, run.style_id) == newer.id
    assert session.scalar(select(func.count()).select_from(TrainingRun)) == 2


def state_of_works(session, run):
    works = session.scalars(
        select(Artwork).where(Artwork.style_id == run.style_id).order_by(Artwork.idx)
    )
    return [(work.status, work.code) for work in works]


LEFT_OUT = (UnusableArtwork("work-003", "IMAGE_BLANK"),)
ELEVEN_OF_TWELVE = [("valid", None)] * 3 + [("rejected", "IMAGE_BLANK")] + [("valid", None)] * 8


def test_a_work_that_a_training_left_out_is_named_and_not_sent_again(session, storage):
    run = making.training(session, storage, works=12, step=TaskName.TRAIN_STYLE)
    trainer = Trainer(session, storage, run)
    assert trainer.job.payload.least_works == 10
    for percent in (1, 2):
        trainer.progress(percent, unusable=LEFT_OUT)
    assert state_of_works(session, run) == ELEVEN_OF_TWELVE
    trainer.progress(3, slice_ended=True)
    again = Trainer(session, storage, run)
    assert [work.name for work in again.job.payload.works] == [
        f"work-{idx:03}" for idx in range(12) if idx != 3
    ]


def test_a_training_that_fails_for_its_works_names_them(session, storage):
    run = making.training(session, storage, works=12, step=TaskName.TRAIN_STYLE)
    trainer = Trainer(session, storage, run)
    worker_protocol.failed(
        session,
        TRAINING,
        run.id,
        attempt=None,
        fence=trainer.job.fence,
        cause="LOW_QUALITY_DATA",
        message="",
        unusable=[*LEFT_OUT, UnusableArtwork("checkpoint", "X"), UnusableArtwork("", "X")],
    )
    assert state_of_works(session, run) == ELEVEN_OF_TWELVE


def test_a_time_left_that_is_no_longer_known_is_no_longer_shown(session, storage, run, trainer):
    report = {"current_epoch": 1, "progress_percent": 30, "estimated_seconds": 90}
    held = {"attempt": None, "fence": trainer.job.fence}
    worker_protocol.progress(
        lambda: nullcontext(session), storage, TRAINING, run.id, report, **held
    )
    session.refresh(run)
    assert run.progress["estimated_seconds"] == 90
    trainer.progress(31)
    session.refresh(run)
    assert "estimated_seconds" not in run.progress


def test_the_weights_of_a_trained_style_are_recorded(session, run, trainer):
    assert trainer.complete(base_model_sha256="c" * 64).applied
    # until it is published, the style is what it learned before
    assert session.get(Style, run.style_id).base_model_sha256 is None
    lease = jobs.claim(session, making.job_of(session, run).id, TaskName.PUBLISH_STYLE, 60)
    found = training.publication(session, lease)
    assert training.publish(session, found, making.signed(found))
    assert session.get(Style, run.style_id).base_model_sha256 == "c" * 64


def test_a_claim_says_which_weights_are_loaded(session, storage):
    style = making.style(session, storage, base_model_sha256="a" * 64)
    worker_protocol.claim(
        session,
        storage,
        kinds=[GENERATION],
        limit=1,
        job_id=None,
        base_model="built-in",
        base_model_sha256="b" * 64,
    )
    with pytest.raises(StyleOutdated):
        making.order(session, making.user(session), style)


def test_an_order_that_a_renderer_refuses_as_outdated_ends_at_once_and_is_refunded(
    session, image, renderer
):
    renderer.failed("STYLE_OUTDATED")
    session.refresh(image)
    assert (image.status, image.failure_cause) == (GenerationStatus.FAILED, "STYLE_OUTDATED")
    assert ledger.spendable(session, image.user_id) == 100
