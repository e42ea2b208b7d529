"""Answers of a verification: the certificates that layers found, as anybody may see them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Self, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.errors import NotFound
from webapp.domain.models.account import Artist
from webapp.domain.models.deep_search import DeepSearch
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.license import Certificate
from webapp.domain.models.style import Style
from webapp.domain.queries.licenses import EXPIRED, status_of

Value = TypeVar("Value")


class Method(StrEnum):
    """What connects an uploaded picture with a certificate, the strongest first.

    TWIN: nothing but another certificate, whose picture was ordered with the same settings.
    """

    HASH = "hash"
    CREDENTIALS = "credentials"
    WATERMARK = "watermark"
    PERCEPTUAL = "perceptual"
    TWIN = "twin"


class Layer(StrEnum):
    """What was examined. METADATA only proposes certificates; WATERMARK_SEARCH is the deep one."""

    HASH = "hash"
    CREDENTIALS = "credentials"
    METADATA = "metadata"
    WATERMARK = "watermark"
    PERCEPTUAL = "perceptual"
    WATERMARK_SEARCH = "watermark_search"


class Note(StrEnum):
    """What was noticed and proves nothing. No note names a certificate."""

    CREDENTIALS_INVALID = "credentials_invalid"
    CREDENTIALS_UNTRUSTED = "credentials_untrusted"
    CERTIFICATE_UNKNOWN = "certificate_unknown"
    CERTIFICATE_OF_OTHER_PICTURE = "certificate_of_other_picture"
    MARK_UNKNOWN = "mark_unknown"
    MARK_OF_OTHER_PICTURE = "mark_of_other_picture"
    MARK_OF_DELETED_PICTURE = "mark_of_deleted_picture"


@dataclass(frozen=True, slots=True)
class Finding:
    """A certificate that a layer found; `confidence` is 0 to 1."""

    public_id: str
    method: Method
    confidence: float


@dataclass(frozen=True, slots=True)
class Report:
    """What an examination found. It names certificates and has nothing of the upload."""

    findings: tuple[Finding, ...]
    checked: tuple[Layer, ...]
    notes: tuple[Note, ...]

    @property
    def method(self) -> str:
        """The method of the surest finding, or `none`."""
        surest = max(self.findings, key=lambda finding: finding.confidence, default=None)
        return surest.method.value if surest else "none"

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "findings": [asdict(finding) for finding in self.findings],
            "checked": list(self.checked),
            "notes": list(self.notes),
        }

    def joined(self, other: Self) -> Self:
        """Return what both examinations of one picture found."""
        return type(self)(
            findings=(*self.findings, *other.findings),
            checked=_union(self.checked, other.checked),
            notes=_union(self.notes, other.notes),
        )

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Return the report of plain values."""
        return cls(
            findings=tuple(
                Finding(each["public_id"], Method(each["method"]), each["confidence"])
                for each in values["findings"]
            ),
            checked=tuple(Layer(each) for each in values["checked"]),
            notes=tuple(Note(each) for each in values["notes"]),
        )


@dataclass(frozen=True, slots=True)
class Match:
    """A finding with its certificate. The same fields for private and for public pictures.

    `status` is EXPIRED or a CertificateStatus.
    """

    public_id: str
    method: Method
    confidence: float
    status: str
    valid_to: date | None
    revoked_at: datetime | None
    artist_name: str
    style_name: str
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class ShownReport:
    """A report with its certificates in order."""

    matches: list[Match]
    checked: tuple[Layer, ...]
    notes: tuple[Note, ...]

    def followed_by(self, later: "ShownReport") -> "ShownReport":
        """Return the certificates of a later report, with the layers and notes of both."""
        return ShownReport(
            matches=later.matches,
            checked=_union(self.checked, later.checked),
            notes=_union(self.notes, later.notes),
        )


def shown(session: Session, report: Report) -> ShownReport:
    """Return a report with the certificates that it names, as they are now."""
    return ShownReport(matches(session, report.findings), report.checked, report.notes)


def matches(session: Session, findings: Sequence[Finding]) -> list[Match]:
    """Return the findings with their certificates: revoked ones, expired ones, then the surest.

    One statement, whatever was found: the time does not depend on whether pictures are private.
    """
    by_id = {finding.public_id: finding for finding in findings}
    rows = session.execute(
        select(
            Certificate.public_id,
            Certificate.status,
            Certificate.valid_to,
            Certificate.revoked_at,
            Certificate.issued_at,
            Artist.artist_name,
            Style.name.label("style_name"),
        )
        .join(Artist, Artist.user_id == Certificate.artist_id)
        .join(Style, Style.id == Certificate.style_id)
        .where(Certificate.public_id.in_(by_id))
    )
    found = [
        Match(
            public_id=row.public_id,
            method=by_id[row.public_id].method,
            confidence=by_id[row.public_id].confidence,
            status=status_of(row.status, row.valid_to),
            valid_to=row.valid_to,
            revoked_at=row.revoked_at,
            artist_name=row.artist_name,
            style_name=row.style_name,
            issued_at=row.issued_at,
        )
        for row in rows
    ]
    return sorted(found, key=_order)


class SearchStatus(StrEnum):
    """How a deep search stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class SearchFailure(StrEnum):
    """Why a deep search has no answer.

    EXPIRED: the picture was discarded before its turn. TIMEOUT: the search took too long. INTERNAL:
    something of ours failed.
    """

    EXPIRED = "expired"
    TIMEOUT = "timeout"
    INTERNAL = "internal"


PUBLIC_FAILURES = {
    "PICTURE_EXPIRED": SearchFailure.EXPIRED,
    "SEARCH_TIMEOUT": SearchFailure.TIMEOUT,
    "TIMEOUT": SearchFailure.EXPIRED,  # the deadline of the job is that of the picture
}


@dataclass(frozen=True, slots=True)
class DeepSearchState:
    """How a deep search stands; `report` is there once it is done."""

    id: str
    status: SearchStatus
    failure: SearchFailure | None
    report: ShownReport | None

    @property
    def is_open(self) -> bool:
        """Whether the answer is still to come."""
        return self.status in {SearchStatus.QUEUED, SearchStatus.RUNNING}


def deep_search(session: Session, public_id: str) -> DeepSearchState:
    """Return the state of a deep search. Raises NotFound, also some minutes after its end."""
    row = session.execute(
        select(DeepSearch.report, DeepSearch.failure_cause, Job.state)
        .join(Job, (Job.ref == DeepSearch.id) & (Job.kind == JobKind.DEEP_SEARCH))
        .where(DeepSearch.public_id == public_id)
    ).one_or_none()
    if row is None:
        raise NotFound(resource="verification")
    report = Report.from_json(row.report) if row.report is not None else None
    failure = None
    if row.state in {JobState.FAILED, JobState.CANCELED}:
        failure = PUBLIC_FAILURES.get(row.failure_cause, SearchFailure.INTERNAL)
    return DeepSearchState(
        id=public_id,
        status=SearchStatus.FAILED if failure else SearchStatus(row.state),
        failure=failure,
        report=shown(session, report) if report else None,
    )


def _union(first: tuple[Value, ...], second: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return the values of both, each once."""
    return tuple(dict.fromkeys((*first, *second)))


def _order(match: Match) -> tuple[int, float, str]:
    rank = {"revoked": 0, EXPIRED: 1}.get(match.status, 2)
    return rank, -match.confidence, match.public_id
