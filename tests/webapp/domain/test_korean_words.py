import unicodedata

import pytest

from gpu.pretrain import vocabulary as built_in
from webapp.domain import korean_words
from webapp.domain.gateways import vocabulary
from webapp.domain.korean_words import InvalidLine, KoreanWord
from webapp.domain.services import tags

TAG_OF = {word.korean: word.tag for word in korean_words.words()}


def test_the_dictionary_has_many_korean_words_each_once():
    korean = [word.korean for word in korean_words.words()]
    assert len(set(korean)) == len(korean) > 1000
    assert len({word.tag for word in korean_words.words()}) > 500


def test_every_korean_word_is_composed_and_every_tag_is_one():
    assert [each for each in TAG_OF if unicodedata.normalize("NFC", each) != each] == []
    assert [tag for tag in TAG_OF.values() if tags.normalise([tag]) != [tag]] == []


def test_each_tag_has_one_line():
    lines = korean_words.FILE.read_text(encoding="utf-8").splitlines()
    found = [line.partition("=")[2].strip() for line in lines if line and line[0] != "#"]
    assert sorted(found) == sorted(set(found))


def test_each_tag_has_a_korean_word_that_stands_for_it():
    for tag in TAG_OF.values():
        assert korean_words.translated(korean_words.korean_for(tag)) == tag


def test_the_korean_word_for_a_tag_is_the_first_on_its_line():
    for tag, korean in {"sea": "바다", "cat": "고양이", "car": "차", "night sky": "밤하늘"}.items():
        assert korean_words.korean_for(tag) == korean
    assert korean_words.korean_for("zeppelin") is None


def test_each_word_that_the_built_in_model_draws_has_a_korean_word():
    assert sorted(set(built_in.WORDS) - set(TAG_OF.values())) == []


def test_the_built_in_model_knows_what_its_korean_words_stand_for():
    base = vocabulary.of_base_model(vocabulary.BUILT_IN)
    for korean in ("고양이", "바다", "해변", "등대", "노을", "밤", "빨간", "왼쪽"):
        assert base.count_tokens(TAG_OF[korean]).unknown == 0


@pytest.mark.parametrize(
    "korean, tag",
    [
        (("고양이", "냥이", "야옹이"), "cat"),
        (("개", "강아지", "멍멍이"), "dog"),
        (("바다", "바닷물"), "sea"),
        (("해변", "바닷가", "백사장"), "beach"),
        (("노을", "석양", "일몰"), "sunset"),
        (("빨강", "빨간", "빨간색", "붉은"), "red"),
        (("배", "보트"), "boat"),
        (("사람", "인물"), "person"),
    ],
)
def test_words_of_one_meaning_stand_for_one_tag(korean, tag):
    assert {korean_words.translated(each) for each in korean} == {tag}


@pytest.mark.parametrize(
    "text, english",
    [
        (" 바다 ", "sea"),
        (unicodedata.normalize("NFD", "고양이"), "cat"),
        ("고양이\u200b", "cat"),
        ("밤 하늘", "night sky"),
        ("밤하늘", "night sky"),
        ("빨간 고양이", "red cat"),
        ("바다  boat", "sea boat"),
        ("old 등대", "old lighthouse"),
    ],
)
def test_korean_words_of_a_text_are_replaced(text, english):
    assert korean_words.translated(text) == english


@pytest.mark.parametrize(
    "text", ["", "sea", "кот", "猫", "cat\u3164", "꽈배기", "빨간 꽈배기", "고ㅇ"]
)
def test_there_is_no_translation_of_other_words_and_of_a_part(text):
    assert korean_words.translated(text) is None


@pytest.mark.parametrize(
    "text, unknown",
    [("빨간 꽈배기", ["꽈배기"]), ("바다 boat", []), ("кот", []), ("고ㅇ 뷁", ["고ㅇ", "뷁"])],
)
def test_the_words_without_a_translation_are_named(text, unknown):
    assert korean_words.unknown(text) == unknown


def test_a_dictionary_is_lines_of_words_and_a_tag():
    lines = ["# Animals", "", "고양이, 냥이 = cat", "개=dog"]
    assert korean_words.read(lines) == (
        KoreanWord("고양이", "cat"),
        KoreanWord("냥이", "cat"),
        KoreanWord("개", "dog"),
    )


@pytest.mark.parametrize(
    "line, reason",
    [
        ("고양이", "'' is not an English tag"),
        ("고양이 = Cat", "'Cat' is not an English tag"),
        ("고양이 = 냥이", "'냥이' is not an English tag"),
        (" = cat", "'' is not a Korean word"),
        ("고양이, = cat", "'' is not a Korean word"),
        ("cat = cat", "'cat' is not a Korean word"),
        (unicodedata.normalize("NFD", "개") + " = dog", "is not a Korean word"),
        ("고양이, 고양이 = cat", "'고양이' is on an earlier line"),
        ("바다 = ocean", "'바다' is on an earlier line"),
    ],
)
def test_a_bad_line_is_named_by_its_number(line, reason):
    with pytest.raises(InvalidLine) as refused:
        korean_words.read(["# Places", "바다 = sea", line])
    assert (refused.value.number, reason in refused.value.reason) == (3, True)
