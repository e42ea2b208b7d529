"""Bodies, queries and answers about collections."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from webapp.schemas.fields import Answer, Body, Count, Id, PageQuery, PlainText, Time, Url
from webapp.schemas.generations import Person

CollectionName = Annotated[
    PlainText, StringConstraints(min_length=1, max_length=80), Field(examples=["Harbours"])
]
CollectionDescription = Annotated[
    PlainText, StringConstraints(max_length=500), Field(examples=["Evenings at the sea"])
]


class NewCollection(Body):
    """POST /collections; private unless `is_public`."""

    name: CollectionName
    description: CollectionDescription = ""
    is_public: bool = False


class CollectionChanges(Body):
    """PATCH /collections/:id by its owner: what is left out stays."""

    name: CollectionName | None = None
    description: CollectionDescription | None = None
    is_public: bool | None = Field(None, examples=[True])


class CollectionPictureQuery(PageQuery):
    """GET /collections/:id/pictures; sorted by when a picture was added."""

    sort: Literal["newest", "oldest"] = "newest"


class CollectionView(Answer):
    """A collection as its viewer sees it.

    `picture_count` and `cover_url` are of the pictures that are public, and of the viewer's own.
    `is_hidden`: an administrator has hidden it; only its owner and administrators see it.
    """

    id: Id
    name: str = Field(examples=["Harbours"])
    description: str = Field(examples=["Evenings at the sea"])
    is_public: bool = Field(examples=[False])
    is_hidden: bool = Field(examples=[False])
    user: Person
    picture_count: Count
    cover_url: Url | None
    created_at: Time
    updated_at: Time
