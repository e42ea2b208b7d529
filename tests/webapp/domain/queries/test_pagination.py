import base64
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import func, select

from tests import making
from webapp.domain.errors import ValidationFailed
from webapp.domain.models.account import User
from webapp.domain.queries.pagination import Keyset, PageRequest, Part, in_parts

COLUMNS = [(User.created_at, "created_at", datetime), (User.id, "id", int)]
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def people(session):
    """Seven people in three moments: the id has to break ties."""
    made = [
        making.user(session, created_at=START + timedelta(seconds=number // 3))
        for number in range(7)
    ]
    session.flush()
    return [person.id for person in made]


# Followers falling, usernames rising.
MIXED = Keyset(
    [(User.follower_count, "follower_count", int), (User.username, "username", str)],
    {},
    opposite=frozenset({"username"}),
)
PERSON = select(User.id, User.created_at, User.follower_count, User.username)


def page_of(session, keyset, page):
    statement = keyset.apply(PERSON, page)
    rows = session.execute(statement).all()
    return keyset.page(rows, page, lambda row: {"id": row.id})


def merged_page(session, keyset, page):
    """The same page out of three groups of people, looked up late."""
    groups = select(func.generate_series(0, 2).label("rest")).subquery()
    one_group = select(User.id, User.created_at).where(User.id % 3 == groups.c.rest)
    ids = keyset.merge(groups, one_group, page)
    statement = keyset.look_up(select(User.id, User.created_at).select_from(User), ids)
    rows = session.execute(statement).all()
    return keyset.page(rows, page, lambda row: {"id": row.id})


def walk(session, keyset, limit, page_of=page_of):
    seen, cursor = [], None
    while True:
        page = page_of(session, keyset, PageRequest(limit, cursor))
        seen.append([each["id"] for each in page.results])
        cursor = page.next_cursor
        if cursor is None:
            return seen


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 100])
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("page_of", [page_of, merged_page])
def test_pages_hold_every_row_once_and_in_order(session, people, limit, descending, page_of):
    pages = walk(session, Keyset(COLUMNS, {}, descending=descending), limit, page_of)
    flat = [each for page in pages for each in page]
    assert flat == sorted(people, reverse=descending)
    assert all(len(page) == limit for page in pages[:-1])
    assert len(pages[-1]) > 0


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("descending", [True, False])
def test_a_column_may_go_the_other_way(session, limit, descending):
    made = [making.user(session, follower_count=number // 3) for number in range(8)]
    keyset = Keyset(MIXED.columns, {}, descending=descending, opposite=MIXED.opposite)
    flat = [each for page in walk(session, keyset, limit) for each in page]
    sign = -1 if descending else 1
    by_name = sorted(made, key=lambda each: each.username, reverse=not descending)
    ordered = sorted(by_name, key=lambda each: sign * each.follower_count)
    assert flat == [each.id for each in ordered]


def test_a_cursor_belongs_to_its_directions(session, people):
    cursor = page_of(session, MIXED, PageRequest(3)).next_cursor
    one_way = Keyset(MIXED.columns, {})
    assert (MIXED.owns(cursor), one_way.owns(cursor)) == (True, False)


@pytest.mark.parametrize("name", [7, None, "a\0b", ["a"], True])
def test_a_text_in_a_cursor_is_one_that_a_row_can_hold(name):
    raw = orjson.dumps([MIXED._fingerprint(), 1, name])
    assert not MIXED.owns(base64.urlsafe_b64encode(raw).decode())


def parts_of(session):
    """Those with an even id first, then the others, each the youngest first."""

    def part(rest):
        keyset = Keyset(COLUMNS, {"part": rest})
        statement = PERSON.where(User.id % 2 == rest)

        def fetch(cursor, limit):
            return session.execute(keyset.behind(statement, cursor).limit(limit)).all()

        return Part(keyset, fetch)

    return [part(0), part(1)]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7, 100])
def test_a_list_in_parts_holds_every_row_once_and_part_after_part(session, people, limit):
    seen, cursor = [], None
    while True:
        page = in_parts(parts_of(session), PageRequest(limit, cursor), lambda row: {"id": row.id})
        assert 0 < len(page.results) <= limit
        seen += [each["id"] for each in page.results]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == sorted(people, key=lambda each: (each % 2, -each))


def test_a_list_in_parts_knows_its_cursors_and_limits(session, people):
    foreign = page_of(session, Keyset(COLUMNS, {}), PageRequest(3)).next_cursor
    for page in (PageRequest(3, foreign), PageRequest(3, "xyz"), PageRequest(0), PageRequest(101)):
        with pytest.raises(ValidationFailed):
            in_parts(parts_of(session), page, lambda row: {"id": row.id})


def test_an_empty_list_has_no_cursor(session):
    page = page_of(session, Keyset(COLUMNS, {}), PageRequest())
    assert (page.results, page.next_cursor) == ([], None)


def test_rows_added_meanwhile_appear_on_no_later_page_twice(session, people):
    keyset = Keyset(COLUMNS, {})
    first = page_of(session, keyset, PageRequest(3))
    making.user(session, created_at=START + timedelta(days=1))
    second = page_of(session, keyset, PageRequest(10, first.next_cursor))
    ids = [each["id"] for each in first.results + second.results]
    assert ids == sorted(people, reverse=True)


def test_a_cursor_belongs_to_its_sort_and_filters(session, people):
    cursor = page_of(session, Keyset(COLUMNS, {"tag": "a"}), PageRequest(3)).next_cursor
    for other in (Keyset(COLUMNS, {"tag": "b"}), Keyset(COLUMNS[1:], {"tag": "a"})):
        with pytest.raises(ValidationFailed) as caught:
            page_of(session, other, PageRequest(3, cursor))
        assert set(caught.value.details["fields"]) == {"cursor"}


@pytest.mark.parametrize("limit", [0, -1, 101])
def test_a_limit_out_of_range_is_a_wrong_field(session, limit):
    with pytest.raises(ValidationFailed):
        page_of(session, Keyset(COLUMNS, {}), PageRequest(limit))


def forged(*values):
    raw = orjson.dumps([Keyset(COLUMNS, {})._fingerprint(), *values])
    return base64.urlsafe_b64encode(raw).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "xyz",
        "",
        "====",
        "ünïcode",
        "A" * 600,
        base64.urlsafe_b64encode(b"{}").decode(),
        base64.urlsafe_b64encode(b"[]").decode(),
        base64.urlsafe_b64encode(b"[[[[").decode(),
        forged(),
        forged("2026-01-01T00:00:00+00:00"),
        forged("2026-01-01T00:00:00+00:00", "1"),
        forged("2026-01-01T00:00:00+00:00", True),
        forged("2026-01-01T00:00:00+00:00", 2**63),
        forged("2026-01-01T00:00:00", 1),
        forged(7, 1),
        forged(None, None),
        forged("2026-01-01T00:00:00+00:00", 1, 1),
    ],
)
def test_a_strange_cursor_is_a_wrong_field_and_never_an_accident(session, cursor):
    with pytest.raises(ValidationFailed):
        page_of(session, Keyset(COLUMNS, {}), PageRequest(3, cursor))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=80))
def test_no_text_at_all_breaks_a_list(cursor):
    with pytest.raises(ValidationFailed):
        Keyset(COLUMNS, {}).apply(select(User.id), PageRequest(3, cursor))
