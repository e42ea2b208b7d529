"""What all reading has in common: who looks, and the short-lived URLs of private objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import Text

from webapp.domain.errors import InvalidTagLanguage, ValidationFailed
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Role, User
from webapp.domain.services import tags

# A URL is the same for an hour, so that browsers can cache a picture, and is valid for at least
# another hour, as docs/api.md (Uploads) says.
URL_LIFETIME = timedelta(hours=2)
URL_STABLE = timedelta(hours=1)


@dataclass(frozen=True)
class Viewer:
    """Who looks at something: a user, an administrator, or (without an id) anybody."""

    user_id: int | None = None
    is_admin: bool = False

    @classmethod
    def of(cls, user: User) -> "Viewer":
        """Return a signed-in person as one who looks."""
        return cls(user.id, is_admin=user.role == Role.ADMIN)

    def may_manage(self, owner_id: int) -> bool:
        """Tell whether the owner's view is for this viewer."""
        return self.is_admin or self.user_id == owner_id


ANYBODY = Viewer()


def signed_url(
    storage: Storage, key: str | None, *, download_name: str | None = None
) -> str | None:
    """Return a short-lived URL of an object, or None where there is none."""
    if key is None:
        return None
    return storage.presigned_get(
        key, expires_in=URL_LIFETIME, download_name=download_name, stable_for=URL_STABLE
    )


def flags(*filters: tuple[InstrumentedAttribute[bool], bool | None]) -> list[ColumnElement[bool]]:
    """Return the conditions of flags, None for any, in the words that partial indexes have."""
    return [
        column.expression if value else ~column for column, value in filters if value is not None
    ]


def matching(*filters: tuple[InstrumentedAttribute[Any], Any]) -> list[ColumnElement[bool]]:
    """Return the conditions that columns have these values, None for any."""
    return [column == value for column, value in filters if value is not None]


def tag_conditions(
    column: InstrumentedAttribute[list[str]], all_of: Sequence[str], one_of: Sequence[str]
) -> list[ColumnElement[bool]]:
    """Return the conditions of the filters `tags` (all of them) and `tags_any` (one of them).

    Raises ValidationFailed for what cannot be a tag.
    """
    conditions: list[ColumnElement[bool]] = []
    if all_of:
        conditions.append(column.contains(_tags(all_of, "tags")))
    if one_of:
        conditions.append(column.overlap(_tags(one_of, "tags_any")))
    return conditions


def _tags(texts: Sequence[str], field: str) -> Any:
    try:
        names = tags.normalise(texts, field=field, max_length=tags.MAX_NAME_TAG_LENGTH)
    except InvalidTagLanguage as error:
        raise ValidationFailed(fields=error.details["fields"]) from error
    return array(names, type_=Text)
