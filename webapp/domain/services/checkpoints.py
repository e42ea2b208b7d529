"""Checkpoints: the last ones of a training are kept, and one of them is what a style sells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from webapp.domain.errors import (
    FieldProblem,
    ValidationFailed,
)
from webapp.domain.gains import MeasuredGain
from webapp.domain.models.checkpoint import Checkpoint
from webapp.domain.models.training import TrainingRun

KEPT = 3  # of one training
SAMPLES = 4  # drawn at every checkpoint


@dataclass(frozen=True)
class MadeCheckpoint:
    """What a worker made at one step: a style file, and samples drawn with it and without."""

    step: int
    adapter_key: str
    adapter_sha256: str
    adapter_size: int
    sample_keys: list[str]
    base_sample_keys: list[str] = field(default_factory=list)
    held_out_loss: float | None = None
    gain: MeasuredGain | None = None


@dataclass(frozen=True)
class SignedSamples:
    """The samples of one checkpoint with the artist's signature, and a thumbnail of each.

    The base samples are not of the artist's style and have no signature.
    """

    sample_keys: list[str]
    thumbnail_keys: list[str]
    base_sample_keys: list[str] = field(default_factory=list)


def record(session: Session, run_id: int, checkpoint: MadeCheckpoint) -> None:
    """Keep a checkpoint of a running training, and forget the oldest beyond `KEPT`.

    A training that resumed at an earlier step makes the later ones again: those are replaced.
    """
    session.execute(
        delete(Checkpoint).where(
            Checkpoint.training_run_id == run_id, Checkpoint.step >= checkpoint.step
        )
    )
    gain = checkpoint.gain
    session.add(
        Checkpoint(
            training_run_id=run_id,
            step=checkpoint.step,
            held_out_loss=checkpoint.held_out_loss,
            gain_palette=gain and gain.palette,
            gain_texture=gain and gain.texture,
            gain_edges=gain and gain.edges,
            adapter_key=checkpoint.adapter_key,
            adapter_sha256=checkpoint.adapter_sha256,
            adapter_size=checkpoint.adapter_size,
            sample_keys=checkpoint.sample_keys,
            base_sample_keys=checkpoint.base_sample_keys,
        )
    )
    session.flush()
    older = [each.id for each in of_run(session, run_id)[:-KEPT]]
    session.execute(delete(Checkpoint).where(Checkpoint.id.in_(older)))


def of_run(session: Session, run_id: int) -> Sequence[Checkpoint]:
    """Return the checkpoints of a run, the earliest first."""
    return session.scalars(
        select(Checkpoint)
        .where(Checkpoint.training_run_id == run_id)
        .order_by(Checkpoint.step)
        .execution_options(populate_existing=True)
    ).all()


def trained_run(session: Session, style_id: int) -> int | None:
    """Return the latest run of a style that ended well; None if none did."""
    return session.scalar(_trained_run(style_id))


def _trained_run(style_id: int) -> Select[int]:
    return select(func.max(TrainingRun.id)).where(
        TrainingRun.style_id == style_id, TrainingRun.adapter_sha256.is_not(None)
    )


def of_style(session: Session, style_id: int) -> Sequence[Checkpoint]:
    """Return the checkpoints among which the artist of a style can choose, the earliest first."""
    return session.scalars(
        select(Checkpoint)
        .where(Checkpoint.training_run_id == _trained_run(style_id).scalar_subquery())
        .order_by(Checkpoint.step)
        .execution_options(populate_existing=True)
    ).all()


def choose(session: Session, style_id: int, step: int | None) -> Checkpoint:
    """Return one checkpoint of a trained style, the last by default.

    Raises ValidationFailed for a step that is none of them.
    """
    checkpoints = of_style(session, style_id)
    matching = [each for each in checkpoints if step in {None, each.step}]
    if not matching:
        steps = ", ".join(str(each.step) for each in checkpoints)
        raise ValidationFailed(
            fields={"checkpoint": [FieldProblem("One of %(choices)s.", choices=steps)]}
        )
    return matching[-1]


def show(session: Session, signed: Mapping[int, SignedSamples]) -> None:
    """Replace the samples of checkpoints, named by id, by the signed ones."""
    for checkpoint_id, samples in signed.items():
        session.execute(
            update(Checkpoint)
            .where(Checkpoint.id == checkpoint_id)
            .values(
                sample_keys=samples.sample_keys,
                thumbnail_keys=samples.thumbnail_keys,
                base_sample_keys=samples.base_sample_keys,
            )
        )


def forget_earlier(session: Session, run: TrainingRun) -> None:
    """Forget the files of earlier runs of the style, so that they are collected; the rows stay."""
    earlier = select(TrainingRun.id).where(
        TrainingRun.style_id == run.style_id, TrainingRun.id < run.id
    )
    session.execute(
        update(Checkpoint)
        .where(Checkpoint.training_run_id.in_(earlier))
        .values(adapter_key=None, sample_keys=[], thumbnail_keys=[], base_sample_keys=[])
    )
    session.execute(update(TrainingRun).where(TrainingRun.id.in_(earlier)).values(adapter_key=None))


def delete_of_styles(session: Session, style_ids: Sequence[int]) -> None:
    """Delete the checkpoints of styles whose artist's account is deleted."""
    runs = select(TrainingRun.id).where(TrainingRun.style_id.in_(style_ids))
    session.execute(delete(Checkpoint).where(Checkpoint.training_run_id.in_(runs)))


def gain_of(row: Checkpoint) -> MeasuredGain | None:
    """Return what was measured at a checkpoint, or None."""
    if row.gain_palette is None or row.gain_texture is None or row.gain_edges is None:
        return None
    return MeasuredGain(row.gain_palette, row.gain_texture, row.gain_edges)


def sold_step(checkpoints: Sequence[Checkpoint], adapter_sha256: str | None) -> int | None:
    """Return the step of the checkpoint that a style sells, given its adapter; or None."""
    return next((each.step for each in checkpoints if each.adapter_sha256 == adapter_sha256), None)
