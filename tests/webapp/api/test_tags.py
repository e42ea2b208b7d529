import re

import pytest
from sqlalchemy import select

from tests import making
from tests.webapp.conftest import error_code
from webapp.domain.models.style import Tag

# Of the page of a style: the cards of its public pictures, with their words.
PICTURES = re.compile(r'<section id="pictures".*?</section>', re.DOTALL)
TAGS = "/api/v1/tags"


@pytest.fixture
def tags(session):
    made = [Tag(name=name, style_count=uses) for name, uses in (("watercolor", 2), ("sea", 5))]
    made.append(Tag(name="hidden", style_count=9, is_flagged=True))
    session.add_all(made)
    session.commit()
    return {tag.name: tag for tag in made}


def listed(client, query=""):
    return client.get(f"{TAGS}{query}").json["data"]


def test_popular_tags_are_listed_to_everybody(client, tags):
    assert listed(client) == {
        "results": [
            {"id": tags["sea"].id, "name": "sea", "usage_count": 5},
            {"id": tags["watercolor"].id, "name": "watercolor", "usage_count": 2},
        ],
        "next_cursor": None,
        "has_more": False,
    }


def test_pages_of_tags_follow_each_other(client, tags):
    first = listed(client, "?limit=1")
    second = listed(client, f"?limit=1&cursor={first['next_cursor']}")
    assert [each["results"][0]["name"] for each in (first, second)] == ["sea", "watercolor"]
    assert (first["has_more"], second["has_more"]) == (True, False)
    strange = client.get(f"{TAGS}?search=a&cursor={first['next_cursor']}")
    assert (strange.status_code, error_code(strange)) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize("search", ["WAT", "color", "W", " watercolor ", "%EF%BC%B7at"])
def test_any_part_of_a_word_in_any_case_finds_a_tag(client, tags, search):
    assert [each["name"] for each in listed(client, f"?search={search}")["results"]] == [
        "watercolor"
    ]


@pytest.mark.parametrize("search", ["hidden", "%25", "_", "%00", "%20", "꽈배기", "<b>"])
def test_what_no_tag_contains_finds_none(client, tags, search):
    assert listed(client, f"?search={search}")["results"] == []


@pytest.mark.parametrize(
    "query", ["search=", f"search={'x' * 51}", "limit=0", "limit=101", "cursor=xyz"]
)
def test_a_wrong_query_is_a_wrong_field(client, query):
    answer = client.get(f"{TAGS}?{query}")
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")


def test_a_korean_word_finds_its_tag(client, tags):
    assert [each["name"] for each in listed(client, "?search=바다")["results"]] == ["sea"]


def test_the_korean_words_are_listed_with_their_tags_and_may_be_kept(client):
    answer = client.get(f"{TAGS}/korean")
    words = answer.json["data"]["results"]
    assert {"korean": "고양이", "tag": "cat"} in words
    assert {"korean": "바닷가", "tag": "beach"} in words
    assert len(words) > 500
    assert (answer.json["data"]["next_cursor"], answer.json["data"]["has_more"]) == (None, False)
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    kept = client.get(f"{TAGS}/korean", headers={"If-None-Match": answer.headers["ETag"]})
    assert (kept.status_code, kept.data) == (304, b"")


def test_one_tag_tells_how_many_styles_have_it(client, session, tags):
    making.style(session, tags=["name", "sea"])
    session.commit()
    seen = client.get(f"{TAGS}/{tags['sea'].id}").json["data"]
    assert seen.pop("created_at").endswith("Z")
    assert seen == {"id": tags["sea"].id, "name": "sea", "usage_count": 5, "style_count": 1}


def test_a_hidden_tag_is_not_found(client, tags):
    for tag_id in (tags["hidden"].id, 404404):
        answer = client.get(f"{TAGS}/{tag_id}")
        assert (answer.status_code, error_code(answer)) == (404, "TAG_NOT_FOUND")
        assert answer.json["error"]["details"] == {"id": tag_id}


def test_a_style_recommends_tags_under_two_names(client, ordered, finish, style):
    finish(ordered, is_public=True)
    answers = [
        client.get(f"/api/v1/styles/{style.id}/{name}").json["data"]
        for name in ("recommended-tags", "recommended_tags")
    ]
    assert answers[0] == answers[1]
    assert answers[0] == {
        "results": [
            {"name": "boat", "source": "usage", "score": 1.0},
        ],
        "next_cursor": None,
        "has_more": False,
    }


def test_a_hidden_style_recommends_nothing_to_others(client, artist_client, session, style):
    style.is_active = False
    session.commit()
    path = f"/api/v1/styles/{style.id}/recommended-tags"
    answer = client.get(path)
    assert (answer.status_code, error_code(answer)) == (404, "STYLE_NOT_FOUND")
    assert artist_client.get(path).status_code == 200


@pytest.mark.parametrize("is_public", [False, True])
def test_words_that_one_person_used_are_nowhere_but_at_the_image(
    client, session, style, buyer, finish, is_public
):
    made = making.order(session, buyer, style, prompt_tags=["boat", "harbour at midnight"], count=4)
    session.commit()
    for image in made:
        finish(image, is_public=is_public)
    word = "midnight"
    paths = (
        TAGS,
        f"{TAGS}?search={word}",
        f"{TAGS}?search=harbour at midnight",
        f"/api/v1/search?q={word}",
        f"/search?q={word}",
        f"/api/v1/styles/{style.id}",
        f"/api/v1/styles/{style.id}/tags",
        f"/styles/{style.id}",
        f"/styles?q={word}",
        "/styles",
        "/metrics",
    )
    for path in paths:
        answer = client.get(path)
        assert f"harbour at {word}" not in PICTURES.sub("", answer.text), path
    [found] = session.scalars(select(Tag).where(Tag.name.contains(word))).all() or [None]
    assert found is None or client.get(f"{TAGS}/{found.id}").status_code == 404
