"""Bodies, queries and answers about instances in the photos of a job of Sets."""

from typing import Annotated

from pydantic import Field, StringConstraints

from webapp.domain.models.sets_instance import InstanceSource, InstanceState
from webapp.schemas.fields import Answer, Body, Count, PageQuery, PlainText, SeenText, Url
from webapp.schemas.sets_rules import ConceptKey, ConceptSetting, StoredSetting

MAX_ITEMS = 200
MAX_POINTS = 50
MAX_CHANGES = 500
Idx = Annotated[int, Field(ge=0, lt=MAX_ITEMS, examples=[0])]
InstanceId = Annotated[
    SeenText, Field(min_length=1, max_length=40, examples=["inst_7Kq2Zt4mWx9Lr3Vb"])
]
Share = Annotated[float, Field(ge=0, le=1, examples=[0.5])]
Prompt = Annotated[
    PlainText, StringConstraints(min_length=1, max_length=200), Field(examples=["red curtain"])
]


class InstanceQuery(PageQuery):
    """GET /sets/jobs/:id/instances."""

    idx: Idx | None = None
    concept: SeenText | None = Field(None, max_length=60, examples=["Window"])
    state: InstanceState | None = None


class InstanceChangeBody(Body):
    """What changes of one instance; `rule` null takes its own rule away."""

    instance_id: InstanceId
    state: InstanceState | None = None
    rule: ConceptSetting | None = None


class InstanceChanges(Body):
    """PATCH /sets/jobs/:id/instances."""

    changes: list[InstanceChangeBody] = Field(min_length=1, max_length=MAX_CHANGES)


class ClickPoint(Body):
    """A point as shares of the photo's width and height, inside the instance or outside it."""

    x: Share
    y: Share
    include: bool = Field(True, examples=[True])


class Click(Body):
    """POST /sets/jobs/:id/instances: all points of one instance, new or known by its id.

    `prompt` describes a concept that the preset does not have.
    """

    idx: Idx
    concept: ConceptKey
    points: list[ClickPoint] = Field(min_length=1, max_length=MAX_POINTS)
    instance_id: InstanceId | None = None
    prompt: Prompt | None = None


class PointView(Answer):
    """A click that an instance was made with."""

    x: Share
    y: Share
    include: bool = Field(examples=[True])


class InstanceAnswer(Answer):
    """One instance of a concept in one photo; `bbox` is left, top, width and height in pixels."""

    instance_id: InstanceId
    idx: Idx
    concept: str = Field(examples=["Window"])
    number: int = Field(ge=1, examples=[2])
    label: str = Field(examples=["Window #2"])
    state: InstanceState
    source: InstanceSource
    rule: StoredSetting | None = Field(
        description="its own setting; null for that of its concept", examples=[None]
    )
    points: list[PointView]
    bbox: list[Count] = Field(min_length=4, max_length=4, examples=[[10, 20, 300, 200]])
    area: Count
    score: float = Field(ge=0, le=1, examples=[0.92])
    mask_url: Url | None


class Updated(Answer):
    """How many were changed."""

    updated_count: Count


class CarryBody(Body):
    """POST /sets/jobs/:id/instances/:instance_id/carry: to these photos, or to the next ones."""

    items: list[Idx] | None = Field(None, min_length=1, max_length=3)


class CarriedInstances(Answer):
    """What was proposed on other photos, excluded until a person includes it."""

    results: list[InstanceAnswer]
