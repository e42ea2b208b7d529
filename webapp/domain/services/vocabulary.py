"""Which words of an order are known: to the base model, or to the style that is laid over it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.gateways import vocabulary
from webapp.domain.models.style import Artwork, ArtworkStatus, Style


@dataclass(frozen=True)
class Recognition:
    """The tags that may not be recognised, and whether any word of all tags is known."""

    unknown_tags: list[str]
    is_any_known: bool


def recognise(session: Session, style: Style, tags: Sequence[str]) -> Recognition:
    """Tell which normalised tags have a word that neither the base nor the style knows.

    A style knows the words of its own tags and of its works'. Of a tag that is known in part
    ("red dragon"), the known part still counts.
    """
    base = vocabulary.of_base_model(style.base_model)
    of_style = _words_of(session, style)
    unknown, is_any_known = [], False
    for tag in tags:
        rest = [word for word in tag.split() if word not in of_style]
        is_in_part_of_style = len(rest) < len(tag.split())
        reading = base.read(" ".join(rest))
        is_known = is_in_part_of_style or reading.known > 0
        is_any_known = is_any_known or is_known
        if reading.unknown or not is_known:
            unknown.append(tag)
    return Recognition(unknown, is_any_known)


def _words_of(session: Session, style: Style) -> set[str]:
    of_works = session.scalars(
        select(Artwork.tags).where(
            Artwork.style_id == style.id,
            Artwork.is_removed.is_(False),
            Artwork.status != ArtworkStatus.REJECTED,
        )
    )
    return {word for tags in (style.tags, *of_works) for tag in tags for word in tag.split()}
