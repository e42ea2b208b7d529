"""Read tags: the popular ones, those that contain a text, those recommended for a style."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import and_, func, not_, select, true
from sqlalchemy.orm import Session

from webapp.domain import korean_words
from webapp.domain.errors import StyleNotFound, TagNotFound
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import MIN_USERS, Artwork, ArtworkStatus, Style, Tag
from webapp.domain.queries import searching
from webapp.domain.queries.answers import extended
from webapp.domain.queries.pagination import AnyRow, Keyset, Page, PageRequest
from webapp.domain.queries.searching import Search
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import generations, offers, tags

RECENT_IMAGES = 1000
POPULAR_STYLES = 1000
MAX_CONSIDERED = 200
MAX_RECOMMENDED = 20

_CARDS = select(Tag.id, Tag.name, Tag.usage_count).where(*tags.SHOWN)
_NAMES = select(Tag.name).where(*tags.SHOWN)


class TagSource(StrEnum):
    """Why a tag is recommended: buyers used it, or the style was trained on it."""

    USAGE = "usage"
    TRAINING = "training"


@dataclass(frozen=True, slots=True)
class TagCard:
    """A tag, with the number of styles and pictures that use it."""

    id: int
    name: str
    usage_count: int


@dataclass(frozen=True, slots=True)
class TagView(TagCard):
    """A tag, with the number of styles on sale that have it."""

    style_count: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RecommendedTag:
    """A tag to prompt a style with; `score` is 0 to 1."""

    name: str
    source: TagSource
    score: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of a style, without its name and without those that moderation has blocked.

    `recommended` are up to 20 to prompt it with, `of_artworks` those of each artwork, in order.
    """

    recommended: list[RecommendedTag]
    of_artworks: list[list[str]]


def popular(session: Session, *, page: PageRequest) -> Page[TagCard]:
    """List the tags in use, the most used first."""
    keyset = _keyset({"list": "tags"})
    return keyset.page(session.execute(keyset.apply(_CARDS, page)).all(), page, _card)


def search(session: Session, *, text: str, page: PageRequest) -> Page[TagCard]:
    """List the tags that begin with a text, then those that contain it elsewhere.

    Korean words of the dictionary are searched in English.
    """
    term = korean_words.in_english(searching.cleaned(session, text))
    if not term:
        return Page(results=[], next_cursor=None)
    is_prefix = func.starts_with(Tag.name, term)
    by_prefix = Search(_CARDS, _NAMES.where(is_prefix), _NAMES, is_prefix)
    others = replace(_containing(term), condition=not_(is_prefix))
    keyset = _keyset({"list": "tags", "search": term})
    return searching.page_of(session, [by_prefix, others], keyset, page, _card)


def containing(session: Session, term: str, limit: int) -> dict[str, int]:
    """Return the most used tags that contain a cleaned text, each with its number of uses.

    A tag that equals the text comes first.
    """
    rows = list(_containing(term).fetch(session, _keyset({}))(None, limit))
    if all(row.name != term for row in rows):
        rows += session.execute(_CARDS.where(Tag.name == term)).all()
    rows.sort(key=lambda row: row.name != term)
    return {row.name: row.usage_count for row in rows}


def uses(session: Session, names: Collection[str]) -> dict[str, int]:
    """Return those of the names that are tags in use, each with its number of uses."""
    rows = session.execute(_CARDS.where(Tag.name.in_(names))).all()
    return {row.name: row.usage_count for row in rows}


def of_popular_styles(session: Session, *, limit: int) -> list[str]:
    """Return the most common tags of the popular styles, without the names of the styles.

    Each tag belongs to a style on sale. The most used tags overall need not: buyers also prompt
    with words that no style was trained on.
    """
    popular = (
        select(Style.tags)
        .where(*offers.ON_SALE)
        .order_by(Style.usage_count.desc(), Style.created_at.desc(), Style.id.desc())
        .limit(POPULAR_STYLES)
        .subquery()
    )
    word = (
        func.unnest(popular.c.tags)
        .table_valued("name", with_ordinality="position", name="word")
        .render_derived()
    )
    names = (
        select(Tag.name)
        .select_from(popular)
        .join(word, true())
        .join(Tag, Tag.name == word.c.name)
        .where(word.c.position > 1, *tags.SHOWN)
        .group_by(Tag.name)
        .order_by(func.count().desc(), Tag.name)
        .limit(limit)
    )
    return list(session.scalars(names))


def detail(session: Session, *, tag_id: int) -> TagView:
    """Return one tag; raises TagNotFound, also for a hidden tag."""
    row = session.execute(
        select(Tag.id, Tag.name, Tag.usage_count, Tag.created_at).where(
            *tags.SHOWN, Tag.id == tag_id
        )
    ).one_or_none()
    if row is None:
        raise TagNotFound(id=tag_id)
    style_count = session.scalars(
        select(func.count())
        .select_from(Style)
        .where(*offers.ON_SALE, Style.tags.contains([row.name]))
    ).one()
    return extended(TagView, _card(row), style_count=style_count, created_at=row.created_at)


def recommended(session: Session, *, style_id: int, viewer: Viewer) -> list[RecommendedTag]:
    """Return up to 20 tags to prompt a style with; raises StyleNotFound."""
    style = session.execute(
        select(
            Style.tags,
            Style.artist_id,
            Style.is_active,
            Style.is_flagged,
            Style.training_status,
        ).where(Style.id == style_id)
    ).one_or_none()
    if style is None or not offers.may_see(viewer, style):
        raise StyleNotFound(id=style_id)
    return to_prompt_with(session, style_id, style.tags)


def to_prompt_with(
    session: Session, style_id: int, style_tags: Sequence[str]
) -> list[RecommendedTag]:
    """Return up to 20 tags to prompt a style with, given its own: `vocabulary` ranks them."""
    return vocabulary(session, style_id, style_tags).recommended


def vocabulary(session: Session, style_id: int, style_tags: Sequence[str]) -> Vocabulary:
    """Return the words of a style, given its own tags.

    First the tags of its latest public pictures, with a score of 0.5 to 1 by the share of pictures
    that used them; then the tags that it was trained on, with a score of 0 to 0.5 by the share of
    artworks that have them. A tag of buyers is included only when several of them have used it in
    public, so that no single buyer can write on the page of a style. The artist's own tags are
    always included.
    """
    artwork_tags = _artwork_tags(session, style_id)
    artwork_shares = _shares(artwork_tags)
    trained = dict.fromkeys([*artwork_shares, *style_tags])
    usage = {
        name: 0.5 + share / 2
        for name, share in _public_shares(session, style_id, own=trained).items()
    }
    training = {name: artwork_shares.get(name, 0) / 2 for name in trained if name not in usage}
    of_artworks = {name for names in artwork_tags for name in names}
    hidden = tags.blocked(session, {*usage, *training, *of_artworks}) | set(style_tags[:1])
    ranked = [*_ranked(TagSource.USAGE, usage), *_ranked(TagSource.TRAINING, training)]
    return Vocabulary(
        recommended=[tag for tag in ranked if tag.name not in hidden][:MAX_RECOMMENDED],
        of_artworks=[[name for name in names if name not in hidden] for names in artwork_tags],
    )


def _public_shares(session: Session, style_id: int, *, own: Collection[str]) -> dict[str, float]:
    """Return the share of the latest public pictures that have a tag, for tags that may be shown.

    Only the latest pictures are read, so the cost does not grow with the sales of the style.
    """
    latest = (
        select(
            Generation.user_id,
            Generation.prompt_tags,
            and_(*generations.SHOWN).label("is_visible"),
        )
        .where(Generation.style_id == style_id)
        .order_by(Generation.created_at.desc(), Generation.id.desc())
        .limit(RECENT_IMAGES)
        .subquery()
    )
    public = session.execute(
        select(latest.c.user_id, latest.c.prompt_tags).where(latest.c.is_visible)
    ).all()
    buyers: dict[str, set[int]] = {}
    for image in public:
        for name in image.prompt_tags:
            buyers.setdefault(name, set()).add(image.user_id)
    visible = {name for name, ids in buyers.items() if name in own or len(ids) >= MIN_USERS}
    return _shares([[name for name in image.prompt_tags if name in visible] for image in public])


def _artwork_tags(session: Session, style_id: int) -> Sequence[list[str]]:
    return session.scalars(
        select(Artwork.tags)
        .where(
            Artwork.style_id == style_id,
            Artwork.is_removed.is_(False),
            Artwork.status != ArtworkStatus.REJECTED,
        )
        .order_by(Artwork.idx)
    ).all()


def _shares(pictures: Sequence[list[str]]) -> dict[str, float]:
    """Return the most frequent tags of pictures, each with the share of pictures that have it."""
    counts = Counter(name for names in pictures for name in names)
    return {name: count / len(pictures) for name, count in counts.most_common(MAX_CONSIDERED)}


def _ranked(source: TagSource, scores: dict[str, float]) -> list[RecommendedTag]:
    return [
        RecommendedTag(name, source, round(score, 4))
        for name, score in sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    ]


def _containing(term: str) -> Search:
    matches = searching.contains(Tag.name_grams, Tag.name, term)
    return Search(_CARDS, _NAMES.where(matches), _NAMES, matches)


def _keyset(binding: dict[str, object]) -> Keyset:
    return Keyset(
        [(Tag.usage_count, "usage_count", int), (Tag.name, "name", str)],
        binding,
        opposite=frozenset({"name"}),
    )


def _card(row: AnyRow) -> TagCard:
    return TagCard(row.id, row.name, row.usage_count)
