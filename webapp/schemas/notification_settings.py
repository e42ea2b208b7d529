"""Bodies and answers about the settings of notifications."""

from pydantic import Field

from webapp.domain.models.mail_digest import DigestFrequency
from webapp.domain.models.notification_setting import NotificationKind
from webapp.schemas.fields import Answer, Body

ALWAYS = "always true: it cannot be switched off"


class NotificationSettingChanges(Body):
    """PATCH /notifications/settings: kinds that are left out stay as they are."""

    likes: bool | None = Field(None, examples=[False])
    comments: bool | None = None
    follows: bool | None = None
    orders: bool | None = Field(None, description="finished pictures and albums")
    styles: bool | None = Field(None, description="trainings of one's styles")
    sales: bool | None = Field(None, description="the daily sales of one's styles")
    money: bool | None = Field(None, description=ALWAYS)
    reports: bool | None = Field(None, description=ALWAYS)
    account: bool | None = Field(None, description=ALWAYS)
    mail_digest: DigestFrequency | None = Field(
        None, examples=["weekly"], description="how often unread notifications are mailed"
    )

    def in_bell(self) -> dict[NotificationKind, bool]:
        """Return the kinds that are named, with their choice."""
        chosen = self.model_dump(exclude_none=True, exclude={"mail_digest"})
        return {NotificationKind(name): is_on for name, is_on in chosen.items()}


class KindSetting(Answer):
    """One kind of notifications."""

    kind: NotificationKind
    in_bell: bool = Field(examples=[True])
    can_be_off: bool = Field(examples=[True], description="false: these are always on")


class NotificationSettings(Answer):
    """Every kind, in the order in which the page shows them."""

    kinds: list[KindSetting]
    mail_digest: DigestFrequency | None = Field(
        examples=["off"], description="null: this site sends no mails"
    )
