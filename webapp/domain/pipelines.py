"""THE MAP: for training and generation, the states, who may follow whom, and the steps.

A state changes only through `advance`, a compare-and-set believed by its row count. A job moves
through the steps of its pipeline; each step is a task on a queue of `celery_config`.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, func, update
from sqlalchemy.orm import Session

from celery_config import TaskName
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.job import JobKind
from webapp.domain.models.style import Style, TrainingStatus


@dataclass(frozen=True)
class Pipeline:
    """The steps of one kind of job, in order, and which of them a GPU worker claims over HTTP."""

    steps: tuple[TaskName, ...]
    gpu_step: TaskName

    @property
    def first(self) -> TaskName:
        """Return the step a new job starts with."""
        return self.steps[0]

    def after(self, step: TaskName) -> TaskName | None:
        """Return the step that follows, or None after the last."""
        following = self.steps.index(step) + 1
        return self.steps[following] if following < len(self.steps) else None


PIPELINES: dict[JobKind, Pipeline] = {
    JobKind.TRAINING: Pipeline(
        steps=(TaskName.VALIDATE_UPLOADS, TaskName.TRAIN_STYLE, TaskName.PUBLISH_STYLE),
        gpu_step=TaskName.TRAIN_STYLE,
    ),
    JobKind.GENERATION: Pipeline(
        steps=(TaskName.RENDER_IMAGES, TaskName.STAMP_SIGNATURE, TaskName.DELIVER_GENERATION),
        gpu_step=TaskName.RENDER_IMAGES,
    ),
}

STYLE_TRANSITIONS: dict[StrEnum, frozenset[StrEnum]] = {
    # Training again a style that is trained already ends, if it fails, where it began.
    TrainingStatus.PENDING: frozenset(
        {TrainingStatus.TRAINING, TrainingStatus.TRAINED, TrainingStatus.FAILED}
    ),
    TrainingStatus.TRAINING: frozenset(
        {
            TrainingStatus.PENDING,
            TrainingStatus.TRAINED,
            TrainingStatus.COMPLETED,
            TrainingStatus.FAILED,
        }
    ),
    TrainingStatus.TRAINED: frozenset({TrainingStatus.COMPLETED, TrainingStatus.PENDING}),
    # Only when no renderer can draw it any more: see `styles.retrain`.
    TrainingStatus.COMPLETED: frozenset({TrainingStatus.PENDING}),
    TrainingStatus.FAILED: frozenset({TrainingStatus.PENDING}),
}

GENERATION_TRANSITIONS: dict[StrEnum, frozenset[StrEnum]] = {
    GenerationStatus.QUEUED: frozenset(
        {GenerationStatus.PROCESSING, GenerationStatus.CANCELED, GenerationStatus.FAILED}
    ),
    GenerationStatus.PROCESSING: frozenset(
        {GenerationStatus.COMPLETED, GenerationStatus.RETRYING, GenerationStatus.FAILED}
    ),
    GenerationStatus.RETRYING: frozenset({GenerationStatus.PROCESSING, GenerationStatus.FAILED}),
    GenerationStatus.COMPLETED: frozenset(),
    GenerationStatus.FAILED: frozenset(),
    GenerationStatus.CANCELED: frozenset(),
}


def sources(transitions: dict[StrEnum, frozenset[StrEnum]], to: StrEnum) -> list[str]:
    """Return the states from which `to` may be reached."""
    return [state.value for state, targets in transitions.items() if to in targets]


def advance_style(session: Session, style_id: int, to: TrainingStatus) -> bool:
    """Move a style to a state if it stands in one that allows it; say whether it moved."""
    moved = session.execute(
        update(Style)
        .where(Style.id == style_id, Style.training_status.in_(sources(STYLE_TRANSITIONS, to)))
        .values(training_status=to, updated_at=func.clock_timestamp())
        .returning(Style.id)
    )
    return moved.first() is not None


def advance_generation(
    session: Session, generation_id: int, to: GenerationStatus, **values: object
) -> Generation | None:
    """Move a generation, with what changes at that moment; return it, or None if it stays.

    `values` are columns set in the same statement, such as `completed_at` or `failure_code`.
    """
    extra: dict[str, object | ColumnElement[object]] = dict(values)
    return session.execute(
        update(Generation)
        .where(
            Generation.id == generation_id,
            Generation.status.in_(sources(GENERATION_TRANSITIONS, to)),
        )
        .values(status=to, updated_at=func.clock_timestamp(), **extra)
        .returning(Generation)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
