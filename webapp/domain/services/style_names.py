"""Names of styles: in any script, with an English tag, each once on an artist's certificates."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from webapp.domain import names
from webapp.domain.errors import DuplicateStyleName, FieldProblem, InvalidTagLanguage
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Style
from webapp.domain.services import tags


def tag_of(name: str, english_name: str | None) -> str:
    """Return the tag of a name: its English name, else its translation, else its romanisation.

    Raises ValidationFailed, and InvalidTagLanguage for a name with signs, for an English name that
    is none, and for a script without a romanisation.
    """
    own_tag = _own_tag(name)
    if english_name:
        return _normalised(english_name, "english_name")
    if own_tag is None:
        problem = FieldProblem("Give this style an English name too.")
        raise InvalidTagLanguage(tags=[name], fields={"english_name": [problem]})
    return own_tag


def refuse_second(session: Session, artist_id: int, name: str) -> None:
    """Raise DuplicateStyleName for a name that looks like that of a style with ordered images.

    It stands on their certificates, whether the style is still on offer or not. One that nobody
    used gives its name free with its slot.
    """
    was_used = exists().where(Generation.style_id == Style.id, ~Generation.is_try_out)
    used = session.execute(
        select(Style.id, Style.name).where(Style.artist_id == artist_id, was_used)
    )
    keys = names.keys(name)
    for twin in used:
        if not keys.isdisjoint(names.keys(twin.name)):
            raise DuplicateStyleName(style_id=twin.id)


def _own_tag(name: str) -> str | None:
    """Return the tag that a name gives, None for a script without a romanisation."""
    try:
        return _normalised(name, "name")
    except InvalidTagLanguage as error:
        if not names.has_only_words(name):
            problem = FieldProblem("A name has letters, digits, spaces, - and ' only.")
            raise InvalidTagLanguage(tags=[name], fields={"name": [problem]}) from error
    romanised = names.wholly_romanised(name)
    return romanised and _normalised(romanised[: tags.MAX_NAME_TAG_LENGTH], "name")


def _normalised(name: str, field: str) -> str:
    return tags.normalise([name], field=field, max_length=tags.MAX_NAME_TAG_LENGTH)[0]
