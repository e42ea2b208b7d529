"""Leaving: an account on which nothing of others depends is deleted, any other is deactivated.

Deleted: everything the person made or said goes, and the row stays without a name, because the
ledger is never deleted and certificates stay readable. The person may come back with a new account,
though not to a second welcome bonus. An object whose key is forgotten here is collected later.

Deactivated: somebody else has ordered an image in one of the person's styles, whatever became of
it, or an administrator has closed the account. Styles and history stay as evidence and buyers keep
their images and certificates, but nothing is sold any more: the styles are switched off, the
person's own images are shown to nobody, and the account opens to nobody until an administrator
opens it again.

Opened again, the account is where it stopped, and nothing comes back by itself: what was switched
off or hidden may have had its reason. The person switches a style on again (or an administrator
does), as far as the slot is free, and shows images one by one. Training and orders that were under
way when it was closed went on to their ends: buyers have paid, and a style that was learned
meanwhile is off.

Either way what was ordered for money and not paid is closed, and nothing is asked of the provider.
A payment that is just being confirmed goes to its end, and its money goes back (`payments`).

Services that write for a user call `accounts.lock_active`, and services that sell lock the style:
a concurrent write is either committed before the account is closed, or refused.
"""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import (
    ColumnElement,
    Select,
    delete,
    exists,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from webapp.domain.errors import (
    AccountInactive,
    FieldProblem,
    GenerationStillProcessing,
    TrainingInProgress,
    ValidationFailed,
)
from webapp.domain.models.account import Artist, Role, User
from webapp.domain.models.comment import Comment
from webapp.domain.models.follow import Follow
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.idempotency import IdempotencyKey
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.like import Like
from webapp.domain.models.notification import Notification
from webapp.domain.models.style import Artwork, Style, TrainingStatus
from webapp.domain.models.training import TrainingRun
from webapp.domain.services import accounts, checkpoints, names, purchases, sets_leaving, tags

UNFINISHED = (GenerationStatus.QUEUED, GenerationStatus.PROCESSING, GenerationStatus.RETRYING)
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('leaving'))")


class Farewell(StrEnum):
    """What became of an account."""

    DELETED = "deleted"
    DEACTIVATED = "deactivated"


def leave(session: Session, *, user: User, confirm: str) -> Farewell:
    """Close a person's account and end all its sessions; `confirm` is the person's own name.

    Raises ValidationFailed, TrainingInProgress and GenerationStillProcessing.
    """
    if confirm != user.username:
        raise ValidationFailed(fields={"confirm": [FieldProblem("Must be your username.")]})
    user_id = user.id
    _hold_still(session, user_id)
    _refuse_unfinished(session, user_id)
    if _others_depend_on(session, user_id):
        deactivate(session, user_id)
        return Farewell.DEACTIVATED
    accounts.end_all_sign_ins(session, user_id)
    purchases.close_pending(session, user_id)
    _delete(session, user_id)
    return Farewell.DELETED


def deactivate(session: Session, user_id: int) -> None:
    """Close an account whose row the caller has locked: nobody signs in, nothing is sold or shown.

    All its sessions end, and what was ordered for money and not paid is closed. What is under way
    goes on to its end.
    """
    accounts.end_all_sign_ins(session, user_id)
    purchases.close_pending(session, user_id)
    session.execute(update(User).where(User.id == user_id).values(is_active=False))
    session.execute(
        update(Style)
        .where(Style.artist_id == user_id, Style.is_active)
        .values(is_active=False, updated_at=func.clock_timestamp())
    )
    hidden = session.execute(
        update(Generation)
        .where(Generation.user_id == user_id, Generation.is_public)
        .values(is_public=False, updated_at=func.clock_timestamp())
        .returning(Generation.prompt_tags, Generation.is_flagged)
        .execution_options(synchronize_session="fetch")
    )
    shown = [tag for row in hidden if not row.is_flagged for tag in row.prompt_tags]
    tags.uncount_uses(session, (), of_images=shown)


def foresee(session: Session, user_id: int) -> Farewell:
    """Return what would become of a person's account if they left now."""
    depends = _others_depend_on(session, user_id)
    return Farewell.DEACTIVATED if depends else Farewell.DELETED


def _hold_still(session: Session, user_id: int) -> None:
    """Wait for whoever is at work on what is about to go, and let nobody begin.

    Comments come first: who replies to one holds it, and then needs the person to be told.
    """
    # Two people who follow each other, leaving together, would wait for each other.
    session.execute(ONE_AT_A_TIME)
    sets_leaving.hold(session, user_id)
    session.execute(
        select(Comment.id).where(_by_or_to(user_id)).order_by(Comment.id).with_for_update()
    )
    if not session.scalar(select(User.is_active).where(User.id == user_id).with_for_update()):
        raise AccountInactive
    session.execute(
        select(Style.id).where(Style.artist_id == user_id).order_by(Style.id).with_for_update()
    )


def _refuse_unfinished(session: Session, user_id: int) -> None:
    style_id = session.scalar(
        select(Style.id).where(
            Style.artist_id == user_id,
            Style.training_status.in_([TrainingStatus.PENDING, TrainingStatus.TRAINING]),
        )
    )
    if style_id is not None:
        raise TrainingInProgress(style_id=style_id)
    unfinished = session.scalars(
        select(Generation.id)
        .where(Generation.user_id == user_id, Generation.status.in_(UNFINISHED))
        .order_by(Generation.id)
    ).all()
    if unfinished:
        raise GenerationStillProcessing(generation_ids=list(unfinished))


def _others_depend_on(session: Session, user_id: int) -> bool:
    foreign = (
        select(Generation.id)
        .join(Style, Style.id == Generation.style_id)
        .where(Style.artist_id == user_id, Generation.user_id != user_id)
        .limit(1)
    )
    return session.scalar(foreign) is not None


def _delete(session: Session, user_id: int) -> None:
    comment_ids = _delete_comments(session, user_id)
    _delete_notifications(session, user_id, comment_ids)
    _delete_likes(session, user_id)
    _delete_follows(session, user_id)
    tags_of_styles, tags_of_images = (
        _tags_of_styles(session, user_id),
        _tags_of_images(session, user_id),
    )
    _delete_images(session, user_id)
    _delete_styles(session, user_id)
    sets_leaving.delete_all(session, user_id)
    _delete_person(session, user_id)
    tags.uncount_uses(session, tags_of_styles, of_images=tags_of_images)


def _delete_comments(session: Session, user_id: int) -> list[int]:
    """Take back what the person said, with the replies, and what was said to the person's images.

    Returns the ids of all these.
    """
    parent = aliased(Comment)
    own = select(parent.id).where(parent.user_id == user_id)
    gone = session.execute(
        delete(Comment)
        .where(or_(_by_or_to(user_id), Comment.parent_id.in_(own)))
        .returning(Comment.id, Comment.generation_id, Comment.parent_id)
    ).all()
    _count_down(session, Generation.comment_count, (row.generation_id for row in gone))
    _count_down(session, Comment.reply_count, (row.parent_id for row in gone if row.parent_id))
    return [row.id for row in gone]


def _delete_notifications(session: Session, user_id: int, comment_ids: list[int]) -> None:
    """Forget what the person was told, and what others were told of the person's doings."""
    of_images = Notification.target_id.in_(_images_of(user_id))
    session.execute(
        delete(Notification).where(
            or_(
                Notification.recipient_id == user_id,
                Notification.actor_id == user_id,
                (Notification.target_type == "generation") & of_images,
                (Notification.target_type == "comment") & Notification.target_id.in_(comment_ids),
            )
        )
    )


def _delete_likes(session: Session, user_id: int) -> None:
    liked = session.scalars(
        delete(Like).where(Like.user_id == user_id).returning(Like.generation_id)
    ).all()
    _count_down(session, Generation.like_count, liked)
    session.execute(delete(Like).where(Like.generation_id.in_(_images_of(user_id))))


def _delete_follows(session: Session, user_id: int) -> None:
    followed = session.scalars(
        delete(Follow).where(Follow.follower_id == user_id).returning(Follow.followed_id)
    ).all()
    _count_down(session, User.follower_count, followed)
    session.execute(delete(Follow).where(Follow.followed_id == user_id))


def _tags_of_images(session: Session, user_id: int) -> list[str]:
    """Return the tags of the person's images, each as often as it was counted."""
    tags_of = select(func.unnest(Generation.prompt_tags)).where(
        Generation.user_id == user_id, Generation.is_public, ~Generation.is_flagged
    )
    return list(session.scalars(tags_of))


def _tags_of_styles(session: Session, user_id: int) -> list[str]:
    """Return the tags of the person's styles, each as often as it was counted."""
    tags_of = select(func.unnest(Style.tags)).where(
        Style.artist_id == user_id, Style.training_status == TrainingStatus.COMPLETED
    )
    return list(session.scalars(tags_of))


def _delete_images(session: Session, user_id: int) -> None:
    """Empty the rows of the person's images; certificates need the hash that is left."""
    session.execute(
        update(Generation)
        .where(Generation.user_id == user_id)
        .values(
            deleted_at=func.clock_timestamp(),
            updated_at=func.clock_timestamp(),
            is_public=False,
            prompt_tags=[],
            negative_tags=[],
            description="",
            image_key=None,
            preview_key=None,
            thumbnail_key=None,
            like_count=0,
            comment_count=0,
        )
    )


def _delete_styles(session: Session, user_id: int) -> None:
    """Drop the person's styles with their works; of a used one the name stays, for certificates.

    Only the person's own images can be made with it: otherwise the account is not deleted.
    """
    of_person = select(Style.id).where(Style.artist_id == user_id)
    style_ids = list(session.scalars(of_person))
    runs = select(TrainingRun.id).where(TrainingRun.style_id.in_(style_ids))
    session.execute(delete(Job).where(Job.kind == JobKind.TRAINING, Job.ref.in_(runs)))
    checkpoints.delete_of_styles(session, style_ids)
    session.execute(delete(TrainingRun).where(TrainingRun.style_id.in_(style_ids)))
    session.execute(delete(Artwork).where(Artwork.style_id.in_(style_ids)))
    used = select(Generation.style_id).where(Generation.style_id.in_(style_ids))
    session.execute(delete(Style).where(Style.id.in_(style_ids), Style.id.not_in(used)))
    session.execute(
        update(Style)
        .where(Style.artist_id == user_id)
        .values(
            is_active=False,
            description="",
            tags=[],
            adapter_key=None,
            thumbnail_key=None,
            sample_keys=[],
            updated_at=func.clock_timestamp(),
        )
    )


def _delete_person(session: Session, user_id: int) -> None:
    """Take name, address and picture off the row that the ledger needs."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.user_id == user_id))
    names.give_up(session, user_id)
    nobody = f"deleted:{user_id}"  # no name that people can choose has a colon
    has_styles = exists().where(Style.artist_id == Artist.user_id)
    session.execute(delete(Artist).where(Artist.user_id == user_id, ~has_styles))
    # Certificates name the artist; the signature nobody needs, for nothing is left to be signed.
    session.execute(
        update(Artist)
        .where(Artist.user_id == user_id)
        .values(artist_name=nobody, contact_email="", signature_key="")
    )
    session.execute(
        update(User)
        .where(User.id == user_id)
        .values(
            google_sub=nobody,
            username=nobody,
            display_name=nobody,
            email="",
            bio="",
            profile_image_key=None,
            language=None,
            role=Role.USER,
            is_active=False,
            follower_count=0,
            deleted_at=func.clock_timestamp(),
        )
    )


def _images_of(user_id: int) -> Select[int]:
    return select(Generation.id).where(Generation.user_id == user_id)


def _by_or_to(user_id: int) -> ColumnElement[bool]:
    """Return the condition that a comment is the person's, or stands under the person's image."""
    return or_(Comment.user_id == user_id, Comment.generation_id.in_(_images_of(user_id)))


def _count_down(
    session: Session, counter: InstrumentedAttribute[int], row_ids: Iterable[int]
) -> None:
    """Take one off a row's counter for each time the row is named."""
    by_count: dict[int, list[int]] = {}
    for row_id, count in Counter(row_ids).items():
        by_count.setdefault(count, []).append(row_id)
    model = counter.class_
    for count, ids in by_count.items():
        session.execute(update(model).where(model.id.in_(ids)).values({counter: counter - count}))
