import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests.database import at_once
from webapp.domain.errors import InvalidTagLanguage, TagNotAllowed, ValidationFailed
from webapp.domain.models.style import Tag
from webapp.domain.services import tags


@pytest.mark.parametrize(
    "given_tags, clean",
    [
        (["Boat"], ["boat"]),
        (["  old \t  boat\n"], ["old boat"]),
        (["ﬁsh", "Ｂｏａｔ", "boat²"], ["fish", "boat", "boat2"]),
        (["boat", "BOAT", " boat "], ["boat"]),
        (
            ["rock 'n' roll", "black-and-white", "1920s"],
            ["rock 'n' roll", "black-and-white", "1920s"],
        ),
        (["b", "a", "b"], ["b", "a"]),
        ([], []),
    ],
)
def test_tags_are_normalised_the_same_way_wherever_they_come_in(given_tags, clean):
    assert tags.normalise(given_tags) == clean


@pytest.mark.parametrize(
    "tag",
    [
        "고양이",
        "кот",
        "ｃａｔ猫",
        "<b>",
        "cat\u3164",
        "кафе\u0301",
        "cat🐈",
        "сat",
        "a\x00b",
        "--",
        "'",
        "a;b",
    ],
)
def test_what_is_not_written_in_english_is_named_and_refused(tag):
    with pytest.raises(InvalidTagLanguage) as refused:
        tags.normalise(["boat", tag])
    assert refused.value.details == {"tags": [tag]}


@pytest.mark.parametrize(
    "tag, kept",
    [
        ("Rock ’n’ Roll", "rock 'n' roll"),
        ("don‘t", "don't"),
        ("don´t", "don't"),
        ("don`t", "don't"),
        ("don＇t", "don't"),
        ("black–and—white", "black-and-white"),
        ("black‑and−white", "black-and-white"),
        ("black_and__white", "black and white"),
        ("black＿white", "black white"),
        ("a\u200bb", "ab"),
        ("\ufeffsea\u200d", "sea"),
        ("soft\u00adly", "softly"),
        ("café", "cafe"),
        ("cafe\u0301", "cafe"),
        ("Crème Brûlée", "creme brulee"),
        ("Æsir Straße Łódź Øre", "aesir strasse lodz ore"),
        ("İstanbul ı", "istanbul i"),
        ("ﬁne ①", "fine 1"),
        ("no\u00a0break\u3000here", "no break here"),
    ],
)
def test_the_same_word_written_otherwise_is_the_same_tag(tag, kept):
    assert tags.normalise([tag]) == [kept]


@pytest.mark.parametrize("tag", ["\u200b", "\ufeff\u200d"])
def test_a_tag_of_nothing_visible_is_refused(tag):
    with pytest.raises(ValidationFailed):
        tags.normalise([tag])


def test_a_tag_with_stacks_of_marks_is_refused():
    with pytest.raises(ValidationFailed) as refused:
        tags.normalise(["ca" + "\u0335" * 9 + "t"], field="prompt_tags")
    assert list(refused.value.details["fields"]) == ["prompt_tags"]


@pytest.mark.parametrize("tag", ["", "   ", "x" * 51])
def test_a_tag_has_1_to_50_characters(tag):
    with pytest.raises(ValidationFailed) as refused:
        tags.normalise([tag], field="prompt_tags")
    assert list(refused.value.details["fields"]) == ["prompt_tags"]
    assert tags.normalise(["x" * 50])


def test_a_name_tag_may_reach_a_hundred():
    assert tags.normalise(["x" * 100], max_length=tags.MAX_NAME_TAG_LENGTH)


@given(st.text(max_size=60))
def test_whatever_passes_is_clean_and_stays_so(text):
    try:
        clean = tags.normalise([text])
    except (InvalidTagLanguage, ValidationFailed):
        return
    assert tags.normalise(clean) == clean
    assert all(set(tag) <= set("abcdefghijklmnopqrstuvwxyz0123456789 -'") for tag in clean)


@pytest.mark.parametrize("block", [{"is_flagged": True}, {"is_active": False}])
def test_a_tag_that_moderation_blocked_is_refused_by_name(session, block):
    session.add(Tag(name="bad", **block))
    session.add(Tag(name="good"))
    session.flush()
    tags.refuse_blocked(session, ["good", "unknown"])
    with pytest.raises(TagNotAllowed) as refused:
        tags.refuse_blocked(session, ["good", "bad"])
    assert refused.value.details == {"tags": ["bad"]}


def test_uses_are_counted_once_per_image(session):
    tags.count_use(session, ["sea", "boat", "sea"])
    tags.count_use(session, ["boat"])
    counts = {tag.name: tag.usage_count for tag in session.scalars(select(Tag))}
    assert counts == {"sea": 1, "boat": 2}


def test_uses_that_are_gone_are_counted_no_more_and_never_below_none(session):
    tags.count_use(session, ["sea", "boat"])
    tags.count_use(session, ["sea"])
    tags.count_use(session, ["sea"])
    tags.uncount_uses(session, ["sea", "boat", "sea", "boat", "never"])
    counts = {tag.name: tag.usage_count for tag in session.scalars(select(Tag))}
    assert counts == {"sea": 1, "boat": 0}


def test_counting_in_parallel_in_any_order_loses_nothing_and_never_deadlocks(committed):
    words = [f"word {n}" for n in range(8)]

    def count(how, order):
        def run():
            with committed.begin() as mine:
                how(mine, order)

        return run

    with committed.begin() as session:
        session.add_all(Tag(name=word, usage_count=100) for word in words)
    calls = [
        count(tags.count_use, words),
        count(tags.count_use, words[::-1]),
        count(tags.uncount_uses, words[::-1]),
    ] * 6
    assert at_once(*calls) == [None] * 18
    with committed() as session:
        assert set(session.scalars(select(Tag.usage_count))) == {106}
