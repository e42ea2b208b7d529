"""What the artist of a trained style decides by: its checkpoints, their samples, the try-outs."""

from typing import Any

from sqlalchemy.orm import Session

from webapp.domain import gains
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.checkpoint import Checkpoint
from webapp.domain.models.style import TrainingStatus
from webapp.domain.queries import generations as generation_queries
from webapp.domain.queries.pagination import AnyRow
from webapp.domain.queries.viewing import signed_url
from webapp.domain.services import checkpoints, try_outs

TRY_OUTS_SHOWN = 24  # of all trainings of a style


def decision(
    session: Session, storage: Storage, style: AnyRow, *, with_decided: bool
) -> dict[str, Any]:
    """Return what an artist chooses from; and `with_decided`, what was chosen of a style on sale.

    Empty otherwise.
    """
    is_decided = style.training_status == TrainingStatus.COMPLETED
    if style.training_status != TrainingStatus.TRAINED and not (is_decided and with_decided):
        return {"checkpoints": [], "checkpoint": None, "try_outs": [], "try_outs_left": 0}
    found = checkpoints.of_style(session, style.id)
    is_open = bool(found) and style.training_status == TrainingStatus.TRAINED
    return {
        "checkpoints": [_checkpoint(storage, each) for each in found],
        "checkpoint": checkpoints.sold_step(found, style.adapter_sha256),
        "try_outs": generation_queries.try_outs(
            session, storage, style_id=style.id, limit=TRY_OUTS_SHOWN
        ),
        "try_outs_left": try_outs.left(session, found[0].training_run_id) if is_open else 0,
    }


def _checkpoint(storage: Storage, row: Checkpoint) -> dict[str, Any]:
    gain = checkpoints.gain_of(row)
    return {
        "step": row.step,
        "held_out_loss": row.held_out_loss,
        "adapter_sha256": row.adapter_sha256,
        "adapter_size": row.adapter_size,
        "samples": [signed_url(storage, key) for key in row.sample_keys],
        "gain": gain and gains.learned(gain),
    }
