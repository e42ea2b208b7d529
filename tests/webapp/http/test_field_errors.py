"""Every problem of a field has a text in both languages, so that Korean pages show no English."""

import ast
import gettext
import re
from pathlib import Path

import pydantic_core
import pytest

from tests.webapp.conftest import error_code
from webapp.domain import errors
from webapp.domain.errors import FieldProblem
from webapp.http import field_errors

WEBAPP = Path(__file__).parents[3] / "webapp"
KOREAN = WEBAPP / "translations/ko/LC_MESSAGES/messages.mo"
HANGUL = re.compile("[가-힣]")


def korean(message):
    with KOREAN.open("rb") as file:
        return gettext.GNUTranslations(file).gettext(message)


def messages_in_code():
    """Yield the message of every FieldProblem, and of every ValueError of a schema."""
    for path in sorted(WEBAPP.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            is_check = node.func.id == "ValueError" and path.parent.name == "schemas"
            if node.func.id == "FieldProblem" or is_check:
                assert isinstance(node.args[0], ast.Constant), f"{path}:{node.lineno}"
                yield node.args[0].value


def test_every_problem_of_a_field_has_a_korean_text():
    counted = {each for one, many, _ in field_errors.COUNTED.values() for each in (one, many)}
    messages = {*messages_in_code(), *field_errors.TEXTS.values(), field_errors.NOT_VALID}
    with KOREAN.open("rb") as file:
        catalog = gettext.GNUTranslations(file)
    missing = {message for message in messages if not HANGUL.search(catalog.gettext(message))}
    missing |= {
        one
        for one, many, _ in field_errors.COUNTED.values()
        if not HANGUL.search(catalog.ngettext(one, many, 2))
    }
    assert missing - counted == set()
    assert {one for one, _, _ in field_errors.COUNTED.values()} & missing == set()


def test_translations_keep_every_placeholder():
    messages = {*messages_in_code(), *field_errors.TEXTS.values()}
    placeholder = re.compile(r"%\(\w+\)[ds]")
    different = {
        message
        for message in messages
        if set(placeholder.findall(message)) != set(placeholder.findall(korean(message)))
    }
    assert different == set()


def test_every_error_type_with_a_text_exists():
    own = {"invisible_text", "stacked_marks", "public_address"}
    types = set(pydantic_core.core_schema.ErrorType.__args__)
    assert {*field_errors.TEXTS, *field_errors.COUNTED, field_errors.OWN} - own <= types


def raised_sentences(path):
    """Yield the sentences among the arguments of domain errors: constants with a space."""
    for call in ast.walk(ast.parse(path.read_text())):
        if not isinstance(call, ast.Call):
            continue
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        error = getattr(errors, name, None)
        if not isinstance(error, type) or not issubclass(error, errors.DomainError):
            continue
        problems = [
            each
            for each in ast.walk(call)
            if isinstance(each, ast.Call) and getattr(each.func, "id", "") == "FieldProblem"
        ]
        translated = {id(text) for problem in problems for text in ast.walk(problem)}
        for keyword in call.keywords:
            for text in ast.walk(keyword.value):
                is_sentence = isinstance(text, ast.Constant) and " " in str(text.value)
                if is_sentence and id(text) not in translated:
                    yield f"{path.name}:{text.lineno} {text.value}"


def test_every_sentence_that_a_service_raises_is_a_field_problem():
    """Other texts in an error are codes: a plain sentence would be English in every language."""
    domain = sorted((WEBAPP / "domain").rglob("*.py"))
    assert [text for path in domain for text in raised_sentences(path)] == []


def test_every_problem_raised_by_the_domain_can_be_translated():
    """A plain text in `fields` would be English in every language."""
    plain = []
    for path in sorted(WEBAPP.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            is_raise = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if not is_raise or node.func.id != "ValidationFailed":
                continue
            for keyword in node.keywords:
                lists = [node for node in ast.walk(keyword.value) if isinstance(node, ast.List)]
                texts = [text for each in lists for text in each.elts]
                plain += [
                    f"{path.name}:{node.lineno}"
                    for text in texts
                    if isinstance(text, ast.Constant | ast.JoinedStr)
                ]
    assert plain == []


@pytest.mark.parametrize(
    "body, field, english, hangul",
    [
        ({}, "style_id", "This is required.", "필수 항목입니다."),
        ({"count": 5}, "count", "Must be at most 4.", "4 이하여야 합니다."),
        ({"count": "5"}, "count", "Must be a whole number.", "정수여야 합니다."),
        (
            {"prompt_tags": []},
            "prompt_tags",
            "Must have at least 1 entry.",
            "항목이 1개 이상이어야 합니다.",
        ),
        (
            {"description": "x" * 501},
            "description",
            "Must have at most 500 characters.",
            "최대 500자입니다.",
        ),
        (
            {"description": "\u200b"},
            "description",
            "Contains invisible characters.",
            "보이지 않는 문자가 들어 있습니다.",
        ),
        ({"aspect_ratio": "3:4"}, "aspect_ratio", "One of ", "다음 중 하나여야 합니다: "),
        ({"style_strength": float("1.6")}, "style_strength", "Must be at most 1.5.", "1.5 이하"),
    ],
)
def test_a_field_problem_is_in_the_language_of_the_request(
    buyer_client, body, field, english, hangul
):
    for language, expected in (("en", english), ("ko", hangul)):
        answer = buyer_client.post(
            "/api/v1/generations", json=body, headers={"Accept-Language": language}
        )
        assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
        [text] = answer.json["error"]["details"]["fields"][field]
        assert text.startswith(expected)


def test_a_problem_raised_by_the_domain_is_in_the_language_of_the_request(buyer_client, style):
    body = {"style_id": style.id, "prompt_tags": ["x" * 60]}
    texts = [
        buyer_client.post(
            "/api/v1/generations", json=body, headers={"Accept-Language": language}
        ).json["error"]["details"]["fields"]["prompt_tags"]
        for language in ("en", "ko")
    ]
    assert texts == [["Each tag has 1 to 50 characters."], ["태그마다 1~50자여야 합니다."]]


def test_a_problem_is_its_own_english_text():
    problem = FieldProblem("At most %(most)d tags.", most=20)
    assert problem == "At most 20 tags."
    assert (problem.message, problem.values) == ("At most %(most)d tags.", {"most": 20})
