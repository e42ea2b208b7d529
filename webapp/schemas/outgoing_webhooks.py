"""Bodies and answers about webhooks, the messages that go to programs of people."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from webapp.domain.models.outgoing_webhook import CHOOSABLE, DeliveryStatus, DisabledCause
from webapp.domain.outgoing_addresses import MOST_CHARACTERS
from webapp.schemas.fields import Answer, Body, Count, Id, PlainText, Time

Event = Literal[
    "generation.completed",
    "generation.failed",
    "generation.refunded",
    "generation.sold",
    "style.trained",
    "style.training_failed",
]
Events = Annotated[list[Event], Field(min_length=1, max_length=len(CHOOSABLE))]
Address = Annotated[
    PlainText,
    StringConstraints(min_length=1, max_length=MOST_CHARACTERS),
    Field(examples=["https://shop.example/webhooks"]),
]
Secret = Annotated[
    str, Field(pattern="^whsec_[A-Za-z0-9+/]{43}=$", examples=[f"whsec_{'0123456789' * 4}abc="])
]


class NewWebhook(Body):
    """POST /users/me/webhooks."""

    url: Address
    events: Events


class WebhookChanges(Body):
    """PATCH /users/me/webhooks/:id; what is left out stays."""

    events: Events | None = None
    is_enabled: bool | None = None


class WebhookView(Answer):
    """One address."""

    id: Id
    url: Address
    events: list[Event]
    is_enabled: bool = Field(examples=[True])
    disabled_cause: DisabledCause | None = Field(
        examples=[None], description="gone: it answered with 410; failing: for three days"
    )
    failing_since: Time | None
    previous_secret_until: Time | None = Field(
        description="until then messages are signed with the secret before, too"
    )
    created_at: Time


class MadeWebhook(WebhookView):
    """The only answers with the secret: of POST /users/me/webhooks and of a new secret."""

    secret: Secret


class WebhookDeliveryView(Answer):
    """One message and what came of it."""

    id: Id
    message_id: str = Field(examples=["msg_01JC0000000000000000000000"], description="webhook-id")
    event: Event | Literal["webhook.test"]
    status: DeliveryStatus
    attempts: Count
    last_status: int | None = Field(examples=[200], description="HTTP status of the last answer")
    last_problem: str | None = Field(examples=[None], description="why there was no answer")
    last_attempt_at: Time | None
    next_attempt_at: Time | None
    created_at: Time
