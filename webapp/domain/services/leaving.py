"""Closing an account: it is deleted if no other user depends on it, otherwise deactivated.

Deleted: all content of the person is deleted. The user row stays without personal data, because
the ledger is never deleted and certificates stay valid. The person can open a new account, without
a second welcome bonus. Objects in storage are deleted later by the garbage collection.

Deactivated: another user has ordered an image in one of the person's styles, with any outcome, or
an administrator has closed the account. Styles and history stay, and buyers keep their images and
certificates. But the styles are inactive, the person's own images, collections and artworks are
private, and nobody can sign in until an administrator opens the account again.

Opening an account again restores nothing: a style may have been deactivated, or an image hidden,
for another reason. The person (or an administrator) activates a style if the slot is free, and
publishes images one by one. Training and orders that were running when the account was closed are
finished: buyers have paid. A style that was trained meanwhile is inactive.

An artist with an open payout request withdraws it first, or waits for its end. After an
administrator has closed an account, its request is still settled or declined.

In both cases requested refunds are still decided, and pending purchases are closed without a
request to the provider. A payment that is being confirmed is finished, then refunded (`payments`).

Services that write for a user call `accounts.lock_active`, and services that sell lock the style:
a concurrent write is either committed before the account is closed, or refused.
"""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, delete, exists, func, or_, select, text, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from webapp.domain.errors import (
    AccountInactive,
    FieldProblem,
    GenerationStillProcessing,
    PayoutOpen,
    TrainingInProgress,
    ValidationFailed,
)
from webapp.domain.models.account import Artist, Role, User
from webapp.domain.models.comment import Comment
from webapp.domain.models.follow import Follow
from webapp.domain.models.generation import Generation, GenerationStatus, Order
from webapp.domain.models.idempotency import IdempotencyKey
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.like import Like
from webapp.domain.models.notification import Notification
from webapp.domain.models.notification_setting import NotificationSetting
from webapp.domain.models.style import Artwork, Style, TrainingStatus
from webapp.domain.models.training import TrainingRun
from webapp.domain.services import (
    accounts,
    api_keys,
    artist_pages,
    checkpoints,
    collections,
    data_exports,
    generations,
    mail_digests,
    names,
    notification_groups,
    notifications,
    outgoing_webhooks,
    payouts,
    purchases,
    refund_requests,
    reports,
    sets_leaving,
    shown_artworks,
    tags,
)

UNFINISHED = (GenerationStatus.QUEUED, GenerationStatus.PROCESSING, GenerationStatus.RETRYING)
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('leaving'))")


class Outcome(StrEnum):
    """What happened to a closed account."""

    DELETED = "deleted"
    DEACTIVATED = "deactivated"


def leave(session: Session, *, user: User, confirm: str) -> Outcome:
    """Close a person's account, end its sessions and revoke its keys; `confirm` is the username.

    Raises ValidationFailed, TrainingInProgress, GenerationStillProcessing and PayoutOpen.
    """
    if confirm != user.username:
        raise ValidationFailed(fields={"confirm": [FieldProblem("Must be your username.")]})
    user_id = user.id
    _lock_rows(session, user_id)
    _refuse_unfinished(session, user_id)
    if _others_depend_on(session, user_id):
        deactivate(session, user_id)
        return Outcome.DEACTIVATED
    accounts.end_all_sign_ins(session, user_id)
    api_keys.revoke_all(session, user_id)
    purchases.close_pending(session, user_id)
    _delete(session, user_id)
    return Outcome.DELETED


def deactivate(session: Session, user_id: int) -> None:
    """Deactivate an account whose row the caller has locked.

    Ends all sessions, revokes API keys, closes pending purchases, deactivates the styles, makes
    images and collections private, and shows no artwork any more. Running jobs are finished.
    """
    accounts.end_all_sign_ins(session, user_id)
    api_keys.revoke_all(session, user_id)
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
        .returning(Generation.id, Generation.prompt_tags, Generation.is_flagged)
        .execution_options(synchronize_session="fetch")
    ).all()
    notifications.delete_of_hidden(session, [row.id for row in hidden], user_id)
    collections.hide_all(session, user_id)
    shown_artworks.delete_all(session, user_id)
    counted_tags = [tag for row in hidden if not row.is_flagged for tag in row.prompt_tags]
    tags.uncount_uses(session, (), of_images=counted_tags)
    # Last: whoever delivers a picture locks the addresses that are told of it after all else.
    outgoing_webhooks.remove_all(session, user_id)


def expected_outcome(session: Session, user_id: int) -> Outcome:
    """Return the outcome if the person closed the account now."""
    has_dependents = _others_depend_on(session, user_id)
    return Outcome.DEACTIVATED if has_dependents else Outcome.DELETED


def _lock_rows(session: Session, user_id: int) -> None:
    """Lock every row to be deleted, comments first.

    A reply locks its parent comment and then the user row of the recipient: another order here
    would deadlock with it.
    """
    # Two users who follow each other and close their accounts together would deadlock.
    session.execute(ONE_AT_A_TIME)
    sets_leaving.lock_all(session, user_id)
    session.execute(
        select(Comment.id).where(_by_or_to(user_id)).order_by(Comment.id).with_for_update()
    )
    refund_requests.lock_all(session, user_id)
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
    payout_id = payouts.open_request_id(session, user_id)
    if payout_id is not None:
        raise PayoutOpen(payout_id=payout_id)


def _others_depend_on(session: Session, user_id: int) -> bool:
    orders_of_others = (
        select(Generation.id)
        .join(Style, Style.id == Generation.style_id)
        .where(Style.artist_id == user_id, Generation.user_id != user_id)
        .limit(1)
    )
    return session.scalar(orders_of_others) is not None


def _delete(session: Session, user_id: int) -> None:
    comment_ids = _delete_comments(session, user_id)
    _delete_likes(session, user_id)
    _delete_follows(session, user_id)
    tags_of_styles, tags_of_images = (
        _tags_of_styles(session, user_id),
        _tags_of_images(session, user_id),
    )
    _delete_images(session, user_id)
    # After the pictures: whoever likes one locks it before its notification.
    _delete_notifications(session, user_id, comment_ids)
    collections.delete_all(session, user_id)
    artist_pages.delete_all(session, user_id)
    _delete_styles(session, user_id)
    sets_leaving.delete_all(session, user_id)
    _delete_person(session, user_id)
    tags.uncount_uses(session, tags_of_styles, of_images=tags_of_images)
    outgoing_webhooks.remove_all(session, user_id)


def _delete_comments(session: Session, user_id: int) -> list[int]:
    """Delete the person's comments with their replies, and all comments on the person's images.

    Returns the ids of the deleted comments.
    """
    parent = aliased(Comment)
    own = select(parent.id).where(parent.user_id == user_id)
    deleted = session.execute(
        delete(Comment)
        .where(or_(_by_or_to(user_id), Comment.parent_id.in_(own)))
        .returning(Comment.id, Comment.generation_id, Comment.parent_id)
    ).all()
    _decrement(session, Generation.comment_count, (row.generation_id for row in deleted))
    _decrement(session, Comment.reply_count, (row.parent_id for row in deleted if row.parent_id))
    return [row.id for row in deleted]


def _delete_notifications(session: Session, user_id: int, comment_ids: list[int]) -> None:
    """Delete the person's notifications, and those of others about the person's actions.

    The notification of several likes stays, and names another of those who like the picture.
    """
    notification_groups.withdraw_likes_of(session, user_id)
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
    _decrement(session, Generation.like_count, liked)
    session.execute(delete(Like).where(Like.generation_id.in_(_images_of(user_id))))


def _delete_follows(session: Session, user_id: int) -> None:
    followed = session.scalars(
        delete(Follow).where(Follow.follower_id == user_id).returning(Follow.followed_id)
    ).all()
    _decrement(session, User.follower_count, followed)
    session.execute(delete(Follow).where(Follow.followed_id == user_id))


def _tags_of_images(session: Session, user_id: int) -> list[str]:
    """Return the tags of the person's visible images, each as often as it was counted."""
    query = select(func.unnest(Generation.prompt_tags)).where(
        Generation.user_id == user_id, *generations.SHOWN
    )
    return list(session.scalars(query))


def _tags_of_styles(session: Session, user_id: int) -> list[str]:
    """Return the tags of the person's styles, each as often as it was counted."""
    query = select(func.unnest(Style.tags)).where(
        Style.artist_id == user_id, Style.training_status == TrainingStatus.COMPLETED
    )
    return list(session.scalars(query))


def _delete_images(session: Session, user_id: int) -> None:
    """Clear the rows of the person's images; they stay because certificates need the hash."""
    session.execute(update(Order).where(Order.user_id == user_id).values(legal_name=None))
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
    """Delete the person's styles and artworks; the name of a used style stays for certificates.

    Only the person has used it: otherwise the account would not be deleted.
    """
    of_person = select(Style.id).where(Style.artist_id == user_id)
    style_ids = list(session.scalars(of_person))
    runs = select(TrainingRun.id).where(TrainingRun.style_id.in_(style_ids))
    session.execute(delete(Job).where(Job.kind == JobKind.TRAINING, Job.ref.in_(runs)))
    checkpoints.delete_of_styles(session, style_ids)
    session.execute(delete(TrainingRun).where(TrainingRun.style_id.in_(style_ids)))
    shown_artworks.delete_all(session, user_id)
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
            base_sample_keys=[],
            updated_at=func.clock_timestamp(),
        )
    )


def _delete_person(session: Session, user_id: int) -> None:
    """Remove the personal data from the user row, which the ledger references."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.user_id == user_id))
    session.execute(delete(NotificationSetting).where(NotificationSetting.user_id == user_id))
    data_exports.delete_of_person(session, user_id)
    mail_digests.delete_of_person(session, user_id)
    reports.delete_texts(session, user_id)
    refund_requests.delete_texts(session, user_id)
    names.release(session, user_id)
    placeholder = f"{names.DELETED}{user_id}"
    has_styles = exists().where(Style.artist_id == Artist.user_id)
    session.execute(delete(Artist).where(Artist.user_id == user_id, ~has_styles))
    # Certificates reference the artist row. The signature file is not needed any more.
    session.execute(
        update(Artist)
        .where(Artist.user_id == user_id)
        .values(artist_name=placeholder, contact_email="", signature_key="")
    )
    session.execute(
        update(User)
        .where(User.id == user_id)
        .values(
            google_sub=placeholder,
            username=placeholder,
            display_name=placeholder,
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
    """Return the condition that a comment is the person's, or on one of the person's images."""
    return or_(Comment.user_id == user_id, Comment.generation_id.in_(_images_of(user_id)))


def _decrement(
    session: Session, counter: InstrumentedAttribute[int], row_ids: Iterable[int]
) -> None:
    """Decrement a row's counter as often as its id occurs in `row_ids`."""
    by_count: dict[int, list[int]] = {}
    for row_id, count in Counter(row_ids).items():
        by_count.setdefault(count, []).append(row_id)
    model = counter.class_
    for count, ids in by_count.items():
        session.execute(update(model).where(model.id.in_(ids)).values({counter: counter - count}))
