"""Readers of Korean see the Korean word of a tag before it, wherever a page names tags."""

import re

import pytest

from tests import making
from tests.webapp.pages.reading import Page
from webapp.domain.models.account import Role


@pytest.fixture
def untitled(session, finish, buyer, style):
    """A public picture of two tags that the dictionary has, and that its style knows."""
    [image] = making.order(session, buyer, style, prompt_tags=["boat", "sea"])
    finish(image, is_public=True)
    style.tags = [style.name.lower(), "boat", "sea"]
    session.commit()
    return image


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize(
    "path",
    [
        "/?tags=boat&tags=sea", "/g/{image}", "/styles/{style}", "/me", "/styles?tags=boat",
        "/admin/images", "/admin/styles",
    ],
)  # fmt: skip
def test_each_page_has_the_korean_word_for_its_readers_alone_and_never_in_an_address(
    session, sign_in, buyer, untitled, language, path
):
    buyer.role = Role.ADMIN
    session.commit()
    address = path.format(image=untitled.id, style=untitled.style_id)
    page = Page(sign_in(buyer).get(address, headers={"Accept-Language": language}))
    assert "boat" in page.text
    assert ("배 boat" in page.text) is (language == "ko")
    assert [link for link in page.links() if "배" in link] == []


@pytest.mark.parametrize("language, heading", [("ko", "배 boat, 바다 sea"), ("en", "boat, sea")])
def test_a_picture_without_a_title_is_called_by_its_tags_in_the_readers_language(
    client, untitled, style, language, heading
):
    answer = client.get(f"/g/{untitled.id}", headers={"Accept-Language": language})
    [title] = re.findall(r"<h1[^>]*>(.*?)</h1>", answer.text)
    assert re.sub("<[^>]+>", "", title) == heading
    assert f"<title>{heading} ·" in answer.text
    [shown] = {each["alt"] for each in Page(answer).all("img") if heading in each.get("alt", "")}
    assert style.name in shown


@pytest.mark.parametrize("path", ["/?tags=boat", "/styles?tags=boat"])
def test_the_chip_of_a_chosen_tag_has_both_words_and_only_the_tag_filters(client, untitled, path):
    answer = client.get(path, headers={"Accept-Language": "ko"})
    [chosen] = re.findall(r'<a class="chip chosen".*?</a>', answer.text, re.DOTALL)
    assert '<span lang="ko">배</span> <span lang="en">boat</span>' in chosen
    assert "tags=boat" in answer.text or 'value="boat"' in answer.text
