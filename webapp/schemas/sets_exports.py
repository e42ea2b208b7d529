"""Queries and answers about archives."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from webapp.domain.sets_presets import MOST_JOBS
from webapp.schemas.fields import Answer, Body, SeenText


def _listed(text: object) -> object:
    """Return what commas separate; a list stays one."""
    return [each for each in text.split(",") if each] if isinstance(text, str) else text


JobIds = Annotated[
    list[Annotated[SeenText, StringConstraints(max_length=40)]],
    BeforeValidator(_listed),
    Field(max_length=MOST_JOBS - 1, examples=[["job_7Kq2Zt4mWx9Lr3Vb"]]),
]


class ExportQuery(Body):
    """GET /sets/jobs/:id/export."""

    template: Annotated[str, Field(max_length=30, examples=["before_after"])] | None = None
    jobs: JobIds = Field(default_factory=list)
    language: Literal["en", "ko"] = "en"


class ExportWaits(Answer):
    """An archive that is being made."""

    status: Literal["queued"] = Field("queued", examples=["queued"])
