import pytest
from hypothesis import given, strategies as st
from sqlalchemy import select

from tests import making
from tests.database import at_once
from webapp.domain.errors import InvalidTagLanguage, TagNotAllowed, ValidationFailed
from webapp.domain.models.style import Tag
from webapp.domain.services import generations, moderation, tags


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
        "꽈배기",
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
    assert refused.value.details["tags"] == [tag]
    [problem] = refused.value.details["fields"]["tags"]
    assert f"“{tag}”" in problem


@pytest.mark.parametrize(
    "given_tags, clean",
    [
        (["고양이"], ["cat"]),
        (["고양이", "cat", "냥이"], ["cat"]),
        (["빨간 고양이", "바다 Boat"], ["red cat", "sea boat"]),
    ],
)
def test_korean_words_of_the_dictionary_become_english_tags(given_tags, clean):
    assert tags.normalise(given_tags) == clean


def test_each_korean_word_that_is_unknown_is_named_with_its_field():
    with pytest.raises(InvalidTagLanguage) as refused:
        tags.normalise(["바다", "빨간 꽈배기", "кот"], field="prompt_tags")
    assert refused.value.details["tags"] == ["빨간 꽈배기", "кот"]
    assert refused.value.details["fields"] == {
        "prompt_tags": [
            "Tags are English words: “꽈배기” is not in our Korean dictionary.",
            "Tags are English words: “кот” has characters that tags cannot have.",
        ]
    }


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
        session.add_all(Tag(name=word, style_count=100) for word in words)
    calls = [
        count(tags.count_use, words),
        count(tags.count_use, words[::-1]),
        count(tags.uncount_uses, words[::-1]),
    ] * 6
    assert at_once(*calls) == [None] * 18
    with committed() as session:
        assert set(session.scalars(select(Tag.usage_count))) == {106}


def shown(session, owner, style, *words):
    """Show one more image to everybody."""
    [image] = making.order(session, owner, style, prompt_tags=list(words))
    generations.pipelines.advance_generation(session, image.id, "processing")
    generations.complete(
        session, image.id, "0" * 16, image_key="k", image_sha256="a" * 64, image_size=1
    )
    generations.edit(session, user_id=owner.id, generation_id=image.id, is_public=True)
    return image


def counts_of(session, name):
    columns = (Tag.image_count, Tag.user_count, Tag.usage_count)
    return session.execute(select(*columns).where(Tag.name == name)).one()


def hide(session, image):
    generations.edit(session, user_id=image.user_id, generation_id=image.id, is_public=False)


def test_the_words_of_buyers_are_public_once_three_people_show_them(session):
    style = making.style(session, tags=["ink"])
    first, second, third = (making.user(session) for _ in range(3))
    shown(session, first, style, "boat")
    twice = shown(session, first, style, "boat")
    shown(session, second, style, "boat")
    assert counts_of(session, "boat") == (3, 2, 0)
    last = shown(session, third, style, "boat")
    assert counts_of(session, "boat") == (4, 3, 4)
    hide(session, twice)
    assert counts_of(session, "boat") == (3, 3, 3)
    hide(session, last)
    assert counts_of(session, "boat") == (2, 2, 0)


def test_the_artists_own_tags_need_nobody_else(session):
    tags.count_use(session, ["boat"])
    shown(session, making.user(session), making.style(session, tags=["ink"]), "boat")
    assert counts_of(session, "boat") == (1, 1, 1)


def test_an_image_that_moderation_hides_counts_no_more(session):
    style, admin = making.style(session, tags=["ink"]), making.user(session, role="admin")
    images = [shown(session, making.user(session), style, "boat") for _ in range(3)]
    for is_flagged, expected in ((True, (2, 2, 0)), (True, (2, 2, 0)), (False, (3, 3, 3))):
        moderation.change_generation(
            session,
            admin=admin,
            generation_id=images[0].id,
            changes={"is_flagged": is_flagged},
            license_status=None,
            reason="spam",
        )
        assert counts_of(session, "boat") == expected


def test_two_images_of_one_person_shown_at_once_are_of_one_person(committed):
    with committed.begin() as session:
        buyer, style = making.user(session), making.style(session, tags=["ink"])
        images = [shown(session, buyer, style, "boat", "sea") for _ in range(4)]
        for image in images:
            hide(session, image)

    def show(image):
        with committed.begin() as mine:
            generations.edit(mine, user_id=buyer.id, generation_id=image.id, is_public=True)

    assert at_once(*[lambda image=image: show(image) for image in images]) == [None] * 4
    with committed.begin() as session:
        assert counts_of(session, "boat") == counts_of(session, "sea") == (4, 1, 0)
