"""The steps of each kind of job, and the allowed transitions of each state column.

A state changes only through `advance`, a compare-and-set: its row count says whether it did.
A job moves through the steps of its pipeline; each step is a task on a queue of `celery_config`.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, func, update
from sqlalchemy.orm import Session

from celery_config import TaskName
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.job import JobKind
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus, SetsPhoto
from webapp.domain.models.style import Style, TrainingStatus


@dataclass(frozen=True)
class Pipeline:
    """The steps of one kind of job, in order, and which of them a GPU worker claims over HTTP."""

    steps: tuple[TaskName, ...]
    gpu_step: TaskName | None = None

    @property
    def first(self) -> TaskName:
        """Return the step a new job starts with."""
        return self.steps[0]

    def after(self, step: TaskName) -> TaskName | None:
        """Return the step that follows, or None after the last."""
        next_index = self.steps.index(step) + 1
        return self.steps[next_index] if next_index < len(self.steps) else None


PIPELINES: dict[JobKind, Pipeline] = {
    JobKind.TRAINING: Pipeline(
        steps=(TaskName.VALIDATE_UPLOADS, TaskName.TRAIN_STYLE, TaskName.PUBLISH_STYLE),
        gpu_step=TaskName.TRAIN_STYLE,
    ),
    JobKind.GENERATION: Pipeline(
        steps=(TaskName.RENDER_IMAGES, TaskName.STAMP_SIGNATURE, TaskName.DELIVER_GENERATION),
        gpu_step=TaskName.RENDER_IMAGES,
    ),
    JobKind.PHOTO_CHECK: Pipeline(steps=(TaskName.CHECK_PHOTO,)),
    JobKind.SEGMENTATION: Pipeline(
        steps=(TaskName.SEGMENT_PHOTOS, TaskName.RECORD_MASKS),
        gpu_step=TaskName.SEGMENT_PHOTOS,
    ),
    JobKind.PHOTO_EDIT: Pipeline(steps=(TaskName.APPLY_RULES, TaskName.FINISH_PHOTO)),
    JobKind.SETS_EXPORT: Pipeline(steps=(TaskName.EXPORT_SET,)),
    JobKind.DEEP_SEARCH: Pipeline(steps=(TaskName.SEARCH_WATERMARK,)),
    JobKind.DATA_EXPORT: Pipeline(steps=(TaskName.EXPORT_DATA,)),
    JobKind.ARTWORK_PREVIEW: Pipeline(steps=(TaskName.PREVIEW_ARTWORK,)),
    JobKind.MAIL_DIGEST: Pipeline(steps=(TaskName.SEND_MAIL_DIGEST,)),
    JobKind.WEBHOOK_DELIVERY: Pipeline(steps=(TaskName.DELIVER_WEBHOOK,)),
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

SETS_JOB_TRANSITIONS: dict[StrEnum, frozenset[StrEnum]] = {
    SetsJobStatus.CREATED: frozenset({SetsJobStatus.UPLOADED, SetsJobStatus.CANCELED}),
    SetsJobStatus.UPLOADED: frozenset({SetsJobStatus.QUEUED, SetsJobStatus.CANCELED}),
    SetsJobStatus.QUEUED: frozenset(
        {SetsJobStatus.RUNNING, SetsJobStatus.FAILED, SetsJobStatus.CANCELED}
    ),
    SetsJobStatus.RUNNING: frozenset(
        {SetsJobStatus.DONE, SetsJobStatus.FAILED, SetsJobStatus.CANCELED}
    ),
    # Failed photos are tried again: see `sets_jobs.retry`.
    SetsJobStatus.DONE: frozenset({SetsJobStatus.RUNNING}),
    SetsJobStatus.FAILED: frozenset({SetsJobStatus.RUNNING}),
    SetsJobStatus.CANCELED: frozenset(),
}

PHOTO_TRANSITIONS: dict[StrEnum, frozenset[StrEnum]] = {
    PhotoStatus.AWAITED: frozenset({PhotoStatus.CHECKING, PhotoStatus.CANCELED}),
    PhotoStatus.CHECKING: frozenset({PhotoStatus.READY, PhotoStatus.FAILED, PhotoStatus.CANCELED}),
    PhotoStatus.READY: frozenset({PhotoStatus.QUEUED, PhotoStatus.CANCELED}),
    PhotoStatus.QUEUED: frozenset({PhotoStatus.RUNNING, PhotoStatus.FAILED, PhotoStatus.CANCELED}),
    PhotoStatus.RUNNING: frozenset({PhotoStatus.DONE, PhotoStatus.FAILED, PhotoStatus.CANCELED}),
    PhotoStatus.FAILED: frozenset({PhotoStatus.QUEUED}),
    PhotoStatus.DONE: frozenset(),
    PhotoStatus.CANCELED: frozenset(),
}


def sources(transitions: dict[StrEnum, frozenset[StrEnum]], to: StrEnum) -> list[str]:
    """Return the states from which `to` may be reached."""
    return [state.value for state, targets in transitions.items() if to in targets]


def advance_style(session: Session, style_id: int, to: TrainingStatus) -> bool:
    """Move a style to a state if its current one allows it; say whether it moved."""
    result = session.execute(
        update(Style)
        .where(Style.id == style_id, Style.training_status.in_(sources(STYLE_TRANSITIONS, to)))
        .values(training_status=to, updated_at=func.clock_timestamp())
        .returning(Style.id)
    )
    return result.first() is not None


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


def advance_sets_job(session: Session, job_id: int, to: SetsJobStatus, **values: object) -> bool:
    """Move a job of Sets, with columns that change at that moment; say whether it moved."""
    result = session.execute(
        update(SetsJob)
        .where(SetsJob.id == job_id, SetsJob.status.in_(sources(SETS_JOB_TRANSITIONS, to)))
        .values(status=to, updated_at=func.clock_timestamp(), **values)
        .returning(SetsJob.id)
        .execution_options(synchronize_session="fetch")
    )
    return result.first() is not None


def advance_photo(session: Session, photo_id: int, to: PhotoStatus, **values: object) -> bool:
    """Move a photo of Sets, with columns that change at that moment; say whether it moved."""
    result = session.execute(
        update(SetsPhoto)
        .where(SetsPhoto.id == photo_id, SetsPhoto.status.in_(sources(PHOTO_TRANSITIONS, to)))
        .values(status=to, updated_at=func.clock_timestamp(), **values)
        .returning(SetsPhoto.id)
        .execution_options(synchronize_session="fetch")
    )
    return result.first() is not None
