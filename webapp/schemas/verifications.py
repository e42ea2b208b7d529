"""Answers about verifications."""

from typing import Literal

from pydantic import Field

from webapp.domain.queries.verifications import Layer, Method, Note, SearchFailure, SearchStatus
from webapp.schemas.fields import Answer, Body, Day, Name, Time, Url


class VerificationForm(Body):
    """POST /verify: a file and no other field."""


class VerifiedLicense(Answer):
    """One certificate of the uploaded picture. `method` says what proves it.

    hash: the very file that was delivered. credentials: signed Content Credentials of ours.
    watermark: its number, and the picture is not another one. perceptual: laid over the delivered
    picture, the two are one. twin: ordered with the same settings as the picture of another match,
    but not compared. A confidence of at most 0.9 means that no comparison has confirmed it.
    """

    public_id: str = Field(examples=["lic_01JH3Z6V9C"])
    license_url: Url
    method: Method
    confidence: float = Field(ge=0, le=1, examples=[0.99])
    status: Literal["valid", "expired", "revoked"]
    valid_to: Day | None = Field(description="its last day; with `expired` a day that is over")
    revoked_at: Time | None
    artist_name: Name
    style_name: Name
    issued_at: Time


class VerificationReport(Answer):
    """What was found. Revoked certificates stand first, then expired ones, then the surest.

    An empty list proves nothing: the picture may be too changed. `notes` are no matches: what was
    noticed of credentials, metadata and marks that do not belong to this picture.
    """

    matches: list[VerifiedLicense]
    checked: list[Layer]
    notes: list[Note]


class DeepSearchView(Answer):
    """GET /verify/:id: a search for the watermark of a cropped, framed or rotated picture.

    `report` is there once it is done; `failure` says why there is none: the picture was discarded
    before its turn, the time was not enough, or something of ours failed.
    """

    id: str = Field(examples=["V_7Kq2mX9aR4tZbN3w"])
    status: SearchStatus
    failure: SearchFailure | None
    report: VerificationReport | None


class VerificationView(VerificationReport):
    """POST /verify: the report of the quick layers; where they found nothing, the deep search."""

    deep: DeepSearchView | None
