"""Cases of moderation: all open reports of one target, decided together with their consequence."""

from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.errors import (
    FieldProblem,
    NotFound,
    ValidationFailed,
)
from webapp.domain.models.account import User
from webapp.domain.models.collection import Collection
from webapp.domain.models.comment import Comment
from webapp.domain.models.generation import Generation
from webapp.domain.models.report import Report, ReportStatus, ReportTarget
from webapp.domain.models.style import Style
from webapp.domain.services import moderation


class Verdict(StrEnum):
    """The decision of a case: hide the target, also close its owner's account, or neither."""

    HIDE = "hide"
    CLOSE = "close"
    DISMISS = "dismiss"


def decide(
    session: Session,
    *,
    admin: User,
    target_type: ReportTarget,
    target_id: int,
    verdict: Verdict,
    reason: str,
) -> int:
    """Decide every open report of one target and apply the verdict; return how many reports.

    Each reporter is notified whether the report was upheld.

    Raises NotFound if no report is open (another administrator was faster), ValidationFailed for a
    verdict that the kind of target does not allow, and the errors of the change itself.
    """
    reports = session.scalars(
        select(Report.id)
        .where(
            Report.target_type == target_type,
            Report.target_id == target_id,
            Report.status == ReportStatus.OPEN,
        )
        .order_by(Report.id)
        .with_for_update()
    ).all()
    if not reports:
        raise NotFound(resource="case", id=target_id)
    is_person = target_type is ReportTarget.USER
    if verdict is Verdict.HIDE and is_person:
        raise ValidationFailed(fields={"verdict": [FieldProblem("A user cannot be hidden.")]})
    person_id = _person(session, target_type, target_id) if verdict is Verdict.CLOSE else None
    if verdict is not Verdict.DISMISS and not is_person:
        _hide(session, admin, target_type, target_id, reason)
    if person_id is not None:
        moderation.change_user(
            session, admin=admin, user_id=person_id, changes={"is_active": False}, reason=reason
        )
    is_resolved = verdict is not Verdict.DISMISS
    status = ReportStatus.RESOLVED if is_resolved else ReportStatus.DISMISSED
    for report_id in reports:
        moderation.decide_report(
            session, admin=admin, report_id=report_id, status=status, reason=reason
        )
    return len(reports)


def _hide(
    session: Session, admin: User, target_type: ReportTarget, target_id: int, reason: str
) -> None:
    flag = {"is_flagged": True}
    if target_type is ReportTarget.STYLE:
        moderation.change_style(
            session, admin=admin, style_id=target_id, changes=flag, reason=reason
        )
    elif target_type is ReportTarget.GENERATION:
        moderation.change_generation(
            session,
            admin=admin,
            generation_id=target_id,
            changes=flag,
            license_status=None,
            reason=reason,
        )
    elif target_type is ReportTarget.COMMENT:
        moderation.change_comment(
            session, admin=admin, comment_id=target_id, is_hidden=True, reason=reason
        )
    elif target_type is ReportTarget.COLLECTION:
        moderation.change_collection(
            session, admin=admin, collection_id=target_id, is_flagged=True, reason=reason
        )
    else:
        moderation.change_tag(session, admin=admin, tag_id=target_id, changes=flag, reason=reason)


def _person(session: Session, target_type: ReportTarget, target_id: int) -> int:
    """Return the owner of the target, or the reported user."""
    query = {
        ReportTarget.STYLE: select(Style.artist_id).where(Style.id == target_id),
        ReportTarget.GENERATION: select(Generation.user_id).where(Generation.id == target_id),
        ReportTarget.COMMENT: select(Comment.user_id).where(Comment.id == target_id),
        ReportTarget.COLLECTION: select(Collection.user_id).where(Collection.id == target_id),
        ReportTarget.USER: select(User.id).where(User.id == target_id),
    }.get(target_type)
    person_id = None if query is None else session.scalar(query)
    if person_id is None:
        raise ValidationFailed(fields={"verdict": [FieldProblem("There is no account to close.")]})
    return person_id
