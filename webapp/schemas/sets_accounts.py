"""Answers about accounts of Sets and their tokens."""

from typing import Annotated, Literal

from pydantic import Field

from webapp.domain.models.sets_account import SetsPlan
from webapp.schemas.fields import Answer, Count, Time

PublicId = Annotated[str, Field(examples=["u_7Kq2Zt4mWx9Lr3Vb"])]


class AnonymousAccount(Answer):
    """POST /sets/auth/anon. The token is shown once and kept by the client."""

    user_id: PublicId
    token: str = Field(examples=["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1XzEifQ.c2lnbmF0dXJl"])
    token_type: Literal["Bearer"] = Field("Bearer")
    expires_at: Time


class Revoked(Answer):
    """POST /sets/auth/revoke."""

    revoked: Literal[True]


class RuleSlots(Answer):
    """How many rules are saved, and how many the plan allows."""

    used: Count
    max: Count


class SetsMe(Answer):
    """GET /sets/me."""

    user_id: PublicId
    is_anonymous: bool = Field(examples=[True])
    plan: SetsPlan
    pro_until: Time | None
    credits: Count
    active_jobs: Count
    max_concurrency: Count
    max_items_per_job: Count
    rule_slots: RuleSlots
    watermark: bool = Field(examples=[True])
