"""Settings of notifications: which kinds a user has switched off, a row for each choice."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.domain.db import Base
from webapp.domain.models.columns import CreatedAt, one_of
from webapp.domain.models.notification import NotificationType


class NotificationKind(StrEnum):
    """What users choose by: each kind has one or more types of notifications."""

    LIKES = "likes"
    COMMENTS = "comments"
    FOLLOWS = "follows"
    ORDERS = "orders"
    STYLES = "styles"
    SALES = "sales"
    MONEY = "money"
    REPORTS = "reports"
    ACCOUNT = "account"


KIND_OF = {
    NotificationType.LIKE: NotificationKind.LIKES,
    NotificationType.COMMENT: NotificationKind.COMMENTS,
    NotificationType.FOLLOW: NotificationKind.FOLLOWS,
    NotificationType.GENERATION_COMPLETE: NotificationKind.ORDERS,
    NotificationType.SET_JOB_COMPLETE: NotificationKind.ORDERS,
    NotificationType.STYLE_TRAINED: NotificationKind.STYLES,
    NotificationType.STYLE_TRAINING_COMPLETE: NotificationKind.STYLES,
    NotificationType.STYLE_TRAINING_FAILED: NotificationKind.STYLES,
    NotificationType.STYLE_OUTDATED: NotificationKind.STYLES,
    NotificationType.STYLE_SALES: NotificationKind.SALES,
    # A failed order is about money: its price came back.
    NotificationType.GENERATION_FAILED: NotificationKind.MONEY,
    NotificationType.SET_JOB_FAILED: NotificationKind.MONEY,
    NotificationType.PAYMENT_COMPLETE: NotificationKind.MONEY,
    NotificationType.REFUND: NotificationKind.MONEY,
    NotificationType.PAYOUT_DECIDED: NotificationKind.MONEY,
    NotificationType.REPORT_DECIDED: NotificationKind.REPORTS,
    NotificationType.ARTWORK_HIDDEN: NotificationKind.REPORTS,
    NotificationType.DATA_EXPORT_READY: NotificationKind.ACCOUNT,
    NotificationType.MAIL_DIGEST_STOPPED: NotificationKind.ACCOUNT,
    NotificationType.WEBHOOK_DISABLED: NotificationKind.ACCOUNT,
}
# Money, decisions of administrators and changes of the account itself are always told.
ALWAYS_ON = frozenset({NotificationKind.MONEY, NotificationKind.REPORTS, NotificationKind.ACCOUNT})


class NotificationSetting(Base):
    """What a user chose for a kind; without a row the kind is on.

    The row stays when the kind is switched on again: the check of the ledger does not expect
    notifications of what ended while it was off.
    """

    __tablename__ = "notification_settings"
    __table_args__ = (CheckConstraint(one_of("kind", NotificationKind), name="kind"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    kind: Mapped[NotificationKind] = mapped_column(String(20), primary_key=True)
    in_bell: Mapped[bool]
    updated_at: Mapped[CreatedAt]
