"""The filters of a search for styles."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement

from webapp.domain.models.style import Style
from webapp.domain.queries.styles import price_conditions
from webapp.domain.queries.viewing import matching, tag_conditions


@dataclass(frozen=True, slots=True)
class FoundFilter:
    """Filters of the styles that are found; artists and tags are found without them.

    `max_price` is that of the licence `license_type`; without one, that of the cheaper licence.
    """

    tags: tuple[str, ...] = ()
    artist_id: int | None = None
    license_type: str | None = None
    max_price: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the conditions; raises ValidationFailed for what cannot be a tag."""
        return [
            *tag_conditions(Style.tags, self.tags, ()),
            *matching((Style.artist_id, self.artist_id)),
            *price_conditions(self.license_type, self.max_price),
        ]


NO_FILTER = FoundFilter()
