"""Bodies and answers about reports."""

from typing import Literal

from pydantic import Field

from webapp.domain.models.report import ReportReason, ReportStatus, ReportTarget
from webapp.schemas.fields import Answer, Body, Id, PlainText, Time


class ReportRequest(Body):
    """POST /reports."""

    target_type: ReportTarget
    target_id: Id
    reason: ReportReason
    text: PlainText = Field("", max_length=1000)


class Reported(Answer):
    """POST /reports."""

    id: Id
    status: Literal[ReportStatus.OPEN]
    created_at: Time
