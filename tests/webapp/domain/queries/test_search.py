import unicodedata

import pytest
from sqlalchemy import update

from tests import making
from tests.statements import statements
from webapp.domain.errors import ValidationFailed
from webapp.domain.models.account import User
from webapp.domain.models.style import Style, Tag
from webapp.domain.queries import search, searching
from webapp.domain.queries.found_filter import NO_FILTER, FoundFilter
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.queries.search import Results
from webapp.domain.services import tags


@pytest.fixture(autouse=True, params=[0, searching.WALKED])
def walked(request, monkeypatch):
    """Every search by its n-grams alone, and as it is."""
    monkeypatch.setattr(searching, "WALKED", request.param)
    return request.param


def find(session, storage, typed, kind="all", limit=20, cursor=None, filters=NO_FILTER):
    page = PageRequest(limit, cursor)
    return search.find(session, storage, text=typed, kind=kind, page=page, filters=filters)


def names(found):
    return [each.name for each in found.styles]


def style(session, name, words=(), **columns):
    made = making.style(session, name=name, tags=[name.lower(), *words], **columns)
    tags.count_use(session, made.tags)
    return made


def artist(session, artist_name, *, username=None, follower_count=0):
    made = making.artist(session)
    made.artist_name = artist_name
    person = session.get(User, made.user_id)
    person.follower_count = follower_count
    if username:
        person.username = username
    session.flush()
    return person


def test_styles_are_found_by_any_part_of_their_name_or_tags(session, storage):
    style(session, "Ink Harbor", ["boat"], usage_count=1)
    style(session, "Night Boats", usage_count=3)
    style(session, "Neon City", ["watercolor"], usage_count=2)
    assert names(find(session, storage, "harb")) == ["Ink Harbor"]
    assert names(find(session, storage, "K  H")) == ["Ink Harbor"]
    assert names(find(session, storage, "waterc")) == ["Neon City"]
    assert names(find(session, storage, "t")) == ["Night Boats", "Neon City", "Ink Harbor"]
    assert names(find(session, storage, "robrah")) == []


def test_filters_narrow_every_part_of_a_search(session, storage):
    boats = [
        style(session, name, words, usage_count=number, license_type="personal")
        for number, (name, words) in enumerate(
            [("바다", ["boat"]), ("Sea", ["boat"]), ("Seas", ["boat"]), ("Tide", ["sea", "boat"])]
        )
    ]
    others = [style(session, f"Sea {number}", license_type="commercial") for number in range(3)]
    boat = FoundFilter(tags=("boat",))
    assert names(find(session, storage, "바다", filters=boat)) == ["바다", "Tide", "Sea", "Seas"]
    personal = FoundFilter(license_type="personal")
    assert len(find(session, storage, "sea", filters=personal).styles) == 3
    assert len(find(session, storage, "sea").styles) == 3 + len(others)
    of_one = FoundFilter(artist_id=boats[2].artist_id)
    assert names(find(session, storage, "sea", filters=of_one)) == ["Seas"]
    assert names(find(session, storage, "boat sea", filters=of_one)) == []
    assert names(find(session, storage, "boat sea", filters=boat)) == ["Tide", "Sea"]
    cursor = find(session, storage, "sea", "styles", limit=1, filters=boat).next_cursor
    with pytest.raises(ValidationFailed):
        find(session, storage, "sea", "styles", cursor=cursor)


def test_an_exact_tag_or_name_comes_before_a_part_and_then_the_most_used(session, storage):
    style(session, "Boathouse", usage_count=9)
    style(session, "Boat", usage_count=1)
    style(session, "Harbor", ["boat"], usage_count=2)
    style(session, "Rowboat", usage_count=5)
    found = find(session, storage, "BOAT")
    assert [(each.name, each.matched_by) for each in found.styles] == [
        ("Harbor", "tag"),
        ("Boat", "name"),
        ("Boathouse", "name"),
        ("Rowboat", "name"),
    ]


def test_a_korean_word_finds_names_as_typed_and_then_what_its_english_tag_finds(session, storage):
    style(session, "Seaside", usage_count=9)
    style(session, "Night", ["sea"], usage_count=1)
    making.style(session, name="바다의 노래", tags=["song"], usage_count=0)
    found = find(session, storage, "바다")
    assert [(each.name, each.matched_by) for each in found.styles] == [
        ("바다의 노래", "name"),
        ("Night", "tag"),
        ("Seaside", "name"),
    ]
    assert names(find(session, storage, "꽈배기")) == []


def test_a_style_that_a_korean_word_finds_twice_is_there_once(session, storage):
    made = making.style(session, name="바다", tags=["sea"])
    tags.count_use(session, made.tags)
    assert names(find(session, storage, "바다")) == ["바다"]


@pytest.mark.parametrize("typed", ["바다 boat", "바다 배", "sea boat", "boat  SEA"])
def test_of_several_words_styles_with_each_of_them_as_a_tag_are_found(session, storage, typed):
    style(session, "Both", ["sea", "boat", "fog"], usage_count=1)
    style(session, "One", ["sea"], usage_count=9)
    style(session, "Sea Boat", usage_count=0)
    expected = ["Sea Boat", "Both"] if typed != "boat  SEA" else ["Both"]
    assert names(find(session, storage, typed)) == expected


def test_of_several_words_none_may_be_blocked(session, storage):
    style(session, "Both", ["sea", "badword"])
    session.execute(update(Tag).where(Tag.name == "badword").values(is_flagged=True))
    assert names(find(session, storage, "sea badword")) == []


def test_the_pages_of_a_korean_search_hold_every_hit_once(session, storage):
    for number in range(3):
        made = making.style(session, name=f"밤 바다 {number}", tags=["sea"] if number else [])
        tags.count_use(session, made.tags)
    for number in range(3):
        style(session, f"Night sea {number}", ["night", "sea"] if number else ["night sea"])
    whole = names(find(session, storage, "밤 바다", "styles"))
    assert len(set(whole)) == len(whole) == 6
    seen, cursor = [], None
    while not seen or cursor:
        page = find(session, storage, "밤 바다", "styles", 1, cursor)
        seen, cursor = seen + names(page), page.next_cursor
    assert seen == whole


def test_only_styles_on_sale_are_found(session, storage):
    style(session, "Ink Shown")
    for number, columns in enumerate(
        [{"is_active": False}, {"is_flagged": True}, {"training_status": "training"}]
    ):
        style(session, f"Ink {number}", ["ink"], **columns)
    assert names(find(session, storage, "ink")) == ["Ink Shown"]


@pytest.mark.parametrize("block", [{"is_flagged": True}, {"is_active": False}])
def test_a_tag_that_moderation_blocked_finds_nothing(session, storage, block):
    style(session, "Ink Harbor", ["badword"])
    style(session, "Badword Too")
    session.execute(update(Tag).where(Tag.name == "badword").values(**block))
    assert names(find(session, storage, "badword")) == ["Badword Too"]


def test_artists_are_found_by_either_name_in_any_script(session, storage):
    han = artist(session, "한지우", username="jiwoo.han", follower_count=1)
    kim = artist(session, "김 수영", username="soo_kim", follower_count=5)
    lee = artist(session, "Lee Kim", username="lee.art", follower_count=3)

    def found(typed):
        return [
            (each.id, each.matched_by) for each in find(session, storage, typed, "artists").artists
        ]

    assert found("지우") == [(han.id, "artist_name")]
    assert found("지") == [(han.id, "artist_name")]
    assert found("\u1100\u1175\u11b7") == [(kim.id, "artist_name")]
    assert found("KIM") == [(kim.id, "username"), (lee.id, "artist_name")]
    assert found("woo.h") == [(han.id, "username")]
    assert found("김지") == []


def test_an_artist_called_so_comes_before_the_better_known(session, storage):
    longer = artist(session, "Monet and Sons", follower_count=100)
    exact = artist(session, "Monet")
    named = artist(session, "Somebody", username="Monet", follower_count=1)
    found = find(session, storage, "monet", "artists").artists
    assert [each.id for each in found] == [named.id, exact.id, longer.id]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_an_artist_called_so_in_korean_comes_before_the_better_known(session, storage, form):
    longer = artist(session, "한지우와 친구들", follower_count=100)
    exact = artist(session, "한지우")
    inside = artist(session, "화가 한지우", follower_count=50)
    artist(session, "한지민", follower_count=200)
    style(session, "Han Jiwoo", ["hanji"])
    found = find(session, storage, unicodedata.normalize(form, " 한지우 "))
    assert [each.id for each in found.artists] == [exact.id, longer.id, inside.id]
    assert found.styles == []


def test_only_active_artists_are_found(session, storage):
    gone = artist(session, "Monet")
    gone.is_active = False
    making.user(session).username = "monet_fan"
    session.flush()
    assert find(session, storage, "monet").artists == []


@pytest.mark.parametrize("typed", [" ", "\t\n", "\u3000"])
def test_nothing_searchable_finds_nothing(session, storage, typed):
    style(session, "Ink Harbor")
    artist(session, "Monet")
    assert find(session, storage, typed) == Results([], [], None, has_more=False)


@pytest.mark.parametrize("typed", ["%", "_", "\\", "'", '"', "{a}", "a'; --", "😀"])
def test_no_character_is_a_wildcard_or_breaks_anything(session, storage, typed):
    style(session, "Ink Harbor")
    artist(session, "Monet", username="plain")
    found = find(session, storage, typed)
    assert (found.styles, found.artists) == ([], [])


@pytest.mark.parametrize("kind", ["styles", "artists"])
def test_the_pages_of_a_search_hold_every_hit_once_the_exact_ones_first(session, storage, kind):
    for number in range(5):
        style(session, f"Ink {number}", ["ink"] if number % 2 else [], usage_count=number // 2)
        artist(session, "Ink" if number % 2 else f"Inky {number}", follower_count=number // 2)
    whole = find(session, storage, "ink", kind)
    assert (len(getattr(whole, kind)), whole.has_more) == (5, False)
    for limit in (1, 2, 3):
        seen, cursor = [], None
        while True:
            page = find(session, storage, "ink", kind, limit, cursor)
            seen += getattr(page, kind)
            cursor = page.next_cursor
            assert page.has_more is (cursor is not None)
            if cursor is None:
                break
        assert seen == getattr(whole, kind)
    other = {"styles": "artists", "artists": "styles"}[kind]
    assert getattr(whole, other) == []


def test_a_cursor_belongs_to_one_kind_and_one_text(session, storage):
    for number in range(3):
        style(session, f"Ink {number}")
    cursor = find(session, storage, "ink", "styles", 1).next_cursor
    for typed, kind in (("ink", "all"), ("ink", "artists"), ("in", "styles")):
        with pytest.raises(ValidationFailed) as refused:
            find(session, storage, typed, kind, 1, cursor)
        assert set(refused.value.details["fields"]) == {"cursor"}


def test_of_both_kinds_there_is_a_page_each_and_no_cursor(session, storage):
    for number in range(3):
        style(session, f"Ink {number}")
        artist(session, f"Inker {number}")
    found = find(session, storage, "ink", limit=2)
    assert (len(found.styles), len(found.artists)) == (2, 2)
    assert (found.next_cursor, found.has_more) == (None, False)
    assert session.get(Style, found.styles[0].id).name == "Ink 2"


def test_an_overview_has_the_first_of_each_kind_and_leads_on(session, storage):
    for number in range(3):
        style(session, f"Ink {number}", ["ink"], usage_count=number)
        artist(session, f"Inka {number}", follower_count=number)
    found = search.overview(session, storage, text=" INK ", limit=2)
    assert [each.name for each in found.styles.results] == ["Ink 2", "Ink 1"]
    assert [each.artist_name for each in found.artists.results] == ["Inka 2", "Inka 1"]
    assert found.tags[0] == "ink"
    assert set(found.tags) == {"ink", "ink 0", "ink 1", "ink 2"}
    rest = find(session, storage, "ink", "styles", cursor=found.styles.next_cursor)
    assert names(rest) == ["Ink 0"]
    rest = find(session, storage, "ink", "artists", cursor=found.artists.next_cursor)
    assert [each.artist_name for each in rest.artists] == ["Inka 0"]


def test_an_overview_of_korean_words_has_their_english_tags(session, storage):
    style(session, "Both", ["sea", "boat"])
    assert search.overview(session, storage, text="바다", limit=2).tags == ["sea"]
    assert set(search.overview(session, storage, text="바다 boat", limit=2).tags) == {
        "sea",
        "boat",
    }


@pytest.mark.parametrize("typed", ["nothing", "한강", "<b>", " "])
def test_an_overview_of_nothing_is_empty(session, storage, typed):
    style(session, "Ink")
    found = search.overview(session, storage, text=typed, limit=2)
    assert (found.styles.results, found.artists.results, found.tags) == ([], [], [])


@pytest.mark.parametrize("typed", ["ink", "in", "nothing"])
def test_an_overview_asks_few_times_however_little_there_is(session, storage, typed, walked):
    style(session, "Ink")
    artist(session, "Inka")
    with statements(session) as seen:
        search.overview(session, storage, text=typed, limit=8)
    assert len(seen) <= 9 + (walked == 0)
