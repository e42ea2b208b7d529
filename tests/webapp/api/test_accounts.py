import base64
import io

import pytest
from PIL import Image
from sqlalchemy import func, select

from tests import images, making
from tests.database import at_once
from tests.webapp.conftest import error_code, signed_in_client
from webapp.domain import decoding_slots, image_processes
from webapp.domain.image_processes import ProcessLimits
from webapp.domain.models.account import Artist, User
from webapp.domain.services import pictures, stamping
from webapp.extensions import db

ME = "/api/v1/users/me"
ARTIST = "/api/v1/users/me/artist"
UPGRADE = "/api/v1/users/me/upgrade-to-artist"


def dotted(pixels: int) -> Image.Image:
    """Nothing but a dot, that many pixels wide and high."""
    drawing = Image.new("RGBA", (300, 100))
    drawing.paste("black", (150, 50, 150 + pixels, 50 + pixels))
    return drawing


def data_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def test_a_drawn_signature_makes_an_artist_once(buyer_client, buyer, session, storage):
    body = {"artist_name": "J. Han", "signature_image": data_url(making.signature_png())}
    answer = buyer_client.post(UPGRADE, json=body)
    assert answer.status_code == 200
    data = answer.json["data"]
    assert data["user"] == {"id": buyer.id, "role": "artist"}
    assert data["artist"]["artist_name"] == "J. Han"
    assert data["artist"]["contact_email"] == buyer.email
    shown = buyer_client.get(data["artist"]["signature_image_url"])
    assert Image.open(io.BytesIO(shown.data)).mode == "RGBA"
    again = buyer_client.post(UPGRADE, json=body)
    assert (again.status_code, error_code(again)) == (409, "ALREADY_ARTIST")
    me = buyer_client.get("/api/v1/auth/me").json["data"]
    assert me["role"] == "artist"
    assert me["artist"]["signature_position"] == "bottom-right"
    assert me["artist"]["signature_opacity"] == 0.7
    artist = session.get(Artist, buyer.id)
    assert storage.get(artist.signature_key) == shown.data


def test_an_uploaded_signature_makes_an_artist(buyer_client):
    answer = buyer_client.post(
        UPGRADE,
        data={
            "artist_name": "<b>J. Han</b>",
            "contact_email": "han@example.org",
            "signature_image": (io.BytesIO(making.signature_png()), "../../han.png"),
        },
    )
    assert answer.status_code == 200
    assert answer.json["data"]["artist"]["artist_name"] == "<b>J. Han</b>"
    assert answer.json["data"]["artist"]["contact_email"] == "han@example.org"


def test_a_drawn_signature_in_a_form_is_judged_as_a_file_is(buyer_client):
    heavy = data_url(images.heavy(2 * 1024 * 1024 + 1))
    answer = buyer_client.post(
        UPGRADE,
        data={"artist_name": "J. Han", "signature_image": heavy},
        content_type="multipart/form-data",
    )
    assert (answer.status_code, error_code(answer)) == (422, "IMAGE_SIZE_EXCEEDED")


@pytest.mark.parametrize(
    "signature, code",
    [
        (images.jpeg(), "INVALID_IMAGE_FORMAT"),
        (images.svg(), "INVALID_IMAGE_FORMAT"),
        (images.heavy(2 * 1024 * 1024 + 1), "IMAGE_SIZE_EXCEEDED"),
        (images.png_claiming(20000, 20000), "IMAGE_TOO_LARGE_PIXELS"),
        (images.half_of(images.png()), "IMAGE_CORRUPT"),
        (images.encoded(Image.new("RGBA", (300, 100))), "IMAGE_CORRUPT"),
        (images.encoded(Image.new("RGB", (300, 100), "white")), "IMAGE_CORRUPT"),
        (images.encoded(Image.new("RGBA", (1, 1), "black")), "IMAGE_CORRUPT"),
        (images.encoded(dotted(1)), "IMAGE_CORRUPT"),
        (images.encoded(dotted(3)), "IMAGE_CORRUPT"),
    ],
    ids=[
        "jpeg",
        "svg",
        "heavy",
        "bomb",
        "truncated",
        "clear",
        "white",
        "one pixel",
        "a pixel",
        "a dot",
    ],
)
def test_a_signature_that_cannot_be_used_is_refused(buyer_client, session, signature, code):
    body = {"artist_name": "J. Han", "signature_image": (io.BytesIO(signature), "han.png")}
    answer = buyer_client.post(UPGRADE, data=body)
    assert (answer.status_code, error_code(answer)) == (422, code)
    assert answer.json["error"]["details"]["images"][0]["code"] == code
    assert session.scalar(select(Artist.user_id)) is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"artist_name": "J. Han"},
        {"artist_name": "J", "signature_image": data_url(making.signature_png())},
        {"artist_name": "J. Han", "signature_image": "https://example.org/signature.png"},
        {"artist_name": "J. Han", "signature_image": "data:image/svg+xml;base64,PHN2Zz4="},
        {
            "artist_name": "J. Han",
            "contact_email": "no address",
            "signature_image": data_url(making.signature_png()),
        },
    ],
)
def test_an_upgrade_names_its_wrong_fields(buyer_client, body):
    answer = buyer_client.post(UPGRADE, json=body)
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")


def test_a_profile_changes_only_what_is_given(buyer_client, session, buyer):
    making.user(session, bio="x").username = "taken"
    session.commit()
    changed = buyer_client.patch(
        "/api/v1/users/me", json={"username": "mina", "bio": "<i>I draw.</i>", "role": "admin"}
    ).json["data"]
    assert (changed["username"], changed["bio"], changed["role"]) == (
        "mina",
        "<i>I draw.</i>",
        "user",
    )
    taken = buyer_client.patch("/api/v1/users/me", json={"username": "taken"})
    assert (taken.status_code, error_code(taken)) == (409, "DUPLICATE_USERNAME")
    for wrong in (
        {"username": "a b"},
        {"username": "ab"},
        {"language": "fr"},
        {"bio": "x" * 151},
        {"bio": "I\x00"},
    ):
        assert buyer_client.patch("/api/v1/users/me", json=wrong).status_code == 422
    assert session.scalar(select(User.username).where(User.id == buyer.id)) == "mina"


def test_the_language_of_answers_changes_at_once(buyer_client):
    words = [
        buyer_client.get("/api/v1/styles/404").json["error"]["message"],
        buyer_client.patch(ME, json={"language": "ko"}).json["data"]["language"],
        buyer_client.get("/api/v1/styles/404").json["error"]["message"],
    ]
    assert words[1] == "ko"
    assert words[0].isascii()
    assert not words[2].isascii()


def test_of_two_who_want_one_name_at_once_one_gets_it(real_app, committed):
    with committed() as session:
        people = [making.user(session) for _ in range(6)]
        session.commit()
        clients = [signed_in_client(real_app, session, person) for person in people]
    calls = [
        lambda client=client: client.patch(ME, json={"username": "mina"}).status_code
        for client in clients
    ]
    assert sorted(at_once(*calls)) == [200] + [409] * 5
    with committed() as session:
        mina = select(func.count()).where(User.username == "mina")
        assert session.scalar(mina) == 1


def test_one_person_may_save_a_name_twice_at_once(real_app, committed):
    with committed() as session:
        person = making.user(session)
        session.commit()
        clients = [signed_in_client(real_app, session, person) for _ in range(4)]
    calls = [
        lambda client=client, name=name: client.patch(ME, json={"username": name}).status_code
        for client, name in zip(clients, ["mina", "min_a", "mi_na", "m_ina"], strict=True)
    ]
    assert at_once(*calls) == [200] * 4


def portrait(data: bytes) -> dict:
    return {"profile_image": (io.BytesIO(data), "../../me.jpg")}


@pytest.mark.parametrize(
    "file, kind",
    [(images.jpeg(1600, 900), "JPEG"), (images.png(900, 1600), "PNG")],
    ids=["jpeg", "png"],
)
def test_a_profile_picture_is_kept_small_and_clean(buyer_client, buyer, storage, file, kind):
    answer = buyer_client.patch(ME, data=portrait(file) | {"bio": "I draw."})
    assert answer.status_code == 200
    assert answer.json["data"]["bio"] == "I draw."
    shown = buyer_client.get(answer.json["data"]["profile_image"]).data
    picture = Image.open(io.BytesIO(shown))
    assert (picture.format, max(picture.size), min(picture.size)) == (kind, 512, 288)
    me = buyer_client.get("/api/v1/auth/me").json["data"]
    assert (
        me["profile_image"].partition("?")[0]
        == answer.json["data"]["profile_image"].partition("?")[0]
    )


def test_a_new_picture_is_another_object(buyer_client, session, buyer):
    keys = []
    for _ in range(2):
        buyer_client.patch(ME, data=portrait(images.png(64, 64)))
        keys.append(session.scalar(select(User.profile_image_key).where(User.id == buyer.id)))
    assert len(set(keys)) == 2
    assert buyer_client.patch(ME, json={"bio": "x"}).json["data"]["profile_image"]


@pytest.mark.parametrize(
    "file, code, more",
    [
        (images.gif(), "INVALID_IMAGE_FORMAT", {"accepted": ["image/jpeg", "image/png"]}),
        (images.svg(), "INVALID_IMAGE_FORMAT", {"accepted": ["image/jpeg", "image/png"]}),
        (
            images.heavy(5 * 1024 * 1024 + 1),
            "IMAGE_SIZE_EXCEEDED",
            {"max_bytes": 5 * 1024 * 1024},
        ),
        (images.png_claiming(20000, 20000), "IMAGE_TOO_LARGE_PIXELS", {"max_pixels": 50_000_000}),
        (images.half_of(images.jpeg()), "IMAGE_CORRUPT", {}),
    ],
    ids=["gif", "svg", "heavy", "bomb", "truncated"],
)
def test_a_picture_that_cannot_be_used_changes_nothing(
    buyer_client, buyer, session, storage, file, code, more
):
    answer = buyer_client.patch(ME, data=portrait(file) | {"bio": "I draw."})
    assert (answer.status_code, error_code(answer)) == (422, code)
    details = answer.json["error"]["details"]
    (bad,) = details.pop("images")
    assert (bad["idx"], bad["filename"], bad["code"]) == (0, "profile_image", code)
    assert details == more
    assert session.scalar(select(User.bio).where(User.id == buyer.id)) == ""
    assert list(storage.list()) == []


def test_while_a_picture_is_decoded_no_connection_waits(real_app, committed, storage, monkeypatch):
    with committed() as session:
        person = making.user(session)
        session.commit()
        client = signed_in_client(real_app, session, person)
    held = []
    decode = pictures.sanitise_in_subprocess

    def watched(*args, **kwargs):
        held.append(db.engine.pool.checkedout())
        return decode(*args, **kwargs)

    monkeypatch.setattr(pictures, "sanitise_in_subprocess", watched)
    assert client.patch(ME, data=portrait(images.png(64, 64))).status_code == 200
    upgrade = {"artist_name": "J. Han", "signature_image": data_url(making.signature_png())}
    assert client.post(UPGRADE, json=upgrade).status_code == 200
    assert client.patch(ARTIST, json=upgrade).status_code == 200
    assert held == [0, 0, 0]


def test_while_all_slots_of_decoding_are_taken_a_picture_is_asked_for_again_later(
    buyer_client, session, buyer, monkeypatch, tmp_path
):
    monkeypatch.setattr(decoding_slots, "_folder", lambda: tmp_path)
    monkeypatch.setattr(image_processes, "ProcessLimits", lambda: ProcessLimits(slot_seconds=0))
    with decoding_slots.slot(-1, decoding_slots.UNITS * decoding_slots.UNIT_BYTES, 0):
        answer = buyer_client.patch(ME, data=portrait(images.png(64, 64)))
    assert (answer.status_code, error_code(answer)) == (503, "SERVICE_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0
    assert session.scalar(select(User.profile_image_key).where(User.id == buyer.id)) is None


def test_where_no_decoder_starts_a_picture_is_asked_for_again_later(
    buyer_client, session, buyer, monkeypatch, tmp_path
):
    monkeypatch.setattr(image_processes, "ROOT", tmp_path)
    upgrade = {"artist_name": "J. Han", "signature_image": data_url(making.signature_png())}
    for answer in (
        buyer_client.patch(ME, data=portrait(images.png(64, 64))),
        buyer_client.post(UPGRADE, json=upgrade),
    ):
        assert (answer.status_code, error_code(answer)) == (503, "SERVICE_UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) > 0
    assert session.scalar(select(User.profile_image_key).where(User.id == buyer.id)) is None


def test_an_artist_changes_what_is_given_and_nothing_else(artist_client, artist, session):
    before = artist_client.get("/api/v1/auth/me").json["data"]["artist"]
    answer = artist_client.patch(
        ARTIST, json={"signature_position": "bottom-left", "signature_opacity": 0.3}
    )
    assert answer.status_code == 200
    changed = answer.json["data"]
    for view in (before, changed):
        view["signature_image_url"] = view["signature_image_url"].partition("?")[0]
    assert changed == before | {"signature_position": "bottom-left", "signature_opacity": 0.3}
    assert set(changed) == {
        "id",
        "artist_name",
        "contact_email",
        "signature_image_url",
        "signature_position",
        "signature_size",
        "signature_opacity",
        "earned_token_balance",
        "follower_count",
    }
    form = {
        "artist_name": "<b>J. Han</b>",
        "signature_size": "large",
        "signature_opacity": "1",
        "signature_image": (io.BytesIO(making.signature_png()), "han.png"),
    }
    changed = artist_client.patch(ARTIST, data=form).json["data"]
    assert (changed["artist_name"], changed["signature_size"]) == ("<b>J. Han</b>", "large")
    assert changed["signature_opacity"] == 1
    assert changed["signature_image_url"].partition("?")[0] != before["signature_image_url"]
    shown = artist_client.get(changed["signature_image_url"])
    assert Image.open(io.BytesIO(shown.data)).mode == "RGBA"


@pytest.mark.parametrize(
    "body",
    [
        {"artist_name": "J"},
        {"signature_position": "top-left"},
        {"signature_size": "huge"},
        {"signature_opacity": 0.29},
        {"signature_opacity": 1.01},
        {"signature_opacity": True},
        {"signature_image": "https://example.org/signature.png"},
    ],
)
def test_a_signature_stays_within_its_rules(artist_client, artist, session, body):
    answer = artist_client.patch(ARTIST, json=body)
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    assert set(answer.json["error"]["details"]["fields"]) == set(body)


def test_a_form_cannot_smuggle_in_an_opacity_that_is_no_number(artist_client):
    answer = artist_client.patch(
        ARTIST, data={"signature_opacity": "nan"}, content_type="multipart/form-data"
    )
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize("drawing", [Image.new("RGBA", (300, 100)), dotted(1)])
def test_a_new_signature_that_cannot_be_used_leaves_the_old_one(
    artist_client, artist, session, drawing
):
    before = artist.signature_key
    body = {"signature_image": data_url(images.encoded(drawing))}
    answer = artist_client.patch(ARTIST, json=body)
    assert (answer.status_code, error_code(answer)) == (422, "IMAGE_CORRUPT")
    assert session.scalar(select(Artist.signature_key)) == before


def test_a_new_signature_is_for_images_that_are_signed_later(
    artist_client, session, storage, ordered
):
    job = making.hand_on_to_stamping(session, storage, ordered)
    session.commit()
    artist_client.patch(ARTIST, json={"signature_position": "bottom-center"})
    session.expire_all()
    lease = stamping.jobs.claim(session, job.id, "stamp_signature", 60)
    assert stamping.stamp_input(session, lease).signature.position == "bottom-center"


@pytest.mark.parametrize(
    "who, status, code", [("client", 401, "UNAUTHORIZED"), ("buyer_client", 403, "ARTIST_ONLY")]
)
def test_only_artists_have_a_signature_to_change(request, who, status, code):
    answer = request.getfixturevalue(who).patch(ARTIST, json={"signature_size": "small"})
    assert (answer.status_code, error_code(answer)) == (status, code)


def test_a_buyer_cannot_change_the_signature_on_an_image(buyer_client, ordered, artist, session):
    body = {
        "signature_opacity": 0.3,
        "signature_position": "bottom-left",
        "signature_size": "small",
    }
    buyer_client.patch(f"/api/v1/generations/{ordered.id}", json=body)
    session.refresh(artist)
    assert (artist.signature_opacity, artist.signature_position) == (0.7, "bottom-right")


# ── leaving ──────────────────────────────────────────────────────────────────────────────────


def test_who_leaves_is_deleted_and_signed_out_everywhere(buyer_client, buyer, session, sign_in):
    phone = sign_in(buyer)
    answer = buyer_client.delete(ME, json={"confirm": buyer.username})
    assert answer.status_code == 200
    assert answer.json["data"] == {"result": "deleted"}
    assert error_code(buyer_client.get("/api/v1/auth/me")) == "UNAUTHORIZED"
    assert error_code(phone.get("/api/v1/auth/me")) == "SESSION_EXPIRED"


def test_an_artist_of_a_bought_image_is_deactivated_and_the_image_stays(
    artist_client, artist, buyer_client, client, session, ordered, finish
):
    image = finish(ordered)
    name = artist_client.get("/api/v1/auth/me").json["data"]["username"]
    answer = artist_client.delete(ME, json={"confirm": name})
    assert answer.json["data"] == {"result": "deactivated"}
    seen = buyer_client.get(f"/api/v1/generations/{image.id}").json["data"]
    assert buyer_client.get(seen["result_url"]).status_code == 200
    assert seen["style"]["artist"]["artist_name"] == artist.artist_name
    assert client.get(f"/l/{image.license_public_id}").status_code == 200
    on_sale = client.get("/api/v1/styles").json["data"]["results"]
    assert on_sale == []
    answer = buyer_client.post(
        "/api/v1/generations", json={"style_id": image.style_id, "prompt_tags": ["sea"]}
    )
    assert (answer.status_code, error_code(answer)) == (404, "STYLE_NOT_FOUND")


@pytest.mark.parametrize("body", [{}, {"confirm": "somebody"}, {"confirm": 7}, {"confirm": ""}])
def test_nobody_leaves_without_saying_the_own_name(buyer_client, buyer, session, body):
    answer = buyer_client.delete(ME, json=body)
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    assert set(answer.json["error"]["details"]["fields"]) == {"confirm"}
    assert buyer_client.get("/api/v1/auth/me").status_code == 200


def test_nobody_leaves_by_a_request_without_a_body(buyer_client):
    answer = buyer_client.delete(ME)
    assert (answer.status_code, error_code(answer)) == (400, "INVALID_REQUEST")


def test_nobody_leaves_with_an_image_under_way(buyer_client, buyer, ordered):
    answer = buyer_client.delete(ME, json={"confirm": buyer.username})
    assert (answer.status_code, error_code(answer)) == (409, "GENERATION_STILL_PROCESSING")
    assert answer.json["error"]["details"] == {"generation_ids": [ordered.id]}
    assert buyer_client.get("/api/v1/auth/me").status_code == 200


def test_nobody_leaves_while_a_style_is_trained(session, sign_in):
    run = making.training(session)
    session.commit()
    owner = session.get(User, session.scalar(select(Artist.user_id)))
    answer = sign_in(owner).delete(ME, json={"confirm": owner.username})
    assert (answer.status_code, error_code(answer)) == (409, "TRAINING_IN_PROGRESS")
    assert answer.json["error"]["details"] == {"style_id": run.style_id}


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_strangers_have_no_account_to_change_or_close(client, method):
    answer = client.open(ME, method=method, json={})
    assert (answer.status_code, error_code(answer)) == (401, "UNAUTHORIZED")


def test_nobody_leaves_by_a_forged_request(buyer_client, buyer, session):
    buyer_client.csrf_token = None
    answer = buyer_client.delete(ME, json={"confirm": buyer.username})
    assert (answer.status_code, error_code(answer)) == (403, "CSRF_FAILED")
    assert session.scalar(select(User.is_active).where(User.id == buyer.id))


@pytest.fixture
def mina(real_app, committed):
    """Somebody who is called mina, by real commits."""
    with committed.begin() as session:
        person = making.user(session)
    with committed() as session:
        client = signed_in_client(real_app, session, person)
    assert client.patch(ME, json={"username": "mina"}).status_code == 200
    return client


@pytest.fixture
def other(real_app, committed):
    with committed.begin() as session:
        person = making.user(session)
    with committed() as session:
        return signed_in_client(real_app, session, person)


def test_nobody_is_called_like_another(mina, other):
    for username in ("mina", "MINA", "rnina", "admin", "Style-License"):
        refused = other.patch(ME, json={"username": username, "bio": "no"})
        assert (refused.status_code, error_code(refused)) == (409, "DUPLICATE_USERNAME")
    become = {"signature_image": data_url(making.signature_png())}
    for artist_name in ("Mina", "m\u0456na", "rnina", "Support", "관리자"):
        refused = other.post(UPGRADE, json=become | {"artist_name": artist_name})
        assert (refused.status_code, error_code(refused)) == (409, "DUPLICATE_USERNAME")
    assert other.post(UPGRADE, json=become | {"artist_name": "J. Han"}).status_code == 200
    refused = other.patch(ARTIST, json={"artist_name": "M\u0456na"})
    assert (refused.status_code, error_code(refused)) == (409, "DUPLICATE_USERNAME")
    assert other.patch(ARTIST, json={"artist_name": "j. han"}).status_code == 200
    assert mina.patch(ME, json={"username": "Mina"}).status_code == 200
    me = other.get("/api/v1/auth/me").json["data"]
    assert (me["bio"], me["artist"]["artist_name"]) == ("", "j. han")


@pytest.mark.parametrize("name", ["a\u200bb", "\u3164\u3164", "\ufeffab", "e" + "\u0301" * 9])
def test_what_cannot_be_seen_is_in_no_name(buyer_client, artist_client, name):
    for client, path, body in (
        (buyer_client, ME, {"display_name": name}),
        (artist_client, ARTIST, {"artist_name": name}),
        (
            buyer_client,
            UPGRADE,
            {"artist_name": name, "signature_image": data_url(making.signature_png())},
        ),
    ):
        answer = (client.post if path == UPGRADE else client.patch)(path, json=body)
        assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")


def test_a_name_in_any_script_stands_beside_the_username(buyer_client, client, buyer):
    changed = buyer_client.patch(ME, json={"display_name": " 서하늘 "}).json["data"]
    assert (changed["display_name"], changed["username"]) == ("서하늘", buyer.username)
    seen = client.get(f"/api/v1/users/{buyer.id}").json["data"]
    assert (seen["display_name"], seen["username"]) == ("서하늘", buyer.username)
    page = client.get(f"/users/{buyer.id}").text
    assert "서하늘" in page
    assert f"@{buyer.username}" in page
    refused = buyer_client.patch(ME, json={"display_name": "관리자"})
    assert (refused.status_code, error_code(refused)) == (409, "DUPLICATE_USERNAME")


def test_an_address_that_nobody_verified_is_not_called_verified(buyer_client):
    body = {"artist_name": "J. Han", "signature_image": data_url(making.signature_png())}
    answer = buyer_client.post(UPGRADE, json=body | {"verified_email": "han@example.org"})
    assert answer.json["data"]["artist"]["contact_email"] == "han@example.org"
    assert "verified" not in answer.text
    assert "verified" not in buyer_client.get("/api/v1/auth/me").text
