import ast
import json
import re
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from flask import render_template
from pydantic import ValidationError
from sqlalchemy import select

from gpu.rules.tone import ToneChange
from tests import making
from tests.webapp.pages.reading import Page
from webapp.domain import sets_presets
from webapp.domain.errors import DomainError
from webapp.domain.images import ImageCode
from webapp.domain.models.payment import Product, Purchase
from webapp.domain.models.sets_account import SetsPlan
from webapp.domain.models.sets_instance import InstanceSource, InstanceState
from webapp.domain.models.sets_job import SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus
from webapp.domain.services import packages
from webapp.domain.services.sets_previews import NOT_FOUND
from webapp.pages import sets, sets_presets as pages_presets, sets_words

# The modules in which a step of a photo ends; those of `tasks` that they import are read too.
STEPS = (
    "tasks.on_cpu.check_photo",
    "tasks.on_cpu.apply_rules",
    "tasks.on_cpu.record_masks",
    "tasks.on_cpu.finish_photo",
    "tasks.gpu_jobs.segmenting",
    "webapp.domain.due_jobs",
)
CODE = re.compile(r"[A-Z][A-Z_]{4,}")
NO_FAILURES = {"PATCH", ImageCode.TOO_LONG, ImageCode.BLANK}
UNREAD = {"tasks", "tasks.on_cpu", "tasks.gpu_jobs", "tasks.messages"}
ALBUM = "/sets/job_23456789ABCDEFGH"
MANIFEST = [
    {
        "id": "bathroom",
        "names": {"en": "A tiled bathroom", "ko": "타일 욕실"},
        "description": {"en": "The grout stays.", "ko": "줄눈은 그대로입니다."},
        "before": "bathroom.webp",
        "width": 1200,
        "height": 900,
        "results": [
            {
                "names": {"en": "Sage", "ko": "세이지"},
                "picture": "bathroom-sage.webp",
                "colour": "#9DAA90",
            },
            {
                "names": {"en": "Navy", "ko": "네이비"},
                "picture": "bathroom-navy.webp",
                "colour": "#1F2A44",
            },
        ],
    }
]


@dataclass
class Rendered:
    """A page that no request asked for."""

    text: str


@pytest.fixture
def buyer(session):
    made = making.user(session)
    session.commit()
    return made


@pytest.fixture
def buyer_client(buyer, sign_in):
    return sign_in(buyer)


def told(page, name, element):
    """What a page tells its scripts in an attribute of the element with an id."""
    found = [each for tag, each in page.elements if each.get("id") == element and tag == "div"]
    return json.loads(found[0][f"data-{name}"])


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("address, element", [("/sets", "sets-home"), (ALBUM, "album")])
def test_anybody_may_open_the_pages_and_they_carry_the_presets_in_their_language(
    client, address, element, language
):
    answer = client.get(address, headers={"Accept-Language": language})
    page = Page(answer)
    assert answer.status_code == 200
    assert page.own_code() == []
    assert told(page, "account", element) == {"isSignedIn": False}
    shown = told(page, "presets", element)
    known = sets_presets.presets()
    assert [each["id"] for each in shown] == [each.id for each in known]
    for preset, given in zip(known, shown, strict=True):
        titles = [each.names.in_language(language) for each in preset.concepts]
        assert [each["title"] for each in given["concepts"]] == titles
        assert [each["name"] for each in given["palette"]] == list(preset.palette)


def test_a_signed_in_person_needs_no_token(buyer_client):
    assert told(Page(buyer_client.get("/sets")), "account", "sets-home") == {"isSignedIn": True}


def test_only_a_visitor_is_told_that_no_account_is_needed(client, buyer_client):
    visited, own = (Page(who.get("/sets")).text for who in (client, buyer_client))
    assert "10 credits are free, and you need no account." in visited
    assert "no account" not in own
    assert "50 megapixels each. One photo costs one credit." in own


@pytest.mark.parametrize("address", ["/sets/nothing", "/sets/job_", "/sets/job_" + "x" * 60])
def test_what_names_no_album_is_no_page(client, address):
    assert client.get(address).status_code == 404


def test_materials_have_a_small_picture_and_colours_have_none(app):
    with app.test_request_context("/sets"):
        for swatch in sets_presets.swatches().values():
            data = pages_presets._swatch(swatch, "en")
            assert (data.picture is not None) == (swatch.metres is not None)
            if data.picture:
                assert (sets.STATIC / "sets/swatches" / f"{swatch.name}.webp").is_file()


def test_limits_of_files_and_plans_stand_on_the_page(client):
    page = Page(client.get("/sets"))
    limits = told(page, "limits", "sets-home")
    assert limits == {"types": ["image/jpeg", "image/png"], "megabytes": 20, "photos": 10}
    assert page.all("input", id="files")[0]["accept"] == "image/jpeg,image/png"
    assert "up to 20 MB and 50 megapixels" in page.text
    assert "10 once" in page.text
    assert "200 per month" in page.text


# ── demonstrations ───────────────────────────────────────────────────────────────────────────


def test_without_a_manifest_there_are_no_demonstrations(tmp_path):
    assert sets.demonstrations(tmp_path / "demonstrations.json") == ()


def test_a_demonstration_is_shown_with_a_divider_and_a_button_for_each_rule(app, client, tmp_path):
    manifest = tmp_path / "demonstrations.json"
    manifest.write_text(json.dumps(MANIFEST))
    with app.test_request_context("/sets", headers={"Accept-Language": "ko"}):
        values = sets._home() | {"demonstrations": sets.demonstrations(manifest)}
        page = Page(Rendered(render_template("sets/index.html", **values)))
    pictures = [each["data-picture"] for each in page.all("button") if "data-picture" in each]
    assert [each.rpartition("/")[2] for each in pictures] == [
        "bathroom-sage.webp",
        "bathroom-navy.webp",
    ]
    assert page.all("input", type="range")[0]["aria-label"] == "전후 비교: 타일 욕실"
    assert {(each["width"], each["height"]) for each in page.all("img") if each.get("src")} >= {
        ("1200", "900")
    }
    assert page.own_code() == []


@pytest.mark.parametrize(
    "change", [{"before": "../secret.png"}, {"results": []}, {"width": 0}, {"author": "somebody"}]
)
def test_a_manifest_that_is_wrong_is_refused(tmp_path, change):
    manifest = tmp_path / "demonstrations.json"
    manifest.write_text(json.dumps([MANIFEST[0] | change]))
    with pytest.raises(ValidationError):
        sets.demonstrations(manifest)


# ── words ────────────────────────────────────────────────────────────────────────────────────


def test_every_state_action_and_refusal_has_words():
    assert sets_words.STATES.keys() == set(SetsJobStatus)
    assert sets_words.PHOTO_STATES.keys() == set(PhotoStatus)
    assert sets_words.PLANS.keys() == set(SetsPlan)
    assert sets_words.ACTIONS.keys() == set(sets_presets.Action)
    assert sets_words.INSTANCE_STATES.keys() == set(InstanceState)
    assert sets_words.SOURCES.keys() == set(InstanceSource)
    assert sets_words.WARNINGS.keys() == {NOT_FOUND}
    assert sets_words.IMAGE_CODES.keys() == set(ImageCode) - {ImageCode.TOO_LONG, ImageCode.BLANK}


def codes_in(module):
    """The codes that a module writes or imports, as words or as errors of the domain."""
    tree = ast.parse(Path(module.__file__).read_text())
    written = {each.value for each in ast.walk(tree) if isinstance(each, ast.Constant)}
    imported = set()
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, DomainError):
            imported.add(value.code)
        if value is ImageCode:
            imported |= set(ImageCode)
        if isinstance(value, str):
            imported.add(value)
    return {each for each in written | imported if isinstance(each, str) and CODE.fullmatch(each)}


def tasks_imported_by(module):
    """The names of the modules of `tasks` that a module imports."""
    for each in ast.walk(ast.parse(Path(module.__file__).read_text())):
        if isinstance(each, ast.ImportFrom) and (each.module or "").startswith("tasks"):
            names = [each.module, *(f"{each.module}.{alias.name}" for alias in each.names)]
            yield from (name for name in names if is_module(name))


def is_module(name):
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # an attribute of a module
        return False


def failure_codes():
    """The codes with which a photo can fail, read from the code of its steps."""
    codes, read, unread = set(), set(UNREAD), list(STEPS)
    while unread:
        name = unread.pop()
        if name not in read:
            read.add(name)
            module = import_module(name)
            codes |= codes_in(module)
            unread += tasks_imported_by(module)
    return codes - NO_FAILURES


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_failure_of_a_photo_has_words(client, language):
    codes = failure_codes()
    assert codes >= {NOT_FOUND, "INSUFFICIENT_TOKENS", "WORKER_LOST", ImageCode.CORRUPT}
    assert codes <= sets_words.FAILURES.keys()
    said = told(Page(client.get(ALBUM, headers={"Accept-Language": language})), "texts", "album")
    for code in codes:
        is_korean = any("가" <= letter <= "힣" for letter in said["failures"][code])
        assert is_korean == (language == "ko"), said["failures"][code]


def test_every_tone_of_the_engine_is_offered_and_no_other():
    assert sets_words.TONES.keys() == set(ToneChange)


def test_what_failed_because_nothing_was_found_is_not_simply_tried_again(client):
    texts = told(Page(client.get(ALBUM)), "texts", "album")
    assert texts["failures"][NOT_FOUND] == "No part with a rule was found in this photo."
    assert texts["selectParts"]["other"] == "Select the parts in these photos · {count} credits"
    assert texts["retry"]["other"] == "Try again · {count} credits"


def test_after_a_search_nothing_is_said_to_be_found_later(client):
    texts = told(Page(client.get(ALBUM)), "texts", "album")
    for text in (texts["notFound"], texts["carriedNowhere"], *texts["notFoundIn"].values()):
        assert text.startswith("Not found")
        assert "by clicking" in text
        assert "when you apply" not in text


@pytest.mark.parametrize("address, element", [("/sets", "sets-home"), (ALBUM, "album")])
def test_an_album_with_failed_photos_says_so(client, address, element):
    texts = told(Page(client.get(address)), "texts", element)
    assert texts["doneExcept"] == "Finished, {count} failed"


# ── buying ───────────────────────────────────────────────────────────────────────────────────


def buy(client, package_id):
    page = Page(client.get("/sets"))
    fields = {
        name: page.all("input", name=name)[0]["value"] for name in ("csrf_token", "idempotency_key")
    }
    client.csrf_token, kept = None, client.csrf_token
    answer = client.post("/sets/purchases", data=fields | {"package_id": package_id})
    client.csrf_token = kept
    return answer


@pytest.mark.parametrize(
    "package_id, product",
    [("credits_100", Product.SETS_CREDITS), ("pro_month", Product.SETS_PRO)],
)
def test_credits_and_pro_are_ordered_by_a_plain_form_and_paid_where_tokens_are(
    buyer_client, session, package_id, product
):
    answer = buy(buyer_client, package_id)
    order = session.scalars(select(Purchase)).one()
    assert (order.package_id, order.product) == (package_id, product)
    assert answer.status_code == 303
    assert answer.location == f"/wallet/purchases/{order.order_id}/pay"
    assert buyer_client.get(answer.location).status_code == 200
    wallet = Page(buyer_client.get(f"/wallet?order={order.order_id}"))
    assert "/sets#plan" in wallet.links()


def test_only_what_sets_sells_is_sold_there(buyer_client, session):
    assert buy(buyer_client, packages.PACKAGES[0].package_id).status_code >= 400
    assert session.scalars(select(Purchase)).all() == []


def test_a_visitor_is_led_to_sign_in_before_buying(client):
    page = Page(client.get("/sets"))
    assert page.all("form", action="/sets/purchases") == []
    assert (
        "/login?next=/sets%23plan" in page.links() or "/login?next=%2Fsets%23plan" in page.links()
    )
    assert client.post("/sets/purchases", data={"package_id": "credits_100"}).location.startswith(
        "/login"
    )
