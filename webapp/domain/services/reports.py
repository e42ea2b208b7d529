"""Reports of content and users: one open report per reporter and target."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import literal_column, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute, Session

from webapp.domain.errors import DuplicateReport, NotFound
from webapp.domain.models.account import User
from webapp.domain.models.collection import Collection
from webapp.domain.models.comment import Comment
from webapp.domain.models.generation import Generation
from webapp.domain.models.report import Report, ReportReason, ReportStatus, ReportTarget
from webapp.domain.models.style import Style, Tag
from webapp.domain.queries.pagination import AnyRow, AnySelect
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import collections, generations, offers


@dataclass(frozen=True)
class Target:
    """The query of one kind of target, and the function that decides who may see it."""

    statement: AnySelect
    id: InstrumentedAttribute[int]
    may_see: Callable[[Viewer, AnyRow], bool]


_IMAGE = select(*generations.VISIBILITY)
TARGETS = {
    ReportTarget.STYLE: Target(
        select(Style.artist_id, Style.training_status, Style.is_active, Style.is_flagged),
        Style.id,
        offers.may_see,
    ),
    ReportTarget.GENERATION: Target(_IMAGE, Generation.id, generations.may_see),
    ReportTarget.COMMENT: Target(
        _IMAGE.join(Comment, Comment.generation_id == Generation.id),
        Comment.id,
        generations.may_see,
    ),
    ReportTarget.USER: Target(
        select(User.is_active), User.id, lambda _, person: bool(person.is_active)
    ),
    ReportTarget.TAG: Target(
        select(Tag.is_active, Tag.is_flagged),
        Tag.id,
        lambda _, tag: tag.is_active and not tag.is_flagged,
    ),
    ReportTarget.COLLECTION: Target(
        select(
            Collection.user_id, Collection.is_public, Collection.is_flagged, User.is_active
        ).join(User, User.id == Collection.user_id),
        Collection.id,
        collections.may_see,
    ),
}


def delete_texts(session: Session, reporter_id: int) -> None:
    """Delete what a person who leaves wrote in reports; an open one stays a case by its reason."""
    session.execute(update(Report).where(Report.reporter_id == reporter_id).values(text=""))


def report(
    session: Session,
    *,
    user: User,
    target_type: ReportTarget,
    target_id: int,
    reason: ReportReason,
    text: str,
) -> Report:
    """Report a style, image, comment, user, tag or collection that the reporter may see.

    Raises NotFound, and DuplicateReport while an earlier report of the same user is open.
    """
    check(session, Viewer.of(user), target_type, target_id)
    statement = insert(Report).values(
        reporter_id=user.id,
        target_type=target_type,
        target_id=target_id,
        reason=reason,
        text=text,
    )
    # An UPDATE without a change, unlike DO NOTHING, returns the conflicting row.
    row: AnyRow = session.execute(
        statement.on_conflict_do_update(
            index_elements=[Report.reporter_id, Report.target_type, Report.target_id],
            index_where=Report.status == ReportStatus.OPEN,
            set_={"reporter_id": statement.excluded.reporter_id},
        ).returning(Report, literal_column("xmax = 0").label("is_new"))
    ).one()
    stored: Report = row[0]
    if not row.is_new:
        raise DuplicateReport(report_id=stored.id)
    return stored


def check(session: Session, viewer: Viewer, target_type: ReportTarget, target_id: int) -> None:
    """Raise NotFound for a target that the viewer may not see."""
    target = TARGETS[target_type]
    row = session.execute(target.statement.where(target.id == target_id)).one_or_none()
    if row is None or not target.may_see(viewer, row):
        raise NotFound(resource=target_type.value, id=target_id)
