"""What an artist chooses from before a sale: checkpoints with their samples, and try-outs."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import gains
from webapp.domain.gains import LearnedGain
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.checkpoint import Checkpoint
from webapp.domain.models.style import Style, TrainingStatus
from webapp.domain.models.training import TrainingRun
from webapp.domain.queries import generations as generation_queries
from webapp.domain.queries.generation_views import TryOutView
from webapp.domain.queries.pagination import AnyRow
from webapp.domain.queries.viewing import signed_url
from webapp.domain.services import checkpoints, try_outs

MAX_TRY_OUTS = 24  # of all trainings of a style


@dataclass(frozen=True, slots=True)
class CheckpointView:
    """A checkpoint; `adapter_size` is in bytes, `gain` is None where it was not measured."""

    step: int
    held_out_loss: float | None
    adapter_sha256: str
    adapter_size: int
    samples: list[str | None]
    gain: LearnedGain | None


@dataclass(frozen=True, slots=True)
class Decision:
    """Checkpoints, the earliest first, and try-outs, the newest first.

    Attributes:
        checkpoint: training step of the checkpoint on sale; None before the sale.
        try_outs_left: free try-outs that remain for the latest training.

    """

    checkpoints: list[CheckpointView]
    checkpoint: int | None
    try_outs: list[TryOutView]
    try_outs_left: int


def decision(session: Session, storage: Storage, style: AnyRow, *, with_decided: bool) -> Decision:
    """Return the checkpoints and try-outs of a trained style.

    With `with_decided` also those of a style on sale. Empty in other states.
    """
    is_decided = style.training_status == TrainingStatus.COMPLETED
    if style.training_status != TrainingStatus.TRAINED and not (is_decided and with_decided):
        return Decision([], None, [], 0)
    rows = checkpoints.of_style(session, style.id)
    is_open = bool(rows) and style.training_status == TrainingStatus.TRAINED
    return Decision(
        checkpoints=[_checkpoint(storage, row) for row in rows],
        checkpoint=checkpoints.sold_step(rows, style.adapter_sha256),
        try_outs=generation_queries.try_outs(
            session, storage, style_id=style.id, limit=MAX_TRY_OUTS
        ),
        try_outs_left=try_outs.left(session, rows[0].training_run_id) if is_open else 0,
    )


def sold_gain(session: Session, style_id: int) -> LearnedGain | None:
    """Return what was measured at the checkpoint that a style sells, or None."""
    row = session.scalars(
        select(Checkpoint)
        .join(TrainingRun, TrainingRun.id == Checkpoint.training_run_id)
        .join(Style, Style.id == TrainingRun.style_id)
        .where(Style.id == style_id, Checkpoint.adapter_sha256 == Style.adapter_sha256)
        .order_by(Checkpoint.id.desc())
        .limit(1)
    ).first()
    return None if row is None else _gain(row)


def _gain(row: Checkpoint) -> LearnedGain | None:
    gain = checkpoints.gain_of(row)
    return None if gain is None else gains.learned(gain)


def _checkpoint(storage: Storage, row: Checkpoint) -> CheckpointView:
    return CheckpointView(
        step=row.step,
        held_out_loss=row.held_out_loss,
        adapter_sha256=row.adapter_sha256,
        adapter_size=row.adapter_size,
        samples=[signed_url(storage, key) for key in row.sample_keys],
        gain=_gain(row),
    )
