"""Search for styles on sale by name or tag, and for artists by artist name or username.

Names are in any script and are searched as they are typed. Tags are English: Korean words of the
dictionary are searched in English too.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    ColumnElement,
    Text,
    and_,
    case,
    column,
    false,
    func,
    not_,
    or_,
    select,
    union,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from webapp.domain import korean_words
from webapp.domain.errors import FieldProblem, ValidationFailed
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Artist, Role, User
from webapp.domain.models.style import Style
from webapp.domain.prices import Prices
from webapp.domain.queries import searching, tags as tag_queries
from webapp.domain.queries.answers import ArtistName
from webapp.domain.queries.found_filter import NO_FILTER, FoundFilter
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest
from webapp.domain.queries.searching import Search
from webapp.domain.queries.viewing import signed_url
from webapp.domain.services import offers

MAX_TAGS = 20
# Every artist has such a role, and the partial indexes have the same condition.
_ARTIST = (User.is_active, User.role != Role.USER)


class MatchedField(StrEnum):
    """The field in which the text was found."""

    NAME = "name"
    TAG = "tag"
    ARTIST_NAME = "artist_name"
    USERNAME = "username"


@dataclass(frozen=True, slots=True)
class FoundStyle:
    """A style on sale that matches."""

    id: int
    name: str
    thumbnail_url: str | None
    artist: ArtistName
    price_tokens: int
    generation_cost_tokens: int
    prices: Prices
    usage_count: int
    matched_by: MatchedField


@dataclass(frozen=True, slots=True)
class FoundArtist:
    """An artist who matches."""

    id: int
    username: str
    artist_name: str
    profile_image: str | None
    follower_count: int
    matched_by: MatchedField


@dataclass(frozen=True, slots=True)
class Results:
    """One page of results; `next_cursor` continues a search for one kind only."""

    styles: list[FoundStyle]
    artists: list[FoundArtist]
    next_cursor: str | None
    has_more: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """The first results of each kind."""

    styles: Page[FoundStyle]
    artists: Page[FoundArtist]
    tags: list[str]


@dataclass(frozen=True, slots=True)
class _Sought:
    """What is searched for in styles.

    Attributes:
        term: the cleaned text, as typed.
        phrase: the term in English; the term itself where it has no translation.
        tag_uses: tags that contain the phrase, each with its number of uses; `phrase` first.
        word_uses: the words of a phrase of several words that are tags, each with its uses.
        filters: those of styles.

    """

    term: str
    phrase: str
    tag_uses: dict[str, int]
    word_uses: dict[str, int]
    filters: FoundFilter

    @property
    def candidates(self) -> AnySelect:
        """Select the ids of all styles on sale."""
        return select(Style.id).where(*offers.ON_SALE)

    @property
    def on_sale(self) -> AnySelect:
        """Select the ids of the styles on sale that pass the filters."""
        return self.candidates.where(*self.filters.conditions())

    def remaining(self, excluded: ColumnElement[bool]) -> ColumnElement[bool]:
        """Return the condition of a search after others, which found the excluded styles."""
        return and_(not_(excluded), *self.filters.conditions())


def find(
    session: Session,
    storage: Storage,
    *,
    text: str,
    kind: str,
    page: PageRequest,
    filters: FoundFilter = NO_FILTER,
) -> Results:
    """Return a page of the styles and artists that match a text.

    `kind` is all, styles or artists. Raises ValidationFailed for a cursor with all.
    """
    if kind == "all" and page.cursor is not None:
        raise ValidationFailed(
            fields={"cursor": [FieldProblem("Only with type styles or artists.")]}
        )
    term = searching.cleaned(session, text)
    found_styles: Page[FoundStyle] = Page([], None)
    found_artists: Page[FoundArtist] = Page([], None)
    if term and kind != "artists":
        found_styles = styles(session, storage, term, page, filters)
    if term and kind != "styles":
        found_artists = artists(session, storage, term, page)
    cursors = {"styles": found_styles.next_cursor, "artists": found_artists.next_cursor}
    next_cursor = cursors.get(kind)
    return Results(
        styles=found_styles.results,
        artists=found_artists.results,
        next_cursor=next_cursor,
        has_more=next_cursor is not None,
    )


def overview(
    session: Session,
    storage: Storage,
    *,
    text: str,
    limit: int,
    filters: FoundFilter = NO_FILTER,
) -> Overview:
    """Return the first styles, artists and tags that match, with cursors for the next ones."""
    term = searching.cleaned(session, text)
    if not term:
        return Overview(Page([], None), Page([], None), [])
    sought = _sought(session, term, filters)
    page = PageRequest(limit=limit)
    return Overview(
        styles=_styles(session, storage, sought, page),
        artists=artists(session, storage, term, page),
        tags=list(sought.tag_uses | sought.word_uses),
    )


def styles(
    session: Session,
    storage: Storage,
    term: str,
    page: PageRequest,
    filters: FoundFilter = NO_FILTER,
) -> Page[FoundStyle]:
    """List the styles with this name or tag, then those with a name or tag that contains it.

    `term` is a cleaned text. Of a term with a translation, names as typed come before all that its
    English words find. Of several words, styles that have each of them as a tag come last.
    """
    return _styles(session, storage, _sought(session, term, filters), page)


def _sought(session: Session, term: str, filters: FoundFilter) -> _Sought:
    phrase = korean_words.in_english(term)
    words = phrase.split()
    return _Sought(
        term=term,
        phrase=phrase,
        tag_uses=tag_queries.containing(session, phrase, MAX_TAGS),
        word_uses=tag_queries.uses(session, words) if len(words) > 1 else {},
        filters=filters,
    )


def _styles(
    session: Session, storage: Storage, sought: _Sought, page: PageRequest
) -> Page[FoundStyle]:
    keyset = Keyset(
        [
            (Style.usage_count, "usage_count", int),
            (Style.created_at, "created_at", datetime),
            (Style.id, "id", int),
        ],
        {"list": "found styles", "q": sought.term, **asdict(sought.filters)},
    )
    return searching.page_of(
        session, _searches(sought), keyset, page, lambda row: _style(storage, row)
    )


def _searches(sought: _Sought) -> list[Search | None]:
    """Return the searches for styles, in the order of their results."""
    tags = array(list(sought.tag_uses), type_=Text)
    tag = func.unnest(tags).table_valued(column("word", Text)).render_derived("tag")
    is_translated = sought.phrase != sought.term
    is_named = _named(sought.term) if is_translated else false()
    # The name of a style is also one of its tags. A blocked tag is not in `tag_uses`.
    is_tag = sought.phrase in sought.tag_uses
    is_exact = Style.tags.contains([sought.phrase]) if is_tag else false()
    by_name = _named(sought.phrase)
    has_tag = Style.tags.overlap(tags)
    on_sale = sought.on_sale
    cards = _cards(is_named | by_name)
    is_rare = sought.tag_uses.get(sought.phrase, 0) <= searching.WALKED
    exact = Search(
        cards,
        on_sale.where(is_exact),
        None if is_rare else sought.candidates,
        is_exact,
        condition=sought.remaining(is_named),
    )
    # One index lookup per tag: for an overlap with twenty tags PostgreSQL estimates so many rows
    # that it reads the whole table.
    by_tags = on_sale.join(tag, Style.tags.contains(array([tag.c.word])))
    others = Search(
        cards,
        union(on_sale.where(by_name), by_tags),
        sought.candidates,
        or_(by_name, has_tag),
        condition=sought.remaining(or_(is_named, is_exact)),
    )
    searches = [
        exact if is_tag else None,
        others,
        _with_every_word(cards, sought, excluded=or_(is_named, is_exact, by_name, has_tag)),
    ]
    if not is_translated:
        return searches
    named = Search(
        cards,
        on_sale.where(is_named),
        sought.candidates,
        is_named,
        condition=sought.remaining(false()),
    )
    return [named, *searches]


def _with_every_word(
    cards: AnySelect, sought: _Sought, *, excluded: ColumnElement[bool]
) -> Search | None:
    """Return the search for styles with each word of a phrase as a tag; None for a single word."""
    words = sorted(set(sought.phrase.split()))
    if not sought.word_uses or len(sought.word_uses) < len(words):
        return None
    has_every = Style.tags.contains(words)
    is_rare = min(sought.word_uses.values()) <= searching.WALKED
    return Search(
        cards,
        sought.on_sale.where(has_every),
        None if is_rare else sought.candidates,
        has_every,
        condition=sought.remaining(excluded),
    )


def _named(term: str) -> ColumnElement[bool]:
    return searching.contains(Style.name_grams, Style.name, term)


def _cards(by_name: ColumnElement[bool]) -> AnySelect:
    return select(
        Style.id,
        Style.name,
        Style.thumbnail_key,
        Style.artist_id,
        Artist.artist_name,
        Style.price_tokens,
        Style.license_type,
        Style.commercial_price_tokens,
        Style.usage_count,
        Style.created_at,
        case((by_name, MatchedField.NAME.value), else_=MatchedField.TAG.value).label("matched_by"),
    ).join(Artist, Artist.user_id == Style.artist_id)


def artists(session: Session, storage: Storage, term: str, page: PageRequest) -> Page[FoundArtist]:
    """List the artists with this artist name or username, then those whose names contain it.

    `term` is a cleaned text.
    """
    by_name = searching.contains(Artist.artist_name_grams, Artist.artist_name, term)
    by_username = searching.contains(User.username_grams, User.username, term)
    all_artists = select(User.id).where(*_ARTIST)
    cards = (
        select(
            User.id,
            User.username,
            Artist.artist_name,
            User.profile_image_key,
            User.follower_count,
            User.created_at,
            case(
                (by_name, MatchedField.ARTIST_NAME.value), else_=MatchedField.USERNAME.value
            ).label("matched_by"),
        )
        .join(Artist, Artist.user_id == User.id)
        .where(*_ARTIST)
    )
    exact_ids = union(
        select(Artist.user_id).where(func.searchable(Artist.artist_name) == term),
        all_artists.where(func.searchable(User.username) == term),
    )
    exact = Search(cards, exact_ids)
    others = Search(
        cards,
        union(select(Artist.user_id).where(by_name), all_artists.where(by_username)),
        all_artists,
        or_(by_name, by_username),
        condition=User.id.not_in(exact_ids),
    )
    keyset = Keyset(
        [
            (User.follower_count, "follower_count", int),
            (User.created_at, "created_at", datetime),
            (User.id, "id", int),
        ],
        {"list": "found artists", "q": term},
    )
    return searching.page_of(
        session, [exact, others], keyset, page, lambda row: _artist(storage, row)
    )


def _style(storage: Storage, row: AnyRow) -> FoundStyle:
    return FoundStyle(
        id=row.id,
        name=row.name,
        thumbnail_url=signed_url(storage, row.thumbnail_key),
        artist=ArtistName(row.artist_id, row.artist_name),
        price_tokens=row.price_tokens,
        generation_cost_tokens=row.price_tokens,
        prices=Prices.of_style(row),
        usage_count=row.usage_count,
        matched_by=MatchedField(row.matched_by),
    )


def _artist(storage: Storage, row: AnyRow) -> FoundArtist:
    return FoundArtist(
        id=row.id,
        username=row.username,
        artist_name=row.artist_name,
        profile_image=signed_url(storage, row.profile_image_key),
        follower_count=row.follower_count,
        matched_by=MatchedField(row.matched_by),
    )
