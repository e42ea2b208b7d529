"""Try-outs: a few free private pictures that an artist renders before putting a style on sale.

The same jobs and workers render, sign and certify them as ordered images. They cost nothing, so
the ledger has no entry for them; they are never public, and no public number includes them.
"""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.domain.errors import (
    GenerationStillProcessing,
    StyleNotFound,
    StyleNotReady,
    TryOutsUsedUp,
)
from webapp.domain.models.account import User
from webapp.domain.models.checkpoint import Checkpoint
from webapp.domain.models.generation import AspectRatio, Generation, GenerationStatus, Order
from webapp.domain.models.style import TrainingStatus
from webapp.domain.models.training import TrainingRun
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import base_models, checkpoints, generations, offers, prompts
from webapp.domain.services.duplicates import NOT_DELIVERED

PER_TRAINING = 8
UNFINISHED = (GenerationStatus.QUEUED, GenerationStatus.PROCESSING, GenerationStatus.RETRYING)


def request(
    session: Session,
    *,
    user: User,
    style_id: int,
    step: int | None,
    prompt_tags: list[str],
    negative_tags: list[str],
    aspect_ratio: AspectRatio,
    seed: int | None,
    style_strength: float,
    count: int,
    request_id: str,
) -> Order:
    """Order `count` pictures for the artist of a trained style, with one of its checkpoints.

    `step` is that of the checkpoint; None is the last one. Raises TryOutsUsedUp for more than are
    left, StyleNotReady unless the style is trained and not yet on sale, StyleNotFound if it is
    suspended, StyleOutdated if no renderer has its base model, ValidationFailed for a step without
    a checkpoint.
    """
    offers.lock_slot(session, user.id)
    style = offers.own_style(session, Viewer.of(user), style_id)
    session.refresh(style, with_for_update={"read": True, "key_share": True})
    if style.is_flagged:
        raise StyleNotFound(id=style_id)
    if style.training_status != TrainingStatus.TRAINED or not style.is_active:
        raise StyleNotReady(training_status=style.training_status)
    base_models.refuse_outdated(session, style_id)
    prompt, negative = prompts.clean_tags(session, prompt_tags, negative_tags)
    checkpoint = checkpoints.choose(session, style_id, step)
    remaining = left(session, checkpoint.training_run_id)
    if count > remaining:
        raise TryOutsUsedUp(limit=PER_TRAINING, left=remaining)
    return generations.place(
        session,
        user_id=user.id,
        style=style,
        seeds=generations.seeds_of(seed, count),
        request_id=request_id,
        prompt_tags=prompt,
        negative_tags=negative,
        description="",
        aspect_ratio=aspect_ratio,
        style_strength=style_strength,
        price_tokens=0,
        license_type=style.license_type,
        adapter_sha256=checkpoint.adapter_sha256,
        checkpoint_id=checkpoint.id,
    )


def left(session: Session, run_id: int) -> int:
    """Return how many try-outs a training still allows; failed and canceled ones do not count."""
    of_run = select(Checkpoint.id).where(Checkpoint.training_run_id == run_id)
    used = session.scalar(
        select(func.count())
        .select_from(Generation)
        .where(Generation.checkpoint_id.in_(of_run), Generation.status.not_in(NOT_DELIVERED))
    )
    return max(0, PER_TRAINING - (used or 0))


def refuse_unfinished(session: Session, style_id: int) -> None:
    """Raise GenerationStillProcessing while a try-out of a style is not finished."""
    unfinished: Sequence[int] = session.scalars(
        select(Generation.id)
        .join(Checkpoint, Checkpoint.id == Generation.checkpoint_id)
        .join(TrainingRun, TrainingRun.id == Checkpoint.training_run_id)
        .where(TrainingRun.style_id == style_id, Generation.status.in_(UNFINISHED))
        .order_by(Generation.id)
    ).all()
    if unfinished:
        raise GenerationStillProcessing(generation_ids=list(unfinished))
