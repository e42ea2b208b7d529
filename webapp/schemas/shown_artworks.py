"""Bodies and answers about the artworks that artists show beside the samples of their styles."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from webapp.domain.models.shown_artwork import MAX_SHOWN, MAX_TITLE
from webapp.domain.queries.shown_artworks import ChoiceState
from webapp.schemas.fields import Answer, Body, Filename, Id, Name, PlainText, Url, one_line

Place = Annotated[int, Field(ge=1, le=MAX_SHOWN, examples=[1])]
Side = Annotated[int, Field(ge=1, examples=[640])]
SeenTitle = Annotated[str, Field(examples=["Pier at night"], description="may be empty")]
Title = Annotated[
    PlainText,
    AfterValidator(one_line),
    StringConstraints(max_length=MAX_TITLE),
    Field(examples=["Pier at night"], description="what it shows, for those who cannot see it"),
]


class ChosenArtwork(Body):
    """An artwork that is to be shown."""

    artwork_id: Id
    title: Title = ""


class ShownArtworks(Body):
    """PUT /styles/:id/shown-artworks: all that are shown from now on, in this order."""

    # Their number is checked by the service, for the page and the API.
    artworks: list[ChosenArtwork] = Field(
        max_length=100, json_schema_extra={"maxItems": MAX_SHOWN, "uniqueItems": True}
    )


class StyleOfArtwork(Answer):
    """The style that was learned from an artwork."""

    id: Id
    name: Name


class ShownArtworkView(Answer):
    """A preview of an artwork, in the place that its artist gave it."""

    place: Place
    title: SeenTitle
    url: Url
    width: Side
    height: Side
    style: StyleOfArtwork


class ArtworkChoice(Answer):
    """An accepted artwork as its artist sees it."""

    artwork_id: Id
    filename: Filename
    url: Url | None
    place: Place | None = Field(description="null: not chosen")
    title: SeenTitle
    state: ChoiceState = Field(
        description="private: not chosen; preparing and failed: its preview; hidden: by an"
        " administrator"
    )


class ArtworkChoices(Answer):
    """GET and PUT /styles/:id/shown-artworks: all accepted artworks of a style."""

    style_id: Id
    style_name: Name
    is_shown: bool = Field(
        examples=[True],
        description="whether others see the chosen ones: while pictures can be"
        " ordered in the style",
    )
    artworks: list[ArtworkChoice]
