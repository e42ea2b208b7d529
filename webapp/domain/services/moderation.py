"""Decisions of administrators: reports, flags, hidden comments, revoked licences, users' roles.

Each change locks its row first, so that the audit log has the true values before the change.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.domain.db import Base
from webapp.domain.errors import (
    AccountInactive,
    ArtworkNotFound,
    CollectionNotFound,
    CommentNotFound,
    DomainError,
    FieldProblem,
    Forbidden,
    GenerationNotFound,
    NotFound,
    StyleNotFound,
    TagNotFound,
    ValidationFailed,
)
from webapp.domain.models.account import Role, User
from webapp.domain.models.collection import Collection
from webapp.domain.models.comment import Comment
from webapp.domain.models.generation import Generation
from webapp.domain.models.license import Certificate, CertificateStatus
from webapp.domain.models.notification import NotificationType
from webapp.domain.models.report import Report, ReportStatus
from webapp.domain.models.shown_artwork import ShownArtwork
from webapp.domain.models.style import Artwork, Style, Tag
from webapp.domain.services import (
    accounts,
    audit,
    comments,
    leaving,
    notification_groups,
    notifications,
    offers,
    tags,
    visibility,
)

Row = TypeVar("Row", bound=Base)
# The columns of a row that change, with their new values.
Changes = Mapping[str, str | bool]


def decide_report(
    session: Session, *, admin: User, report_id: int, status: ReportStatus, reason: str
) -> None:
    """Resolve or dismiss a report and tell its reporter the outcome, each outcome once.

    A later decision replaces an earlier one. Raises NotFound.
    """
    report = _locked(session, Report, report_id, NotFound(resource="report", id=report_id))
    if (report.status, report.resolution) == (status, reason):
        return
    report.resolved_at = func.clock_timestamp()
    audit.change(
        session,
        admin_id=admin.id,
        object_type="report",
        row=report,
        values={"status": status, "resolution": reason},
        reason=reason,
    )
    _notify_reporter(session, report)


def _notify_reporter(session: Session, report: Report) -> None:
    """Tell the reporter whether the report was upheld, but not the reason, nor about whom it was.

    A reporter whose account is closed gets no notification.
    """
    if not session.scalar(select(User.is_active).where(User.id == report.reporter_id)):
        return
    is_upheld = report.status == ReportStatus.RESOLVED
    notifications.notify(
        session,
        report.reporter_id,
        NotificationType.REPORT_DECIDED,
        target_type="report",
        target_id=report.id,
        event=f"{report.id}:{report.status}",
        details={
            "outcome": "upheld" if is_upheld else "dismissed",
            "reported": str(report.target_type),
        },
    )


def change_tag(
    session: Session, *, admin: User, tag_id: int, changes: Changes, reason: str
) -> None:
    """Flag or deactivate a tag: it is hidden and refused as input. Raises TagNotFound."""
    tag = _locked(session, Tag, tag_id, TagNotFound(id=tag_id))
    audit.change(
        session, admin_id=admin.id, object_type="tag", row=tag, values=changes, reason=reason
    )


def change_style(
    session: Session, *, admin: User, style_id: int, changes: Changes, reason: str
) -> None:
    """Flag or deactivate a style (it is hidden and cannot be ordered), or undo this.

    Raises StyleNotFound; on activation the errors of `offers.make_room`, and ValidationFailed if
    the artist's account is closed.
    """
    missing = StyleNotFound(id=style_id)
    if changes.get("is_active"):
        artist_id = session.scalar(select(Style.artist_id).where(Style.id == style_id))
        if artist_id is None:
            raise missing
        _lock_owner(session, artist_id, "is_active")
        offers.lock_slot(session, artist_id)
    style = _locked(session, Style, style_id, missing)
    if changes.get("is_active") and not style.is_active:
        offers.make_room(session, style)
    audit.change(
        session, admin_id=admin.id, object_type="style", row=style, values=changes, reason=reason
    )
    style.updated_at = func.clock_timestamp()


def change_generation(
    session: Session,
    *,
    admin: User,
    generation_id: int,
    changes: Changes,
    license_status: CertificateStatus | None,
    reason: str,
) -> None:
    """Flag an image, publish or hide it, revoke its licence or make it valid again.

    Raises GenerationNotFound, the errors of `visibility.check_can_be_public`, and ValidationFailed
    for publishing an image whose owner's account is closed.
    """
    missing = GenerationNotFound(id=generation_id)
    if changes.get("is_public"):
        owner_id = session.scalar(select(Generation.user_id).where(Generation.id == generation_id))
        if owner_id is None:
            raise missing
        _lock_owner(session, owner_id, "is_public")
    image = _locked(session, Generation, generation_id, missing)
    if image.deleted_at is not None:
        raise missing
    if changes.get("is_public"):
        visibility.check_can_be_public(session, image)
    was_shown = tags.is_shown(image)
    audit.change(
        session,
        admin_id=admin.id,
        object_type="generation",
        row=image,
        values=changes,
        reason=reason,
    )
    tags.count_shown(session, image, was=was_shown)
    if was_shown and not tags.is_shown(image):
        notifications.delete_of_hidden(session, [image.id], image.user_id)
    image.updated_at = func.clock_timestamp()
    if license_status is not None:
        _change_license(session, admin, image.id, license_status, reason)


def revoke_license(session: Session, *, admin: User, public_id: str, reason: str) -> bool:
    """Revoke a certificate; False if it is revoked already. Raises NotFound."""
    certificate = session.scalar(
        select(Certificate).where(Certificate.public_id == public_id).with_for_update()
    )
    if certificate is None:
        raise NotFound(resource="license")
    if certificate.status == CertificateStatus.REVOKED:
        return False
    _set_status(session, admin, certificate, CertificateStatus.REVOKED, reason)
    return True


def _change_license(
    session: Session, admin: User, generation_id: int, status: CertificateStatus, reason: str
) -> None:
    certificate = session.scalar(
        select(Certificate).where(Certificate.generation_id == generation_id).with_for_update()
    )
    if certificate is None:
        raise ValidationFailed(
            fields={"license_status": [FieldProblem("This picture has no licence yet.")]}
        )
    if certificate.status != status:
        _set_status(session, admin, certificate, status, reason)


def _set_status(
    session: Session, admin: User, certificate: Certificate, status: CertificateStatus, reason: str
) -> None:
    audit.change(
        session,
        admin_id=admin.id,
        object_type="license",
        row=certificate,
        values={"status": status.value},
        reason=reason,
    )
    is_revoked = status is CertificateStatus.REVOKED
    certificate.revoked_at = func.clock_timestamp() if is_revoked else None
    session.flush()


def change_comment(
    session: Session, *, admin: User, comment_id: int, is_hidden: bool, reason: str
) -> None:
    """Hide the text of a comment, and the notification of it, or show the text again.

    Raises CommentNotFound.
    """
    comments.lock_picture(session, comment_id)
    comment = _locked(session, Comment, comment_id, CommentNotFound(id=comment_id))
    audit.change(
        session,
        admin_id=admin.id,
        object_type="comment",
        row=comment,
        values={"is_hidden": is_hidden},
        reason=reason,
    )
    if is_hidden:
        notification_groups.withdraw_comments(session, comment.generation_id, [comment_id])


def change_collection(
    session: Session, *, admin: User, collection_id: int, is_flagged: bool, reason: str
) -> None:
    """Hide a collection from all but its owner, or show it again. Raises CollectionNotFound."""
    collection = _locked(session, Collection, collection_id, CollectionNotFound(id=collection_id))
    audit.change(
        session,
        admin_id=admin.id,
        object_type="collection",
        row=collection,
        values={"is_flagged": is_flagged},
        reason=reason,
    )


def change_artwork(
    session: Session, *, admin: User, artwork_id: int, is_flagged: bool, reason: str
) -> None:
    """Hide an artwork that its artist shows, and notify the artist; or show it again.

    It stays hidden if the artist chooses it again. Raises ArtworkNotFound for one that is not
    chosen.
    """
    missing = ArtworkNotFound(id=artwork_id)
    artist_id = session.scalar(
        select(Style.artist_id)
        .join(Artwork, Artwork.style_id == Style.id)
        .where(Artwork.id == artwork_id)
    )
    if artist_id is None:
        raise missing
    # The artist goes first, whom a notification refers to: `leaving` locks in this order.
    accounts.lock_undeleted(session, artist_id)
    artwork = _locked(session, Artwork, artwork_id, missing)
    chosen = session.scalar(
        select(ShownArtwork.id).where(ShownArtwork.artwork_id == artwork_id).with_for_update()
    )
    if chosen is None:
        raise missing
    is_hidden_now = is_flagged and not artwork.is_flagged
    audit.change(
        session,
        admin_id=admin.id,
        object_type="artwork",
        row=artwork,
        values={"is_flagged": is_flagged},
        reason=reason,
    )
    if is_hidden_now:
        notifications.notify_if_active(
            session,
            artist_id,
            NotificationType.ARTWORK_HIDDEN,
            target_type="style",
            target_id=artwork.style_id,
            # It can be hidden, shown and hidden again.
            event=f"{artwork_id}:{datetime.now(UTC).timestamp()}",
        )


def change_user(
    session: Session, *, admin: User, user_id: int, changes: Changes, reason: str
) -> None:
    """Change a user's role, or close (`leaving.deactivate`) or reopen the account.

    Raises NotFound, Forbidden for the administrator's own role or account, and ValidationFailed for
    a role that the user cannot have.
    """
    missing = NotFound(resource="user", id=user_id)
    person = _locked(session, User, user_id, missing)
    if person.deleted_at is not None:
        raise missing
    if user_id == admin.id:
        raise Forbidden(owner=False)
    role = changes.get("role")
    _check_role(person, role if isinstance(role, Role) else None)
    audit.change(
        session, admin_id=admin.id, object_type="user", row=person, values=changes, reason=reason
    )
    if changes.get("is_active") is False:
        leaving.deactivate(session, user_id)


def _check_role(person: User, role: Role | None) -> None:
    """Raise ValidationFailed unless the user is an artist exactly if there is a signature."""
    if role is Role.ARTIST and person.artist is None:
        raise ValidationFailed(fields={"role": [FieldProblem("This user has no signature yet.")]})
    if role is Role.USER and person.artist is not None:
        raise ValidationFailed(
            fields={"role": [FieldProblem("A user with a signature stays an artist.")]}
        )


def _lock_owner(session: Session, user_id: int, field: str) -> None:
    """Lock the owner's user row, so that the account cannot be closed during this transaction.

    Call it before the changed row is locked: `leaving` locks in this order. Raises
    ValidationFailed if the account is closed.
    """
    try:
        accounts.lock_active(session, user_id)
    except AccountInactive:
        raise ValidationFailed(
            fields={field: [FieldProblem("The owner's account is closed.")]}
        ) from None


def _locked(session: Session, model: type[Row], row_id: int, missing: DomainError) -> Row:
    row: Row | None = session.get(
        model, row_id, with_for_update={"of": model}, populate_existing=True
    )
    if row is None:
        raise missing
    return row
