"""Base models in use, and the styles that were trained on other weights and must be retrained."""

from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain import style_files
from webapp.domain.db import UnitOfWork
from webapp.domain.errors import StyleOutdated
from webapp.domain.gateways.storage import ObjectMissing, Storage, StorageUnavailable
from webapp.domain.models.base_model import BaseModel
from webapp.domain.models.generation import Generation
from webapp.domain.models.notification import NotificationType
from webapp.domain.models.style import Style, TrainingStatus
from webapp.domain.services import notifications

CAUSE = "STYLE_OUTDATED"


def is_outdated() -> ColumnElement[bool]:
    """Return the condition that a style was trained on other weights than renderers have loaded."""
    return exists().where(
        BaseModel.name == Style.base_model, BaseModel.sha256 != Style.base_model_sha256
    )


def refuse_outdated(session: Session, style_id: int) -> None:
    """Raise StyleOutdated for a style that no renderer can render."""
    if is_style_outdated(session, style_id):
        raise StyleOutdated(style_id=style_id)


def is_style_outdated(session: Session, style_id: int) -> bool:
    """Tell whether this style was trained on other weights than renderers have loaded."""
    query = select(Style.id).where(Style.id == style_id, is_outdated())
    return session.scalar(query) is not None


def record_loaded(session: Session, name: str, sha256: str) -> None:
    """Record which weights a renderer has loaded; notify artists whose styles need other weights.

    Renderers send them with every claim; nothing is written while they do not change.
    """
    recorded = session.scalar(select(BaseModel.sha256).where(BaseModel.name == name))
    if recorded == sha256:
        return
    statement = insert(BaseModel).values(name=name, sha256=sha256)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[BaseModel.name],
            set_={"sha256": sha256, "seen_at": func.clock_timestamp()},
        )
    )
    outdated = session.execute(
        select(Style.id, Style.artist_id).where(
            Style.base_model == name,
            Style.training_status == TrainingStatus.COMPLETED,
            Style.is_active,
            Style.base_model_sha256 != sha256,
        )
    )
    for style in outdated:
        _notify_artist(session, style.artist_id, style.id, sha256)


def record_outdated(unit_of_work: UnitOfWork, storage: Storage, generation_id: int) -> None:
    """Record the weights of a style that a renderer refused, and notify its artist.

    For styles trained before weights were recorded they are only in the style file. If the file
    cannot be read now, it is read at the next refusal.
    """
    with unit_of_work() as session:
        style, loaded_sha256 = session.execute(
            select(Style, BaseModel.sha256)
            .join(Generation, Generation.style_id == Style.id)
            .outerjoin(BaseModel, BaseModel.name == Style.base_model)
            .where(Generation.id == generation_id)
        ).one()
    recorded = style.base_model_sha256
    if recorded is None and style.adapter_key is not None:
        try:
            recorded = style_files.inspect(storage.get(style.adapter_key)).base_model_sha256
        except (ObjectMissing, StorageUnavailable, style_files.DamagedStyleFile):
            return
    with unit_of_work() as session:
        session.execute(
            update(Style)
            .where(Style.id == style.id, Style.base_model_sha256.is_(None))
            .values(base_model_sha256=recorded)
        )
        _notify_artist(session, style.artist_id, style.id, loaded_sha256 or "")


def _notify_artist(session: Session, artist_id: int, style_id: int, sha256: str) -> None:
    notifications.notify(
        session,
        artist_id,
        NotificationType.STYLE_OUTDATED,
        target_type="style",
        target_id=style_id,
        event=f"style:{style_id}:{sha256[:16]}",
    )
