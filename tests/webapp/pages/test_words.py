import ast
import gettext
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from webapp.domain.models.generation import GenerationStatus
from webapp.domain.models.license import CertificateStatus, IssuedLicense
from webapp.domain.models.style import LicenseType, TrainingStatus
from webapp.pages import words

WEBAPP = Path(__file__).parents[3] / "webapp"
KOREAN = WEBAPP / "translations/ko/LC_MESSAGES"
METHODS = [("pages/**.py", "python"), ("templates/**.html", "jinja2")]


def asked_for():
    found = extract_from_dir(
        str(WEBAPP), METHODS, keywords={"_": None, "gettext": None, "ngettext": (1, 2)}
    )
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def catalog(path):
    with path.open("rb") as file:
        return gettext.GNUTranslations(file)


@pytest.fixture(scope="module")
def korean():
    with (KOREAN / "pages.po").open("rb") as file:
        return read_po(file, locale="ko")


def test_every_word_of_the_pages_is_there_in_korean(korean):
    known = {
        message.id if isinstance(message.id, str) else message.id[0]
        for message in korean
        if message.id
        and all([message.string] if isinstance(message.string, str) else message.string)
    }
    assert sorted(asked_for() - known) == []
    assert sorted(known - asked_for()) == []


def test_translations_keep_every_placeholder(korean):
    wrong = [(message.id, str(error)) for message in korean for error in message.check()]
    assert wrong == []


def test_the_compiled_catalog_is_the_written_one(korean, tmp_path):
    with (tmp_path / "mo").open("wb") as compiled:
        write_mo(compiled, korean)
    fresh, kept = catalog(tmp_path / "mo"), catalog(KOREAN / "pages.mo")
    assert {key: fresh.gettext(key) for key in asked_for()} == {
        key: kept.gettext(key) for key in asked_for()
    }


# The Korean word for one thing is always the same one: what is refused, and what is said instead.
REFUSED = {
    "작가": "아티스트",
    r"(?<!인)증서": "인증서",
    "그림(?!자)": "이미지",
    "영어 단어를 쉼표로": "태그를 쉼표로",
    "선물": "보너스",
    "좁히": "필터 적용",
    "잃은": "연결이 끊긴",
}


def korean_texts():
    """Yield what Korean readers are shown: the catalogues, and the texts of the presets of Sets."""
    # The terms of a licence are versioned: their texts stay as they were agreed to.
    terms = {
        each.value
        for each in ast.walk(ast.parse((WEBAPP / "pages/terms.py").read_text()))
        if isinstance(each, ast.Constant)
    }
    for path in sorted(KOREAN.glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale="ko"):
                if message.id not in terms:
                    yield from (
                        [message.string] if isinstance(message.string, str) else (message.string)
                    )
    for path in sorted((WEBAPP / "domain/presets").glob("*.toml")):
        yield from path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("word", REFUSED)
def test_one_thing_has_one_korean_word(word):
    assert [text for text in korean_texts() if re.search(word, text)] == []


def test_the_refused_words_are_found_where_they_are():
    assert re.search(r"(?<!인)증서", "라이선스 증서")
    assert re.search("그림(?!자)", "그림자") is None
    assert len(list(korean_texts())) > 1000


def test_what_scripts_count_has_a_form_for_one():
    """A text that a script fills with a number before a noun comes as two: “1 work”, “2 works”."""
    counted = re.compile(
        r"\b_\('[^']*%\(count\)s (?!of\b)[a-z]+ ?[a-z]*s\b[^']*', count='\{count\}'"
    )
    found = [
        (path.name, match[0])
        for path in sorted((WEBAPP / "templates").rglob("*.html"))
        for match in counted.finditer(path.read_text())
        if "data-many" not in path.read_text()[match.start() - 20 : match.start()]
    ]
    assert found == []


def test_every_state_and_licence_has_words():
    assert words.LICENSES.keys() == set(IssuedLicense) >= set(LicenseType)
    assert words.TRAINING_STATES.keys() == set(TrainingStatus)
    assert words.GENERATION_STATES.keys() == set(GenerationStatus)
    assert words.CERTIFICATE_STATES.keys() == {*CertificateStatus, "expired"}


def test_a_cause_nobody_knows_is_still_told(app):
    with app.test_request_context():
        assert words.cause("SOMETHING_NEW") == str(words.UNKNOWN_CAUSE)
        assert words.cause(None) == str(words.UNKNOWN_CAUSE)


@pytest.mark.parametrize(
    "seconds, text",
    [(None, ""), (0, "1 second"), (59, "59 seconds"), (60, "1 minute"), (7200, "2 hours")],
)
def test_lengths_of_time_are_said_as_people_say_them(app, seconds, text):
    with app.test_request_context():
        assert words.duration(seconds) == text


def test_as_many_tags_are_named_as_have_room_but_always_one():
    tags = ["castle", "sea", "moon"]
    assert words.first_tags(tags, 11) == ["castle", "sea"]
    assert words.first_tags(tags, 3) == ["castle"]
    assert words.first_tags(tags, None) == tags
    assert words.first_tags([], 3) == []


def test_every_hint_about_a_key_is_hidden_where_a_finger_is_the_pointer():
    hints = {
        text: file.name
        for file in (WEBAPP / "templates").rglob("*.html")
        if "admin" not in file.parts
        for text in re.findall(r"[^>]*(?:Ctrl|press Tab|Press Tab)[^<]*", file.read_text("utf-8"))
    }
    assert hints
    for text, name in hints.items():
        page = next((WEBAPP / "templates").rglob(name)).read_text("utf-8")
        assert f'class="keys">{text.strip()}' in page, (name, text)
    style = (WEBAPP / "static/css/pages.css").read_text("utf-8")
    assert "@media (pointer: coarse) { :is(.keys, .by-mouse) { display: none; } }" in style
