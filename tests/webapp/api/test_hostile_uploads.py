"""Hostile files over HTTP, at all four places that take images: the right answer, never a 5xx."""

import functools
import io

import pytest
from sqlalchemy import select

from tests import images, making
from tests.hostile.case import TARGETS
from tests.hostile.file_names import NAMES
from tests.hostile.test_decoding import CASES, file_of
from tests.webapp.conftest import error_code
from webapp.domain import decoding_slots
from webapp.domain.models.style import Artwork
from webapp.http.bodies import MAX_BODY, MAX_FILENAME

STYLES = "/api/v1/styles"
ARTIST = "/api/v1/users/me/upgrade-to-artist"
ME = "/api/v1/users/me"
FIELDS = {"name": "Ink Harbor", "description": "Piers in ink.", "price_tokens": "120"}
BY_HEADER = {
    *("INVALID_IMAGE_FORMAT", "IMAGE_SIZE_EXCEEDED", "IMAGE_RESOLUTION_TOO_LOW"),
    *("IMAGE_TOO_LARGE_PIXELS", "IMAGE_TOO_LONG"),
}
FIRST_DECODED = 2
WORK, SIGNATURE, PROFILE = TARGETS


@pytest.fixture(autouse=True)
def _slots_of_our_own(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding_slots, "_folder", lambda: tmp_path)


def sent(client, method, path, field, data, **fields):
    files = {field: (io.BytesIO(data), "picture.png")}
    return client.open(path, method=method, data={**fields, **files})


def sample(target):
    """All that a header tells, and of what a child must decode a few of each answer."""
    decoded = {}
    for case in CASES:
        code = target.expected(case)
        if code not in BY_HEADER:
            decoded.setdefault((code, case.name.partition(":")[0]), []).append(case)
    few = [case for cases in decoded.values() for case in cases[:FIRST_DECODED]]
    return few + [case for case in CASES if target.expected(case) in BY_HEADER]


def code_of(answer):
    assert answer.status_code < 500, answer.json
    return None if answer.status_code < 300 else error_code(answer)


def expected(target, case):
    """The code of a case, sent as the only file of a form."""
    return "PAYLOAD_TOO_LARGE" if len(file_of(case)) > MAX_BODY else target.expected(case)


def wrong_answers(target, send):
    """Cases that are not answered as they should be."""
    answers = {case: code_of(send(file_of(case))) for case in sample(target)}
    return {
        case.name: f"{code} instead of {expected(target, case)}"
        for case, code in answers.items()
        if code != expected(target, case)
    }


def test_a_header_that_is_wrong_is_answered_in_the_request_that_sends_works(artist_client):
    """What only decoding shows is told later, for each work by itself."""
    told = {}
    for start in range(0, len(CASES), 99):
        cases = CASES[start : start + 99]
        files = [(io.BytesIO(file_of(case)), "work.png") for case in cases]
        files.append((io.BytesIO(b"none"), "none.png"))  # no form is accepted as a whole
        answer = artist_client.post(STYLES, data={**FIELDS, "images": files})
        assert answer.status_code == 422, answer.json
        *found, control = answer.json["error"]["details"]["images"]
        assert (control["idx"], control["code"]) == (len(cases), "INVALID_IMAGE_FORMAT")
        for bad in found:
            told[cases[bad["idx"]].name] = bad["code"]
    right = {case.name: case.work for case in CASES}
    assert {name: code for name, code in told.items() if code != right[name]} == {}
    assert {name for name, code in right.items() if code in BY_HEADER} <= told.keys()


def test_a_signature_has_the_right_answer(buyer_client, artist_client):
    def signed(data):
        # Only who is an artist may change a signature again and again.
        return sent(artist_client, "PATCH", ME + "/artist", "signature_image", data)

    assert wrong_answers(SIGNATURE, signed) == {}
    become = functools.partial(
        sent, buyer_client, "POST", ARTIST, "signature_image", artist_name="Theo Lind"
    )
    refused = [case for case in sample(SIGNATURE) if case.signature is not None]
    for case in refused[::20]:
        assert code_of(become(file_of(case))) == expected(SIGNATURE, case), case.name
    assert code_of(become(making.signature_png())) is None


def test_a_profile_picture_has_the_right_answer(buyer_client):
    send = functools.partial(sent, buyer_client, "PATCH", ME, "profile_image")
    assert wrong_answers(PROFILE, send) == {}


def test_a_banner_is_refused_where_a_profile_picture_is(artist_client):
    send = functools.partial(sent, artist_client, "PUT", ME + "/artist-page/banner", "banner")
    answers = {case: code_of(send(file_of(case))) for case in sample(PROFILE)}
    wrong = {}
    for case, code in answers.items():
        right = {expected(PROFILE, case), "IMAGE_RESOLUTION_TOO_LOW", "IMAGE_TOO_LONG"}
        if code not in right:
            wrong[case.name] = f"{code} instead of {right}"
    assert wrong == {}
    assert None in answers.values()


def form_with(names, files):
    """A form written by hand: clients that are not hostile would clean these names."""
    lines = []
    for name, value in FIELDS.items():
        lines.append(f'--part\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n')
    body = "".join(lines).encode()
    for name, data in zip(names, files, strict=True):
        quoted = name.replace("\\", "\\\\").replace('"', '\\"').encode("utf-8", "surrogatepass")
        head = b'--part\r\nContent-Disposition: form-data; name="images"; filename="' + quoted
        body += head + b'"\r\nContent-Type: image/png\r\n\r\n' + data + b"\r\n"
    return {
        "data": body + b"--part--\r\n",
        "content_type": "multipart/form-data; boundary=part",
    }


def test_no_name_of_a_file_decides_what_it_is_or_where_it_goes(artist_client, session, storage):
    files = [images.encoded(images.scene(512, 512, seed=seed)) for seed in range(len(NAMES))]
    answer = artist_client.post(STYLES, **form_with(NAMES, files))
    assert answer.status_code == 201, answer.json
    works = session.scalars(select(Artwork).order_by(Artwork.idx)).all()
    assert len(works) == len(NAMES)
    for work, data in zip(works, files, strict=True):
        assert work.filename.isprintable()
        assert 1 <= len(work.filename) <= MAX_FILENAME
        kind, _, name = work.upload_key.partition("/")
        assert (kind, name.isascii(), name.count("/"), ".." in name) == ("uploads", True, 0, False)
        assert storage.get(work.upload_key) == data


def test_no_name_makes_a_picture_of_what_is_none(artist_client):
    answer = artist_client.post(STYLES, **form_with(NAMES, [images.gif()] * len(NAMES)))
    assert answer.status_code == 422
    bad = answer.json["error"]["details"]["images"]
    assert [each["code"] for each in bad] == ["INVALID_IMAGE_FORMAT"] * len(NAMES)
    assert all(each["filename"].isprintable() for each in bad)
