"""Which words of an order are known to the base model or to the style's adapter."""

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
    """Return which normalised tags have a word that neither the base model nor the style knows.

    A style knows the words of its own tags and of its artworks' tags. In a tag that is partly known
    ("red dragon"), the known word still counts for `is_any_known`.
    """
    base = vocabulary.of_base_model(style.base_model)
    style_words = _words_of(session, style)
    unknown, is_any_known = [], False
    for tag in tags:
        other_words = [word for word in tag.split() if word not in style_words]
        has_style_word = len(other_words) < len(tag.split())
        tokens = base.count_tokens(" ".join(other_words))
        is_known = has_style_word or tokens.known > 0
        is_any_known = is_any_known or is_known
        if tokens.unknown or not is_known:
            unknown.append(tag)
    return Recognition(unknown, is_any_known)


def _words_of(session: Session, style: Style) -> set[str]:
    artwork_tags = session.scalars(
        select(Artwork.tags).where(
            Artwork.style_id == style.id,
            Artwork.is_removed.is_(False),
            Artwork.status != ArtworkStatus.REJECTED,
        )
    )
    return {word for tags in (style.tags, *artwork_tags) for tag in tags for word in tag.split()}
