import pytest

from tests import making
from webapp.domain.errors import DuplicateStyleName, InvalidTagLanguage, ValidationFailed
from webapp.domain.services import style_names


@pytest.mark.parametrize(
    "name, english_name, tag",
    [
        ("Ink Harbor", None, "ink harbor"),
        ("Ink – Café", None, "ink - cafe"),
        ("잉크 항구", None, "ink harbor"),
        ("바다의 노래", None, "badayi norae"),
        ("うみ", None, "umi"),
        ("바다", "Bada", "bada"),
        ("Кот", "Tom Cat", "tom cat"),
        ("水の歌", "고양이", "cat"),
    ],
)
def test_each_name_has_an_english_tag(name, english_name, tag):
    assert style_names.tag_of(name, english_name) == tag


@pytest.mark.parametrize(
    "name, english_name, field",
    [
        ("<b></b>", None, "name"),
        ("<b></b>", "Bold", "name"),
        ("--", None, "name"),
        ("Кот", None, "english_name"),
        ("水の歌", None, "english_name"),
        ("Кот", "Кот", "english_name"),
    ],
)
def test_a_name_without_an_english_tag_is_refused_with_its_field(name, english_name, field):
    with pytest.raises(InvalidTagLanguage) as refused:
        style_names.tag_of(name, english_name)
    assert list(refused.value.details["fields"]) == [field]


def test_an_english_name_of_blanks_is_refused():
    with pytest.raises(ValidationFailed) as refused:
        style_names.tag_of("Кот", " ")
    assert list(refused.value.details["fields"]) == ["english_name"]


@pytest.mark.parametrize("name", ["INK harbor", "Ink Harb\u043er", "lnk Harbor", "InkHarbor"])
def test_a_name_that_looks_like_one_on_certificates_is_taken(session, name):
    artist = making.artist(session)
    used = making.style(session, of=artist, name="Ink Harbor")
    making.order(session, making.user(session), used)
    with pytest.raises(DuplicateStyleName) as refused:
        style_names.refuse_second(session, artist.user_id, name)
    assert refused.value.details == {"style_id": used.id}


def test_a_name_of_another_artist_or_of_an_unused_style_is_free(session):
    artist, other = making.artist(session), making.artist(session)
    making.style(session, of=artist, name="Ink Harbor")
    making.order(session, making.user(session), making.style(session, of=other, name="Night"))
    style_names.refuse_second(session, artist.user_id, "Ink Harbor")
    style_names.refuse_second(session, artist.user_id, "Night")
