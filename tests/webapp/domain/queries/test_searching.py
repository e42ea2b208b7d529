import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import Text, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from tests import making
from webapp.domain.models.account import User
from webapp.domain.queries import searching
from webapp.domain.queries.pagination import Keyset, PageRequest
from webapp.domain.queries.searching import Search

WRITABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


def grams(session, text):
    return set(session.scalar(select(func.ngrams(text, type_=ARRAY(Text)))))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Ink", {"i", "n", "k", "in", "nk"}),
        ("김수영", {"김", "수", "영", "김수", "수영"}),
        ("김수", {"김", "수", "김수"}),
        ("Ａ\t b", {"a", " ", "b", "a ", " b"}),
        ("a", {"a"}),
        ("𝒜😀", {"a", "😀", "a😀"}),
        ("", set()),
        (" \n", set()),
    ],
)
def test_a_text_has_grams_of_one_and_two_code_points(session, text, expected):
    assert grams(session, text) == expected


@pytest.mark.parametrize(
    "typed, cleaned",
    [
        ("  Ink   HARBOR ", "ink harbor"),
        ("ﬁsh²", "fish2"),
        ("\u1100\u1175\u11b7", "김"),
        ("Ｉｎｋ", "ink"),
        ("   ", ""),
    ],
)
def test_what_is_typed_is_cleaned_as_names_are(session, typed, cleaned):
    assert searching.cleaned(session, typed) == cleaned


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(WRITABLE, WRITABLE)
def test_the_grams_miss_nothing_that_a_text_contains(session, text, sought):
    """Whatever a text contains, cleaned, has no gram that the text has not."""
    inside = select(
        func.strpos(func.searchable(text), func.searchable(sought)) > 0,
        func.ngrams(text, type_=ARRAY(Text)).contains(func.ngrams(sought, type_=ARRAY(Text))),
    )
    contains, by_grams = session.execute(inside).one()
    assert by_grams or not contains


def search(session, sought, limit=100, cursor=None):
    ids = select(User.id)
    matches = searching.contains(User.username_grams, User.username, sought)
    looked = Search(
        select(User.id, User.username, User.follower_count),
        ids.where(matches),
        ids,
        matches,
    )
    keyset = Keyset([(User.follower_count, "follower_count", int), (User.id, "id", int)], {})
    page = searching.page_of(
        session, [looked], keyset, PageRequest(limit, cursor), lambda row: row.username
    )
    return page.results, page.next_cursor


@pytest.fixture
def people(session):
    """Names of which many hold an a, few a word; the best known first."""
    names = ["anna", "hans", "100%", "a_b", "barbara", "a.b", "Zoe", "ZAnna"]
    for place, name in enumerate(names):
        person = making.user(session, follower_count=100 - place)
        person.username = name
    session.flush()
    return names


@pytest.mark.parametrize("walked", [0, 1, 3, 1000])
@pytest.mark.parametrize(
    "sought, expected",
    [
        ("a", ["anna", "hans", "a_b", "barbara", "a.b", "ZAnna"]),
        ("anna", ["anna", "ZAnna"]),
        ("an", ["anna", "hans", "ZAnna"]),
        ("%", ["100%"]),
        ("_", ["a_b"]),
        (".", ["a.b"]),
        ("a%b", []),
        ("annaz", []),
        ("zoe", ["Zoe"]),
    ],
)
def test_a_search_finds_the_same_however_far_it_walks(
    session, people, monkeypatch, walked, sought, expected
):
    monkeypatch.setattr(searching, "WALKED", walked)
    assert search(session, sought) == (expected, None)
    seen, cursor = search(session, sought, limit=1)
    while cursor:
        more, cursor = search(session, sought, limit=1, cursor=cursor)
        seen += more
    assert seen == expected


def test_grams_that_stand_apart_are_not_the_text(session):
    for name in ("abxbc", "abc"):
        making.user(session).username = name
    session.flush()
    assert search(session, "abc")[0] == ["abc"]
