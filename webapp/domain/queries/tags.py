"""What people see of tags: the popular ones, those that contain a word, those to prompt with."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import func, not_, select, true
from sqlalchemy.orm import Session

from webapp.domain.errors import StyleNotFound, TagNotFound
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import MIN_USERS, Artwork, ArtworkStatus, Style, Tag
from webapp.domain.queries import searching
from webapp.domain.queries.pagination import AnyRow, Keyset, Page, PageRequest
from webapp.domain.queries.searching import Search
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import offers, tags

RECENT_IMAGES = 1000
POPULAR_STYLES = 1000
MAX_CONSIDERED = 200
MAX_RECOMMENDED = 20

_SHOWN = select(Tag.id, Tag.name, Tag.usage_count).where(*tags.SHOWN)
_NAMES = select(Tag.name).where(*tags.SHOWN)


def popular(session: Session, *, page: PageRequest) -> Page:
    """List the tags in use, the most used first."""
    keyset = _keyset({"list": "tags"})
    return keyset.page(session.execute(keyset.apply(_SHOWN, page)).all(), page, _shown)


def search(session: Session, *, typed: str, page: PageRequest) -> Page:
    """List the tags that begin with a text, then those that contain it elsewhere."""
    sought = searching.cleaned(session, typed)
    if not sought:
        return Page(results=[], next_cursor=None)
    begins = func.starts_with(Tag.name, sought)
    beginning = Search(_SHOWN, _NAMES.where(begins), _NAMES, begins)
    inside = replace(_containing(sought), besides=not_(begins))
    keyset = _keyset({"list": "tags", "search": sought})
    return searching.page_of(session, [beginning, inside], keyset, page, _shown)


def containing(session: Session, sought: str, limit: int) -> dict[str, int]:
    """Return the most used tags that contain a cleaned text, each with how often it was used.

    The text itself stands first if it is one of them.
    """
    rows = list(_containing(sought).fetch(session, _keyset({}))(None, limit))
    if all(row.name != sought for row in rows):
        rows += session.execute(_SHOWN.where(Tag.name == sought)).all()
    rows.sort(key=lambda row: row.name != sought)
    return {row.name: row.usage_count for row in rows}


def of_popular_styles(session: Session, *, limit: int) -> list[str]:
    """Return the tags that most of the popular styles carry, without the styles' own names.

    Each leads to a style on sale, which the most used of all tags need not do: people also make
    images of what no style was trained on.
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
        .table_valued("name", with_ordinality="place", name="word")
        .render_derived()
    )
    carried = (
        select(Tag.name)
        .select_from(popular)
        .join(word, true())
        .join(Tag, Tag.name == word.c.name)
        .where(word.c.place > 1, *tags.SHOWN)
        .group_by(Tag.name)
        .order_by(func.count().desc(), Tag.name)
        .limit(limit)
    )
    return list(session.scalars(carried))


def detail(session: Session, *, tag_id: int) -> dict[str, Any]:
    """Return one tag, with how many styles on sale have it; raises TagNotFound."""
    row = session.execute(
        select(Tag.id, Tag.name, Tag.usage_count, Tag.created_at).where(
            *tags.SHOWN, Tag.id == tag_id
        )
    ).one_or_none()
    if row is None:
        raise TagNotFound(id=tag_id)
    styles = session.scalar(
        select(func.count())
        .select_from(Style)
        .where(*offers.ON_SALE, Style.tags.contains([row.name]))
    )
    return _shown(row) | {"style_count": styles, "created_at": row.created_at}


def recommended(session: Session, *, style_id: int, viewer: Viewer) -> list[dict[str, Any]]:
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
) -> list[dict[str, Any]]:
    """Return up to 20 tags to prompt a style with, given its own.

    First what its latest public images were made of, scored from 1 down to 0.5 by how many of them
    used it; then what it was trained on, from 0.5 down to 0 by how many works show it. Words of
    buyers are shown only once several have used them in public, so that nobody writes alone on a
    stranger's page; the artist's own tags need nobody else.
    """
    works = _shares(_works(session, style_id))
    trained = dict.fromkeys([*works, *style_tags])
    usage = {
        name: 0.5 + share / 2
        for name, share in _used_in_public(session, style_id, own=trained).items()
    }
    training = {name: works.get(name, 0) / 2 for name in trained if name not in usage}
    hidden = tags.blocked(session, [*usage, *training]) | set(style_tags[:1])
    ranked = [*_ranked("usage", usage), *_ranked("training", training)]
    return [each for each in ranked if each["name"] not in hidden][:MAX_RECOMMENDED]


def _used_in_public(session: Session, style_id: int, *, own: Collection[str]) -> dict[str, float]:
    """Return the shares of latest public images that have a tag, of tags that may be shown.

    A bounded look: what people make now says more than what a hundred thousand once made.
    """
    latest = (
        select(
            Generation.user_id,
            Generation.prompt_tags,
            (Generation.is_public & ~Generation.is_flagged).label("is_shown"),
        )
        .where(Generation.style_id == style_id)
        .order_by(Generation.created_at.desc(), Generation.id.desc())
        .limit(RECENT_IMAGES)
        .subquery()
    )
    public = session.execute(
        select(latest.c.user_id, latest.c.prompt_tags).where(latest.c.is_shown)
    ).all()
    buyers: dict[str, set[int]] = {}
    for image in public:
        for name in image.prompt_tags:
            buyers.setdefault(name, set()).add(image.user_id)
    shown = {name for name, who in buyers.items() if name in own or len(who) >= MIN_USERS}
    return _shares([[name for name in image.prompt_tags if name in shown] for image in public])


def _works(session: Session, style_id: int) -> Sequence[list[str]]:
    return session.scalars(
        select(Artwork.tags).where(
            Artwork.style_id == style_id,
            Artwork.is_removed.is_(False),
            Artwork.status != ArtworkStatus.REJECTED,
        )
    ).all()


def _shares(pictures: Sequence[list[str]]) -> dict[str, float]:
    """Return the most frequent tags of pictures, each with the share of pictures that have it."""
    counted = Counter(name for names in pictures for name in names)
    return {name: count / len(pictures) for name, count in counted.most_common(MAX_CONSIDERED)}


def _ranked(source: str, scores: dict[str, float]) -> list[dict[str, Any]]:
    return [
        {"name": name, "source": source, "score": round(score, 4)}
        for name, score in sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    ]


def _containing(sought: str) -> Search:
    matches = searching.contains(Tag.name_grams, Tag.name, sought)
    return Search(_SHOWN, _NAMES.where(matches), _NAMES, matches)


def _keyset(binding: dict[str, Any]) -> Keyset:
    return Keyset(
        [(Tag.usage_count, "usage_count", int), (Tag.name, "name", str)],
        binding,
        opposite=frozenset({"name"}),
    )


def _shown(row: AnyRow) -> dict[str, Any]:
    return {"id": row.id, "name": row.name, "usage_count": row.usage_count}
