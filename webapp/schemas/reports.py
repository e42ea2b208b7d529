"""Bodies about reports."""

from pydantic import Field

from webapp.domain.models.report import ReportReason, ReportTarget
from webapp.schemas.fields import Body, Id, PlainText


class ReportRequest(Body):
    """POST /reports."""

    target_type: ReportTarget
    target_id: Id
    reason: ReportReason
    text: PlainText = Field("", max_length=1000)
