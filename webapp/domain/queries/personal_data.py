"""Everything that a person gave to the site or got from it, as JSON documents.

Of other people only what they show everybody: names of styles and artists, and the usernames of
those whom the person follows. What others wrote is not part of it.
"""

from dataclasses import dataclass

import orjson
from sqlalchemy import func, select, union_all
from sqlalchemy.orm import Session

from webapp.domain.models.account import Artist, SignIn, User
from webapp.domain.models.api_key import ApiKey
from webapp.domain.models.artist_page import ArtistPage, PinnedPicture
from webapp.domain.models.collection import Collection, CollectionPicture
from webapp.domain.models.comment import Comment
from webapp.domain.models.follow import Follow
from webapp.domain.models.generation import Generation, Order
from webapp.domain.models.ledger import Account, Transfer
from webapp.domain.models.license import Certificate
from webapp.domain.models.like import Like
from webapp.domain.models.mail_digest import MailDigest, MailDigestSetting
from webapp.domain.models.notification_setting import NotificationSetting
from webapp.domain.models.outgoing_webhook import Webhook
from webapp.domain.models.payment import Purchase
from webapp.domain.models.payout import PayoutRequest
from webapp.domain.models.report import Report
from webapp.domain.models.sets_account import SetsAccount, SetsCreditEntry
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_photo import SetsPhoto
from webapp.domain.models.sets_rule import SetsRule
from webapp.domain.models.shown_artwork import ShownArtwork
from webapp.domain.models.style import Artwork, Style
from webapp.domain.queries.pagination import AnySelect

JSON_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON document: a list of rows."""

    name: str
    content: bytes


def documents(session: Session, user_id: int) -> list[Document]:
    """Return the documents of a person, one statement each."""
    return [
        Document(
            f"{name}.json",
            orjson.dumps(
                [dict(row) for row in session.execute(statement).mappings()], option=JSON_OPTIONS
            ),
        )
        for name, statement in statements(user_id).items()
    ]


def statements(user_id: int) -> dict[str, AnySelect]:
    """Return the statement of each document by the name of its file."""
    return _of_account(user_id) | _of_shop(user_id) | _of_talk(user_id) | _of_sets(user_id)


def _of_account(user_id: int) -> dict[str, AnySelect]:
    return {
        "profile": select(
            User.id, User.username, User.display_name, User.email, User.bio, User.language,
            User.role, User.follower_count, User.created_at, Artist.artist_name,
            Artist.contact_email, Artist.signature_position, Artist.signature_size,
            Artist.signature_opacity, Artist.created_at.label("artist_since"),
        ).outerjoin(Artist, Artist.user_id == User.id).where(User.id == user_id),
        "sign_ins": select(SignIn.created_at, SignIn.expires_at, SignIn.ended_at)
        .where(SignIn.user_id == user_id)
        .order_by(SignIn.created_at),
        "notification_settings": select(
            NotificationSetting.kind, NotificationSetting.in_bell, NotificationSetting.updated_at
        ).where(NotificationSetting.user_id == user_id),
        "mail_digest_setting": select(
            MailDigestSetting.frequency, MailDigestSetting.language, MailDigestSetting.email,
            MailDigestSetting.refusals, MailDigestSetting.updated_at,
        ).where(MailDigestSetting.user_id == user_id),
        "mail_digests": select(
            MailDigest.day, MailDigest.status, MailDigest.notification_count,
            MailDigest.finished_at,
        ).where(MailDigest.user_id == user_id).order_by(MailDigest.day),
        "api_keys": select(
            ApiKey.name, ApiKey.scopes, ApiKey.start, ApiKey.expires_at, ApiKey.last_used_on,
            ApiKey.created_at,
        ).where(ApiKey.user_id == user_id).order_by(ApiKey.id),
        "webhooks": select(
            Webhook.url, Webhook.events, Webhook.disabled_cause, Webhook.created_at
        ).where(Webhook.user_id == user_id).order_by(Webhook.id),
        "artist_page": select(ArtistPage.about, ArtistPage.links, ArtistPage.updated_at)
        .where(ArtistPage.user_id == user_id),
        "pinned_pictures": select(
            PinnedPicture.generation_id.label("picture_id"), PinnedPicture.created_at
        )
        .where(PinnedPicture.artist_id == user_id)
        .order_by(PinnedPicture.created_at, PinnedPicture.generation_id),
        "styles": select(
            Style.id, Style.name, Style.description, Style.price_tokens, Style.license_type,
            Style.commercial_price_tokens, Style.valid_from, Style.valid_to, Style.tags,
            Style.is_active, Style.training_status, Style.usage_count, Style.created_at,
        ).where(Style.artist_id == user_id).order_by(Style.id),
        "artworks": select(
            Artwork.style_id, Artwork.idx, Artwork.filename, Artwork.tags, Artwork.status,
            ShownArtwork.place.label("shown_place"), ShownArtwork.title.label("shown_title"),
        )
        .join(Style, Style.id == Artwork.style_id)
        .outerjoin(ShownArtwork, ShownArtwork.artwork_id == Artwork.id)
        .where(Style.artist_id == user_id)
        .order_by(Artwork.style_id, Artwork.idx),
        "consents": select(
            Style.id.label("style_id"), Style.rights_statement, Style.rights_version,
            Style.rights_agreed_at,
        )
        .where(Style.artist_id == user_id, Style.rights_agreed_at.is_not(None))
        .order_by(Style.id),
    }  # fmt: skip


def _of_shop(user_id: int) -> dict[str, AnySelect]:
    return {
        "orders": select(
            Order.id.label("order_id"), Generation.id.label("picture_id"), Generation.style_id,
            Style.name.label("style"), Order.license_type, Order.legal_name, Generation.status,
            Generation.prompt_tags, Generation.negative_tags, Generation.description,
            Generation.aspect_ratio, Generation.seed, Generation.style_strength,
            Generation.price_tokens, Generation.is_public, Generation.failure_cause,
            Generation.image_sha256, Generation.created_at, Generation.completed_at,
        )
        .select_from(Generation)
        .join(Order, Order.id == Generation.order_id)
        .join(Style, Style.id == Generation.style_id)
        .where(Generation.user_id == user_id)
        .order_by(Generation.created_at, Generation.id),
        "certificates": select(
            Certificate.public_id, Certificate.generation_id.label("picture_id"),
            Style.name.label("style"), Artist.artist_name, Certificate.license_type,
            Certificate.terms_version, Certificate.status, Certificate.valid_from,
            Certificate.valid_to, Certificate.image_sha256, Certificate.issued_at,
            Certificate.revoked_at,
        )
        .select_from(Generation)
        .join(Certificate, Certificate.generation_id == Generation.id)
        .join(Style, Style.id == Certificate.style_id)
        .join(Artist, Artist.user_id == Certificate.artist_id)
        .where(Generation.user_id == user_id)
        .order_by(Certificate.id),
        "transfers": _transfers(user_id),
        "payments": select(
            Purchase.order_id, Purchase.package_id, Purchase.product, Purchase.amount_tokens,
            Purchase.amount_credits, Purchase.total_price, Purchase.currency_code,
            Purchase.status, Purchase.created_at, Purchase.approved_at, Purchase.refunded_at,
            Purchase.receipt_url, Purchase.refund_requested_at, Purchase.refund_reason,
            Purchase.refund_declined_at, Purchase.refund_decline_note,
        ).where(Purchase.user_id == user_id).order_by(Purchase.created_at, Purchase.id),
        "payout_requests": select(
            PayoutRequest.id, PayoutRequest.amount_tokens, PayoutRequest.amount_krw,
            PayoutRequest.status, PayoutRequest.paid_krw, PayoutRequest.reference,
            PayoutRequest.note, PayoutRequest.created_at, PayoutRequest.ended_at,
            PayoutRequest.returned_at, PayoutRequest.return_note,
        ).where(PayoutRequest.user_id == user_id).order_by(PayoutRequest.id),
    }  # fmt: skip


def _transfers(user_id: int) -> AnySelect:
    """Select each transfer once for every account of the person that it changed."""
    sides = (
        (Transfer.credit_account_id, Transfer.amount, Transfer.credit_balance_after),
        (Transfer.debit_account_id, -Transfer.amount, Transfer.debit_balance_after),
    )
    moved = union_all(
        *(
            select(
                Transfer.id, Transfer.kind, Account.kind.label("account"), amount.label("tokens"),
                balance.label("balance_after"), Transfer.generation_id.label("picture_id"),
                Transfer.purchase_id, Transfer.created_at,
            )
            .join(Account, Account.id == account_id)
            .where(Account.owner_id == user_id)
            for account_id, amount, balance in sides
        )
    ).subquery()  # fmt: skip
    return select(*moved.c).order_by(moved.c.created_at, moved.c.id)


def _of_talk(user_id: int) -> dict[str, AnySelect]:
    pictures = (
        select(func.array_agg(CollectionPicture.generation_id))
        .where(CollectionPicture.collection_id == Collection.id)
        .correlate(Collection)
        .scalar_subquery()
    )
    return {
        "comments": select(
            Comment.id, Comment.generation_id.label("picture_id"), Comment.parent_id,
            Comment.content, Comment.is_hidden, Comment.created_at, Comment.updated_at,
        ).where(Comment.user_id == user_id).order_by(Comment.created_at, Comment.id),
        "likes": select(Like.generation_id.label("picture_id"), Like.created_at)
        .where(Like.user_id == user_id)
        .order_by(Like.created_at, Like.generation_id),
        "follows": select(User.username, Follow.created_at)
        .join(User, User.id == Follow.followed_id)
        .where(Follow.follower_id == user_id)
        .order_by(Follow.created_at, Follow.followed_id),
        "collections": select(
            Collection.id, Collection.name, Collection.description, Collection.is_public,
            pictures.label("picture_ids"), Collection.created_at,
        ).where(Collection.user_id == user_id).order_by(Collection.created_at, Collection.id),
        "reports": select(
            Report.target_type, Report.target_id, Report.reason, Report.text, Report.status,
            Report.created_at,
        ).where(Report.reporter_id == user_id).order_by(Report.created_at, Report.id),
    }  # fmt: skip


def _of_sets(user_id: int) -> dict[str, AnySelect]:
    is_own = SetsAccount.user_id == user_id
    return {
        "sets_jobs": select(
            SetsJob.public_id, SetsJob.name, SetsJob.preset_id, SetsJob.status, SetsJob.concepts,
            SetsJob.protect, SetsJob.overrides, SetsJob.created_at, SetsJob.purged_at,
        )
        .join(SetsAccount, SetsAccount.id == SetsJob.account_id)
        .where(is_own)
        .order_by(SetsJob.id),
        "sets_photos": select(
            SetsJob.public_id.label("job"), SetsPhoto.filename, SetsPhoto.status, SetsPhoto.width,
            SetsPhoto.height, SetsPhoto.sha256, SetsPhoto.result_sha256, SetsPhoto.created_at,
        )
        .join(SetsJob, SetsJob.id == SetsPhoto.job_id)
        .join(SetsAccount, SetsAccount.id == SetsJob.account_id)
        .where(is_own)
        .order_by(SetsPhoto.id),
        "sets_rules": select(
            SetsRule.public_id, SetsRule.name, SetsRule.preset_id, SetsRule.concepts,
            SetsRule.protect, SetsRule.created_at, SetsRule.deleted_at,
        )
        .join(SetsAccount, SetsAccount.id == SetsRule.account_id)
        .where(is_own)
        .order_by(SetsRule.id),
        "sets_credits": select(
            SetsCreditEntry.kind, SetsCreditEntry.amount, SetsCreditEntry.balance_after,
            SetsCreditEntry.created_at,
        )
        .join(SetsAccount, SetsAccount.id == SetsCreditEntry.account_id)
        .where(is_own)
        .order_by(SetsCreditEntry.id),
    }  # fmt: skip
