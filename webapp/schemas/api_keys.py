"""Bodies and answers about API keys."""

from datetime import date
from typing import Annotated

from pydantic import Field, StringConstraints

from webapp.domain.models.api_key import Scope
from webapp.domain.services.api_keys import MAX_DAYS, SECRET
from webapp.schemas.fields import Answer, Body, Id, PlainText, Time

KeyName = Annotated[
    PlainText, StringConstraints(min_length=1, max_length=50), Field(examples=["Catalogue"])
]


class NewApiKey(Body):
    """POST /keys; without `expires_in_days` the key has no end."""

    name: KeyName
    scopes: list[Scope] = Field(
        default=[], max_length=len(Scope), description="besides read, which every key has"
    )
    expires_in_days: int | None = Field(None, ge=1, le=MAX_DAYS, examples=[90])


class ApiKeyView(Answer):
    """One key."""

    id: Id
    name: str = Field(examples=["Catalogue"])
    scopes: list[Scope]
    start: str = Field(examples=["sl_0123ab"], description="of its secret")
    expires_at: Time | None
    is_expired: bool = Field(examples=[False])
    last_used_on: date | None = Field(examples=["2026-01-15"], description="in UTC")
    created_at: Time


class MadeApiKey(ApiKeyView):
    """POST /keys: the only answer with the secret."""

    secret: str = Field(pattern=f"^{SECRET.pattern}$", examples=["sl_" + "0123456789" * 4])
