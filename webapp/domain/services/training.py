"""Training runs: verdicts on images, progress and losses, and the end of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from webapp.domain import jobs, pipelines
from webapp.domain.jobs import Lease
from webapp.domain.models.account import Artist
from webapp.domain.models.documents import LossPoint, Progress
from webapp.domain.models.job import JobKind, JobState
from webapp.domain.models.notification import NotificationType
from webapp.domain.models.outgoing_webhook import WebhookEvent
from webapp.domain.models.style import (
    Artwork,
    ArtworkStatus,
    PublishWhen,
    Style,
    TrainingStatus,
)
from webapp.domain.models.training import TrainingRun
from webapp.domain.services import (
    artworks,
    checkpoints,
    notifications,
    offers,
    outgoing_webhooks,
)
from webapp.domain.services.artworks import MIN_IMAGES, UnusableArtwork
from webapp.domain.services.checkpoints import MadeCheckpoint, SignedSamples
from webapp.domain.services.signatures import ArtistSignature

CANCELED = "CANCELED"


@dataclass(frozen=True)
class Upload:
    """One image that waits for its verdict: as it came, or the clean copy of an earlier run."""

    artwork_id: int
    idx: int
    key: str
    is_clean: bool


@dataclass(frozen=True)
class Verdict:
    """What validation found: a clean copy in storage, or the code of what is wrong.

    One that is nearly the same as another, the artwork `twin_idx`, has both.
    """

    artwork_id: int
    code: str | None = None
    clean_key: str | None = None
    width: int | None = None
    height: int | None = None
    sha256: str | None = None
    perceptual_hash: str | None = None
    twin_idx: int | None = None


@dataclass(frozen=True)
class MeasuredLoss:
    """The losses at one training step; `held_out` is None where it was not measured."""

    step: int
    training: float
    held_out: float | None = None


@dataclass(frozen=True)
class Unproved:
    """One checkpoint as its worker left it: an adapter to prove, and samples to sign."""

    checkpoint_id: int
    adapter_key: str
    adapter_sha256: str
    sample_keys: list[str]
    base_sample_keys: list[str]


@dataclass(frozen=True)
class Publication:
    """What publish_style needs: the checkpoints of the run, the earliest first."""

    lease: Lease
    checkpoints: list[Unproved]
    signature: ArtistSignature


def style_id_of(session: Session, run_id: int) -> int:
    """Return the style a run belongs to."""
    return session.scalars(select(TrainingRun.style_id).where(TrainingRun.id == run_id)).one()


def artist_of(session: Session, run_id: int) -> int:
    """Return the artist whose style a run trains."""
    style = Style.id == style_id_of(session, run_id)
    return session.scalars(select(Style.artist_id).where(style)).one()


def latest_run(session: Session, style_id: int) -> TrainingRun | None:
    """Return the newest run of a style."""
    return session.scalar(
        select(TrainingRun)
        .where(TrainingRun.style_id == style_id)
        .order_by(TrainingRun.id.desc())
        .limit(1)
    )


def uploads_to_validate(session: Session, lease: Lease) -> list[Upload]:
    """Return the images of a style that wait for a verdict, in order.

    A retrain judges the good ones of before again, because near duplicates are a property of the
    whole set.
    """
    rows = session.execute(
        select(Artwork.id, Artwork.idx, Artwork.upload_key, Artwork.clean_key)
        .where(
            Artwork.style_id == style_id_of(session, lease.ref),
            Artwork.status == ArtworkStatus.PENDING,
            Artwork.is_removed.is_(False),
        )
        .order_by(Artwork.idx)
    )
    return [
        Upload(row.id, row.idx, row.clean_key or row.upload_key, is_clean=bool(row.clean_key))
        for row in rows
    ]


def accepts_similar(session: Session, lease: Lease) -> bool:
    """Whether the artist wants all artworks used, also those that look nearly the same."""
    query = select(TrainingRun.accepts_similar).where(TrainingRun.id == lease.ref)
    return session.scalars(query).one()


def record_verdicts(session: Session, lease: Lease, verdicts: list[Verdict]) -> bool:
    """Store the verdicts; train on ten or more valid images, else end the run.

    Returns False when the fence is stale: then nothing is stored.
    """
    valid = sum(verdict.code is None for verdict in verdicts)
    similar = sum(verdict.code == artworks.SIMILAR for verdict in verdicts)
    if valid >= MIN_IMAGES:
        is_recorded = jobs.queue_next_step(session, lease)
    else:
        is_recorded = jobs.finish(session, lease.job_id, lease.fence, JobState.FAILED)
    if not is_recorded:
        return False
    for verdict in verdicts:
        session.execute(
            update(Artwork)
            .where(Artwork.id == verdict.artwork_id)
            .values(
                status=ArtworkStatus.REJECTED if verdict.code else ArtworkStatus.VALID,
                code=verdict.code,
                clean_key=verdict.clean_key,
                width=verdict.width,
                height=verdict.height,
                sha256=verdict.sha256,
                perceptual_hash=verdict.perceptual_hash,
                twin_idx=verdict.twin_idx,
            )
        )
    if valid < MIN_IMAGES:
        fail(
            session,
            lease.ref,
            "INSUFFICIENT_IMAGES",
            f"{valid} of {len(verdicts)} images are valid; {MIN_IMAGES} are needed."
            + (f" {similar} are nearly the same as others: see accept_similar." if similar else ""),
        )
    return True


def record_progress(
    session: Session,
    run_id: int,
    progress: Progress,
    *,
    losses: Sequence[MeasuredLoss],
    sample_keys: Sequence[str],
    checkpoint_key: str | None,
    checkpoint: MadeCheckpoint | None = None,
    unusable: Sequence[UnusableArtwork] = (),
) -> None:
    """Store the progress of a run for people, and the checkpoint at which a new worker resumes.

    What was reported before – sent twice, or learned again from a checkpoint – is not added again.
    """
    run = session.scalars(select(TrainingRun).where(TrainingRun.id == run_id)).one()
    last_step = max((point["step"] for point in run.loss_history), default=-1)
    run.progress = progress
    points = [_loss_point(loss) for loss in losses if loss.step > last_step]
    if points and sample_keys:
        points[-1]["sample_keys"] = list(sample_keys)
    run.loss_history = [*run.loss_history, *points]
    run.sample_keys = list(dict.fromkeys([*run.sample_keys, *sample_keys]))
    run.checkpoint_key = checkpoint_key or run.checkpoint_key
    session.flush()
    artworks.leave_out(session, run.style_id, unusable)
    if checkpoint is not None:
        checkpoints.record(session, run_id, checkpoint)


def _loss_point(loss: MeasuredLoss) -> LossPoint:
    point: LossPoint = {"step": loss.step, "loss": loss.training}
    if loss.held_out is not None:
        point["held_out_loss"] = loss.held_out
    return point


def publication(session: Session, lease: Lease) -> Publication:
    """Return what publish_style needs of the run and the artist."""
    run = session.scalars(select(TrainingRun).where(TrainingRun.id == lease.ref)).one()
    artist = session.scalars(
        select(Artist)
        .join(Style, Style.artist_id == Artist.user_id)
        .where(Style.id == run.style_id)
    ).one()
    return Publication(
        lease=lease,
        checkpoints=[
            Unproved(
                checkpoint_id=each.id,
                adapter_key=each.adapter_key or "",
                adapter_sha256=each.adapter_sha256,
                sample_keys=each.sample_keys,
                base_sample_keys=each.base_sample_keys,
            )
            for each in checkpoints.of_run(session, lease.ref)
        ],
        signature=ArtistSignature.of(artist),
    )


def publish(
    session: Session, publication: Publication, signed: Mapping[int, SignedSamples]
) -> bool:
    """Show the artist what was learned, or put it on sale if the artist chose so; one commit.

    `signed` are the samples of each checkpoint, named by its id. What went on sale by itself is
    the last checkpoint, with its first sample as the cover.
    """
    lease = publication.lease
    if not jobs.finish(session, lease.job_id, lease.fence, JobState.DONE):
        return False
    run = session.scalars(select(TrainingRun).where(TrainingRun.id == lease.ref)).one()
    checkpoints.show(session, signed)
    last = checkpoints.of_run(session, run.id)[-1]
    run.adapter_key = last.adapter_key
    run.adapter_sha256 = last.adapter_sha256
    run.progress = None
    run.checkpoint_key = None  # an ended run is not resumed: its object is garbage
    run.finished_at = func.clock_timestamp()
    session.flush()
    checkpoints.forget_earlier(session, run)
    style = session.get_one(Style, run.style_id, with_for_update=True, populate_existing=True)
    style.base_model_sha256 = lease.handover.get("base_model_sha256", style.base_model_sha256)
    if style.publish == PublishWhen.WHEN_TRAINED:
        offers.put_on_sale(session, style, last, cover=0)
        _notify_artist(session, style, run, NotificationType.STYLE_TRAINING_COMPLETE)
        _tell_trained(session, style, is_on_sale=True)
        return True
    style.thumbnail_key = last.thumbnail_keys[0]
    session.flush()
    pipelines.advance_style(session, style.id, TrainingStatus.TRAINED)
    _notify_artist(session, style, run, NotificationType.STYLE_TRAINED)
    _tell_trained(session, style, is_on_sale=False)
    return True


def retry(session: Session, run_id: int, cause: str, *, attempt: int) -> None:
    """Show a run as waiting for its next attempt; a checkpoint that was refused is forgotten."""
    run = session.scalars(select(TrainingRun).where(TrainingRun.id == run_id)).one()
    run.attempt = attempt
    run.progress = None
    if cause == "ADAPTER_MISMATCH":
        run.checkpoint_key = None
    pipelines.advance_style(session, run.style_id, TrainingStatus.PENDING)


def fail(session: Session, run_id: int, cause: str, message: str) -> None:
    """End a run for good and tell the artist.

    The style's slot is free again, unless an earlier run ended well: then what that one learned
    stays, and the style is trained as before.
    """
    run = session.scalars(select(TrainingRun).where(TrainingRun.id == run_id)).one()
    if not _end_badly(session, run.style_id):
        return
    run.failure_cause = cause
    run.failure_message = message
    run.progress = None
    run.checkpoint_key = None  # an ended run is not resumed: its object is garbage
    run.finished_at = func.clock_timestamp()
    style = session.scalars(select(Style).where(Style.id == run.style_id)).one()
    _notify_artist(session, style, run, NotificationType.STYLE_TRAINING_FAILED)
    outgoing_webhooks.tell(
        session,
        style.artist_id,
        WebhookEvent.STYLE_TRAINING_FAILED,
        {"style_id": style.id, "cause": cause},
    )


def cancel(session: Session, run: TrainingRun) -> bool:
    """End a run because its artist wants so; False when it has ended already."""
    # In the order of every worker's report: the job, the run, the style.
    jobs.cancel(session, JobKind.TRAINING, run.id)
    session.refresh(run, with_for_update=True)
    if not _end_badly(session, run.style_id):
        return False
    run.failure_cause = CANCELED
    run.failure_message = "Stopped by the artist."
    run.progress = None
    run.checkpoint_key = None  # an ended run is not resumed: its object is garbage
    run.finished_at = func.clock_timestamp()
    session.flush()
    return True


def _end_badly(session: Session, style_id: int) -> bool:
    """Move a style to where a run leaves it that learned nothing; False if it had ended before."""
    is_trained = checkpoints.trained_run(session, style_id) is not None
    status_query = select(Style.training_status).where(Style.id == style_id).with_for_update()
    if session.scalar(status_query) not in {TrainingStatus.PENDING, TrainingStatus.TRAINING}:
        return False
    to = TrainingStatus.TRAINED if is_trained else TrainingStatus.FAILED
    return pipelines.advance_style(session, style_id, to)


def _tell_trained(session: Session, style: Style, *, is_on_sale: bool) -> None:
    outgoing_webhooks.tell(
        session,
        style.artist_id,
        WebhookEvent.STYLE_TRAINED,
        {"style_id": style.id, "is_on_sale": is_on_sale},
    )


def _notify_artist(
    session: Session, style: Style, run: TrainingRun, kind: NotificationType
) -> None:
    notifications.notify(
        session,
        style.artist_id,
        kind,
        target_type="style",
        target_id=style.id,
        event=f"run:{run.id}",
    )
