"""The generated operations of the Python client, against the real site without a socket."""

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from style_license import NULL, ApiError, Site, transport

from tests import delivering, making
from tests.failing_server import CLOSES_CONNECTION, failing_server
from webapp.domain.models.account import User
from webapp.domain.models.api_key import Scope
from webapp.domain.services import api_keys
from webapp.domain.services.artworks import MIN_IMAGES

CLIENT, DOCS = Path("clients/python"), Path("docs/programs.md")


@pytest.fixture
def open_site(app, session):
    """A site as a person sees it, with a key of these scopes; `answers` are those it got."""
    opened = []

    def open_for(user, *scopes):
        key = api_keys.create(session, user=user, name="Catalogue", scopes=scopes)
        session.commit()
        site = Site("http://localhost", key.secret)
        site.answers = []
        site._transport._http = httpx.Client(
            transport=httpx.WSGITransport(app=app),
            event_hooks={"response": [site.answers.append]},
        )
        opened.append(site)
        return site

    yield open_for
    for site in opened:
        site._transport.close()


@pytest.fixture
def site(open_site, buyer):
    return open_site(buyer, Scope.ORDER, Scope.MANAGE)


def test_a_list_is_read_page_by_page(site, session, storage):
    styles = {making.style(session, storage).id for _ in range(3)}
    session.commit()
    assert {style["id"] for style in site.styles.list_styles(limit=2)} == styles
    assert len(site.answers) == 2
    pages = list(site.styles.list_styles(limit=2).pages())
    assert [(len(page["results"]), page["has_more"]) for page in pages] == [(2, True), (1, False)]
    rest = site.styles.list_styles(limit=2, cursor=pages[0]["next_cursor"])
    assert list(rest) == pages[1]["results"]


def test_nothing_is_requested_before_a_list_is_read(site):
    site.styles.list_styles(limit=1000)
    assert site.answers == []


def test_filters_of_a_list_are_sent_as_the_document_says(site, session, storage):
    style = making.style(session, storage, tags=["harbor", "ink"])
    making.style(session, storage)
    session.commit()
    found = site.styles.list_styles(
        tags=["harbor", "ink"], following=False, license_type="commercial"
    )
    assert [each["id"] for each in found] == [style.id]
    assert list(site.tokens.list_transactions(direction="in", from_="2000-01-01"))


def test_an_order_with_the_same_key_is_made_once(site, style):
    first, second = (
        site.generations.create(
            style_id=style.id, prompt_tags=["boat"], count=2, idempotency_key="order-0001"
        )
        for _ in "ab"
    )
    assert first == second
    assert len(list(site.generations.list_own())) == 2
    with pytest.raises(ApiError) as conflict:
        site.generations.create(
            style_id=style.id, prompt_tags=["pier"], idempotency_key="order-0001"
        )
    assert conflict.value.code == "IDEMPOTENCY_CONFLICT"


def test_an_order_without_a_key_has_one_of_its_own(site, style):
    for _ in "ab":
        site.generations.create(style_id=style.id, prompt_tags=["boat"], allow_duplicate=True)
    assert len(list(site.generations.list_own())) == 2


def test_a_refusal_names_the_fields_and_the_request(site, style):
    with pytest.raises(ApiError) as refused:
        site.generations.create(style_id=style.id, prompt_tags=[], count=9)
    error = refused.value
    assert (error.status, error.code) == (422, "VALIDATION_ERROR")
    assert error.fields.keys() == {"prompt_tags", "count"}
    assert error.request_id == site.answers[-1].json()["meta"]["request_id"]


def test_a_key_without_the_scope_is_refused(open_site, buyer, style):
    site = open_site(buyer)
    assert site.tokens.read_balance()["user_id"] == buyer.id
    with pytest.raises(ApiError) as refused:
        site.generations.create(style_id=style.id, prompt_tags=["boat"])
    assert (refused.value.code, refused.value.details["scope"]) == (
        "API_KEY_SCOPE_MISSING",
        "order",
    )


def test_files_are_downloaded_and_verified(site, session, storage, ordered, tmp_path):
    content = delivering.deliver(session, storage, ordered, delivering.picture())
    session.commit()
    assert site.generations.read_image(ordered.id) == content
    assert site.generations.read_image(ordered.id, variant="thumb", download=True) != content
    file = tmp_path / "picture.png"
    file.write_bytes(content)
    license_id = site.generations.read(ordered.id)["license"]["public_id"]
    for image in (content, file, ("picture.png", content)):
        found = site.verifications.verify(image=image)
        assert [match["public_id"] for match in found["matches"]] == [license_id]


def test_a_style_is_made_of_files_and_its_fields(open_site, session, artist, tmp_path):
    site = open_site(session.get(User, artist.user_id), Scope.MANAGE)
    files = [tmp_path / f"work {index}.png" for index in range(MIN_IMAGES)]
    for index, file in enumerate(files):
        file.write_bytes(making.picture_png(seed=index))
    style = site.styles.create_with_files(
        name="Ink Harbor",
        description="Piers in ink.",
        images=files,
        prices={"personal": 120, "commercial": None},
        tags=["harbor", "ink"],
        image_tags={"0": ["boat"]},
        accept_similar=True,
        publish="when_trained",
    )
    assert style["prices"] == {"personal": 120, "commercial": None}
    assert style["tags"] == ["ink harbor", "harbor", "ink", "boat"]
    assert [work["filename"] for work in style["artworks"]] == [file.name for file in files]
    assert style["artworks"][0]["tags"] == ["ink harbor", "boat"]
    assert style["publish"] == "when_trained"
    assert [each["id"] for each in site.styles.list_own()] == [style["id"]]


def test_a_collection_is_made_filled_changed_and_deleted(site, image):
    made = site.collections.create(name="Harbours", is_public=True)
    assert site.collections.add(made["id"], image.id)["picture_count"] == 1
    assert [each["id"] for each in site.collections.list_pictures(made["id"])] == [image.id]
    assert site.collections.edit(made["id"], name="Piers")["is_public"]
    assert site.collections.remove(made["id"], image.id) is None
    assert site.collections.delete(made["id"]) is None
    assert list(site.collections.list_own()) == []


def test_what_has_not_changed_comes_without_a_body(site, style):
    first, second = (site.styles.read(style.id) for _ in "ab")
    assert first == second
    first["name"] = "changed by the program"
    assert site.styles.read(style.id) == second
    assert [answer.status_code for answer in site.answers] == [200, 304, 304]
    assert not site.answers[-1].content


def test_only_the_last_answers_are_remembered(site, style, session, storage, monkeypatch):
    monkeypatch.setattr(transport, "MAX_REMEMBERED", 1)
    other = making.style(session, storage)
    session.commit()
    for style_id in (style.id, style.id, other.id, style.id):
        site.styles.read(style_id)
    assert [answer.status_code for answer in site.answers] == [200, 304, 200, 200]


def test_none_is_not_sent_and_null_is():
    with failing_server() as server, Site(server.url, "sl_key") as site:
        site.styles.edit(4, valid_to=NULL, price_tokens=120, license_type=None)
        site.styles.publish(4)
    bodies = [json.loads(body) for _, _, body, _ in server.requests]
    assert bodies == [{"valid_to": None, "price_tokens": 120}, {}]


def test_a_parameter_stays_in_its_part_of_the_path():
    with failing_server() as server, Site(server.url, "sl_key") as site:
        site.licenses.read("../tokens/balance?a=b")
    assert server.requests[0][1] == "/api/v1/licenses/..%2Ftokens%2Fbalance%3Fa%3Db"


def test_a_post_without_a_key_is_not_repeated_after_a_lost_connection(monkeypatch):
    monkeypatch.setattr(transport, "RETRY_SECONDS", 0)
    with failing_server() as server, Site(server.url, "sl_key") as site:
        server.statuses = [503, CLOSES_CONNECTION]
        with pytest.raises(httpx.TransportError):
            site.styles.confirm_upload(4)
        server.statuses = [CLOSES_CONNECTION]
        site.styles.edit(4, is_active=True)
    assert [verb for verb, *_ in server.requests] == ["POST", "POST", "PATCH", "PATCH"]


def test_a_file_is_sent_whole_each_time(monkeypatch, tmp_path):
    monkeypatch.setattr(transport, "RETRY_SECONDS", 0)
    file = tmp_path / "picture.png"
    file.write_bytes(b"the picture")
    with failing_server() as server, Site(server.url, "sl_key") as site:
        server.statuses = [503, 429]
        site.verifications.verify(image=file)
    assert [b"the picture" in body for _, _, body, _ in server.requests] == [True] * 3


def test_wrong_types_are_found_before_a_program_runs_and_the_examples_have_none(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        """
from style_license import Site

site = Site("https://styles.example", "sl_key")
for style in site.styles.list_styles(sort="popular"):
    price: int = style["price_tokens"]
    reveal_type(style)
site.generations.create(style_id=4, prompt_tags=["boat"], aspect_ratio="3:2")
site.generations.create(style_id=4)
site.tokens.read_balance()["tokens"]
""",
        encoding="utf-8",
    )
    # Those of Site: the third, of webhooks, needs functions of the reader.
    examples = [tmp_path / f"example_{number}.py" for number in (1, 2)]
    texts = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    for file, text in zip(examples, texts, strict=False):
        file.write_text(text, encoding="utf-8")
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", tmp_path]
    checked = subprocess.run(
        [*mypy, program, *examples],
        env={"MYPYPATH": CLIENT},
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line.split(":", 3)[1:] for line in checked.stdout.splitlines()[:-1]]
    errors = [(line, text.rpartition("  ")[2]) for line, kind, text in found if kind == " error"]
    assert errors == [("8", "[arg-type]"), ("9", "[call-arg]"), ("10", "[typeddict-item]")]
    assert "schemas.StyleCard" in checked.stdout
