import pytest

from tests import making
from tests.webapp.conftest import error_code
from webapp.domain.models.account import User

SEARCH = "/api/v1/search"


def found(client, query):
    return client.get(f"{SEARCH}?{query}").json["data"]


@pytest.fixture
def sold(session, style, artist):
    style.name, style.tags, style.usage_count = "Ink Harbor", ["ink harbor", "boat"], 4
    artist.artist_name = "김 수영"
    session.commit()
    return style


def test_styles_and_artists_are_found_by_everybody(client, session, sold, artist):
    person = session.get(User, artist.user_id)
    assert found(client, "q=INK") == {
        "styles": [
            {
                "id": sold.id,
                "name": "Ink Harbor",
                "thumbnail_url": None,
                "artist": {"id": artist.user_id, "artist_name": "김 수영"},
                "price_tokens": 10,
                "generation_cost_tokens": 10,
                "prices": {"personal": None, "commercial": 10},
                "usage_count": 4,
                "matched_by": "name",
            }
        ],
        "artists": [],
        "next_cursor": None,
        "has_more": False,
    }
    assert found(client, "q=수영")["artists"] == [
        {
            "id": person.id,
            "username": person.username,
            "artist_name": "김 수영",
            "profile_image": None,
            "follower_count": 0,
            "matched_by": "artist_name",
        }
    ]
    assert found(client, f"q={person.username}")["artists"][0]["matched_by"] == "username"


def test_one_kind_is_asked_for_and_read_page_by_page(client, session, sold):
    making.style(session, name="Ink Two")
    session.commit()
    first = found(client, "q=ink&type=styles&limit=1")
    second = found(client, f"q=ink&type=styles&limit=1&cursor={first['next_cursor']}")
    names = [page["styles"][0]["name"] for page in (first, second)]
    assert names == ["Ink Harbor", "Ink Two"]
    assert (first["has_more"], second["has_more"], second["next_cursor"]) == (True, False, None)
    assert (first["artists"], found(client, "q=ink&type=artists")["styles"]) == ([], [])


@pytest.mark.parametrize("q", ["%20", "%00", "%25", "<b>", "%ED%A0%80", "\u200f"])
def test_nothing_searchable_finds_nothing(client, sold, q):
    seen = found(client, f"q={q}")
    assert (seen["styles"], seen["artists"]) == ([], [])


@pytest.mark.parametrize(
    "query",
    ["", "q=", f"q={'x' * 101}", "q=a&type=tags", "q=a&limit=101", "q=a&cursor=xyz"]
    + [f"q=a&type={kind}&cursor=xyz" for kind in ("all", "styles", "artists")],
)
def test_a_wrong_query_is_a_wrong_field(client, query):
    answer = client.get(f"{SEARCH}?{query}")
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
