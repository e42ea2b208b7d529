"""Answers about the service itself."""

from typing import Literal

from pydantic import Field

from webapp.schemas.fields import Answer


class Health(Answer):
    """GET /health."""

    status: Literal["ok"]
    database: Literal["connected"]
    service: Literal["style-license"]
    version: str = Field(examples=["0.1.0"])
