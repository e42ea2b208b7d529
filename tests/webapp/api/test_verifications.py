"""Whose picture is this? Nothing is claimed that is not so."""

import hashlib
import io
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import BoundedSemaphore

import numpy as np
import pytest
import redis
from PIL import Image
from sqlalchemy import func, select, update

from gpu.signature import watermark
from tests import delivering, images, making, signing
from tests.webapp.conftest import error_code
from webapp.domain.gateways.cache import Cache
from webapp.domain.images import BadImage, ImageCode
from webapp.domain.models.deep_search import DeepSearch
from webapp.domain.models.generation import Generation
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.license import Certificate
from webapp.domain.services import deep_searches, verifications
from webapp.domain.settings import settings

VERIFY = "/api/v1/verify"
PNG, JPEG = "image/png", "image/jpeg"


def send(client, picture, **options):
    return client.post(VERIFY, data={"image": (io.BytesIO(picture), "picture")}, **options)


def answered(client, picture):
    answer = send(client, picture)
    assert answer.status_code == 200, answer.json
    return answer.json["data"]


def found(data):
    return [(match["public_id"], match["method"], match["confidence"]) for match in data["matches"]]


def searches(session):
    return session.scalar(select(func.count()).select_from(DeepSearch))


@pytest.fixture
def delivered(session, storage, ordered):
    """The file of a private picture with a watermark."""
    return delivering.deliver(session, storage, ordered, delivering.picture())


def noise(width, height):
    """Other noise at each call: the cache outlives the rows of a test."""
    levels = np.random.default_rng().integers(0, 256, (height, width, 3))
    return Image.fromarray(levels.astype(np.uint8))


@pytest.fixture
def foreign():
    """A picture that is not ours, too small for a long search."""
    return images.encoded(noise(96, 96))


@pytest.fixture
def limited_client(limited_app):
    """Somebody at an address of their own, where requests are counted."""
    client = limited_app.test_client()
    client.environ_base["REMOTE_ADDR"] = (
        f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"
    )
    return client


@pytest.fixture(scope="module")
def sign():
    """Sign a file with a chain for development, or with that of somebody else."""

    def signed(data, media_type, public_id, chain=None):
        return delivering.signed(data, media_type, public_id, chain or signing.development())

    return signed


def test_the_file_that_was_delivered_names_its_certificate(client, ordered, delivered, style):
    data = answered(client, delivered)
    assert found(data) == [(ordered.license_public_id, "hash", 1)]
    [match] = data["matches"]
    assert match["license_url"].endswith(f"/l/{ordered.license_public_id}")
    assert (match["status"], match["style_name"]) == ("valid", style.name)
    assert (data["checked"], data["notes"], data["deep"]) == (["hash"], [], None)


def test_a_picture_that_was_saved_again_is_known_by_its_watermark(client, ordered, delivered):
    data = answered(client, delivering.saved_again(delivered, scale=0.7))
    assert found(data) == [(ordered.license_public_id, "watermark", 0.99)]
    assert data["checked"] == ["hash", "credentials", "metadata", "watermark"]
    assert (data["notes"], data["deep"]) == ([], None)


def test_a_picture_without_a_watermark_is_known_by_its_looks(client, session, storage, ordered):
    data = delivering.deliver(session, storage, ordered, delivering.picture(), marked=False)
    data = answered(client, images.encoded(delivering.opened(data), "WEBP", quality=60))
    assert found(data) == [(ordered.license_public_id, "perceptual", 0.95)]
    assert data["deep"] is None


def test_a_part_waits_for_a_deep_search(client, session, delivered):
    data = answered(client, delivering.cropped(delivered, 0.25))
    assert (data["matches"], data["notes"]) == ([], [])
    deep = data["deep"]
    assert (deep["status"], deep["failure"], deep["report"]) == ("queued", None, None)
    assert client.get(f"{VERIFY}/{deep['id']}").json["data"] == deep
    job = session.scalars(select(Job).where(Job.kind == JobKind.DEEP_SEARCH)).one()
    assert job.step == "search_watermark"


def test_a_search_that_is_unknown_or_forgotten_is_not_found(client):
    for search_id in ("V_nothing", "V%00"):
        answer = client.get(f"{VERIFY}/{search_id}")
        assert (answer.status_code, error_code(answer)) == (404, "NOT_FOUND")


def test_private_and_public_pictures_are_told_of_in_the_same_words(
    client, session, storage, ordered, delivered
):
    upload = delivering.saved_again(delivered)
    private = answered(client, upload)
    session.execute(update(Generation).values(is_public=True))
    session.commit()
    assert answered(client, upload) == private
    assert set(private["matches"][0]) == {
        *("public_id", "license_url", "method", "confidence", "status", "valid_to", "revoked_at"),
        *("artist_name", "style_name", "issued_at"),
    }


def test_revoked_and_expired_certificates_of_the_same_picture_stand_first(
    client, session, storage, buyer, style
):
    made = [making.order(session, buyer, style)[0] for _ in range(3)]
    session.commit()
    files = [delivering.deliver(session, storage, each, delivering.picture()) for each in made]
    session.execute(update(Generation).values(seed=7))
    of = Certificate.generation_id
    session.execute(update(Certificate).where(of == made[1].id).values(valid_to=date(2026, 1, 2)))
    now = datetime.now(UTC)
    revoked = update(Certificate).where(of == made[2].id).values(status="revoked", revoked_at=now)
    session.execute(revoked)
    session.commit()
    matches = answered(client, files[0])["matches"]
    assert [(match["public_id"], match["status"], match["method"]) for match in matches] == [
        (made[2].license_public_id, "revoked", "twin"),
        (made[1].license_public_id, "expired", "twin"),
        (made[0].license_public_id, "valid", "hash"),
    ]
    assert matches[0]["revoked_at"] is not None
    assert matches[1]["valid_to"] == "2026-01-02"


def test_a_revocation_shows_at_once_in_an_answer_that_was_given_before(
    client, session, ordered, delivered
):
    upload = delivering.saved_again(delivered)
    assert answered(client, upload)["matches"][0]["status"] == "valid"
    session.execute(update(Certificate).values(status="revoked", revoked_at=datetime.now(UTC)))
    session.commit()
    assert answered(client, upload)["matches"][0]["status"] == "revoked"


def test_metadata_that_name_a_certificate_prove_nothing(client, ordered, delivered, foreign):
    shown = delivering.picture(seed=40)
    data = answered(client, delivering.with_xmp(shown, ordered.license_public_id))
    assert (data["matches"], data["notes"]) == ([], ["certificate_of_other_picture"])
    data = answered(client, delivering.with_xmp(shown, "lic_never_issued"))
    assert (data["matches"], data["notes"]) == ([], ["certificate_unknown"])


def test_a_watermark_that_was_copied_onto_another_picture_proves_nothing(
    client, ordered, delivered
):
    copied = watermark.embed(
        delivering.picture(seed=41), ordered.watermark_number, delivering.newest_key()
    )
    data = answered(client, images.encoded(copied))
    assert (data["matches"], data["notes"]) == ([], ["mark_of_other_picture"])


def test_a_number_that_was_never_issued_proves_nothing(client, delivered):
    number = secrets.randbits(64)
    marked = watermark.embed(delivering.picture(seed=42), number, delivering.newest_key())
    data = answered(client, images.encoded(marked))
    assert (data["matches"], data["notes"]) == ([], ["mark_unknown"])


def test_trusted_credentials_name_their_certificate(client, ordered, delivered, sign):
    """Of a file whose hash is not registered, such as one that was signed again."""
    data = answered(client, sign(delivered, PNG, ordered.license_public_id))
    assert found(data) == [(ordered.license_public_id, "credentials", 0.99)]
    assert data["checked"] == ["hash", "credentials", "metadata"]
    data = answered(client, sign(delivered, PNG, "lic_never_issued"))
    assert data["notes"] == ["certificate_unknown"]


def test_credentials_of_somebody_else_prove_nothing(client, ordered, delivered, sign):
    shown = images.encoded(delivering.picture(seed=43), "JPEG")
    signed = sign(shown, JPEG, ordered.license_public_id, chain=signing.production())
    data = answered(client, signed)
    assert (data["matches"], data["notes"]) == ([], ["credentials_untrusted"])


def test_credentials_of_another_file_or_damaged_ones_prove_nothing(
    client, ordered, delivered, sign
):
    shown = images.encoded(delivering.picture(seed=44), "JPEG", quality=95)
    signed = sign(shown, JPEG, ordered.license_public_id)
    start = signed.index(b"\xff\xeb")  # the segments of the manifest, and nothing before them
    manifest = signed[start : start + len(signed) - len(shown)]
    other = images.encoded(delivering.picture(seed=45), "JPEG", quality=95)
    moved = other[:2] + manifest + other[2:]
    data = answered(client, moved)
    assert data["matches"] == []
    assert set(data["notes"]) == {"credentials_invalid", "certificate_of_other_picture"}
    start = signed.index(b"jumdc2pa")
    damaged = signed[: start + 60] + bytes(400) + signed[start + 460 :]
    data = answered(client, damaged)
    assert (data["matches"], data["notes"]) == ([], ["credentials_invalid"])


def test_a_manifest_that_ends_its_reader_is_invalid(app, client, delivered, monkeypatch):
    def end(*_, **__):
        raise BadImage(ImageCode.CORRUPT)

    monkeypatch.setattr(app.extensions["examiner"], "claims", end)
    data = answered(client, delivering.saved_again(delivered))
    assert data["notes"] == ["credentials_invalid"]
    assert [match["method"] for match in data["matches"]] == ["watermark"]


@pytest.mark.parametrize(
    "file, code",
    [
        (images.gif(), "INVALID_IMAGE_FORMAT"),
        (images.svg(), "INVALID_IMAGE_FORMAT"),
        (images.heavy(20 * 1024 * 1024 + 1), "IMAGE_SIZE_EXCEEDED"),
        (images.png_claiming(20000, 20000), "IMAGE_TOO_LARGE_PIXELS"),
        (images.webp_claiming(12_000, 12_000), "IMAGE_TOO_LARGE_PIXELS"),
        (images.webp_claiming(16_384, 16_384), "IMAGE_TOO_LARGE_PIXELS"),
        (images.png_of_many_pixels(), "IMAGE_TOO_LARGE_PIXELS"),
        (images.png(63, 200), "IMAGE_RESOLUTION_TOO_LOW"),
        (images.half_of(images.jpeg()), "IMAGE_CORRUPT"),
        (images.png_with_damaged_pixels(), "IMAGE_CORRUPT"),
    ],
    ids=[
        *("gif", "svg", "heavy", "bomb", "webp-warned-of", "webp-bomb", "many-pixels", "tiny"),
        *("truncated", "damaged"),
    ],
)
def test_a_file_that_is_no_picture_within_the_limits_is_refused(client, session, file, code):
    answer = send(client, file)
    assert (answer.status_code, error_code(answer)) == (422, code)
    [bad] = answer.json["error"]["details"]["images"]
    assert (bad["filename"], bad["code"]) == ("image", code)
    assert searches(session) == 0


def test_twenty_megabytes_of_noise_are_reduced_before_they_are_handed_over(
    client, session, monkeypatch
):
    upload = images.encoded(noise(2600, 2500), compress_level=0)
    assert 18 << 20 < len(upload) < 20 << 20
    kept = {}
    monkeypatch.setattr(Cache, "put", lambda _cache, name, value, **_: kept.update({name: value}))
    assert answered(client, upload)["deep"]["status"] == "queued"
    [picture] = [value for name, value in kept.items() if "picture" in name]
    assert len(picture) < 4 << 20


def test_a_long_strip_is_examined_and_has_no_certificate(client, ordered, delivered):
    """Reduced to 1024 pixels it is too narrow for a watermark."""
    data = answered(client, images.encoded(noise(100, 5000)))
    assert (data["matches"], data["deep"]["status"]) == ([], "queued")


def test_a_form_without_one_file_is_refused(client, foreign):
    files = [(io.BytesIO(foreign), "first"), (io.BytesIO(foreign), "second")]
    for form, problem in (({"image": files}, "One file only."), ({}, "Must be a file.")):
        answer = client.post(VERIFY, data=form, content_type="multipart/form-data")
        assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
        assert answer.json["error"]["details"]["fields"] == {"image": [problem]}


def test_a_body_larger_than_any_picture_is_refused_unread(client):
    answer = send(client, images.heavy(22 * 1024 * 1024))
    assert (answer.status_code, error_code(answer)) == (413, "PAYLOAD_TOO_LARGE")


def test_the_same_bytes_are_examined_once_and_searched_once(
    app, client, session, foreign, monkeypatch
):
    examiner = app.extensions["examiner"]
    opened = []
    shown = examiner.shown
    monkeypatch.setattr(examiner, "shown", lambda picture: opened.append(1) or shown(picture))
    answers = [answered(client, foreign) for _ in range(40)]
    assert len({answer["deep"]["id"] for answer in answers}) == 1
    assert (len(opened), searches(session)) == (1, 1)


def test_equal_uploads_at_the_same_time_are_examined_once(
    real_app, committed, foreign, monkeypatch
):
    examiner = real_app.extensions["examiner"]
    opened = []
    shown = examiner.shown
    monkeypatch.setattr(examiner, "shown", lambda picture: opened.append(1) or shown(picture))
    with ThreadPoolExecutor(6) as senders:
        clients = [real_app.test_client() for _ in range(6)]
        answers = list(senders.map(lambda client: send(client, foreign), clients))
    assert {answer.status_code for answer in answers} <= {200, 503}
    ids = {answer.json["data"]["deep"]["id"] for answer in answers if answer.status_code == 200}
    assert (len(ids), len(opened)) == (1, 1)


def test_a_process_examines_few_pictures_at_once(client, foreign, monkeypatch):
    monkeypatch.setattr(verifications, "_slots", BoundedSemaphore(1))
    with verifications._slots:
        answer = send(client, foreign)
    assert (answer.status_code, error_code(answer)) == (503, "SERVICE_UNAVAILABLE")
    assert send(client, foreign).status_code == 200


def test_what_is_kept_is_not_readable_and_expires_within_a_minute(client, session, foreign):
    with redis.Redis.from_url(settings().redis_url) as kept:
        kept.flushdb()  # those of other tests run out meanwhile
        answered(client, foreign)
        names = kept.keys("verify:*")
        assert len(names) >= 2
        assert all(0 < kept.ttl(name) <= 50 for name in names)
        search = session.scalars(select(DeepSearch).order_by(DeepSearch.id.desc())).first()
        picture = kept.get(deep_searches.picture_name(search.public_id))
        assert b"PNG" not in picture[:64]
    assert len(search.picture_key) == 32


def test_a_full_queue_is_answered_with_503_and_nothing_is_queued(
    client, session, foreign, monkeypatch
):
    monkeypatch.setattr(deep_searches, "MAX_WAITING", 1)
    assert answered(client, foreign)["deep"]["status"] == "queued"
    answer = send(client, images.encoded(delivering.opened(foreign).rotate(90)))
    assert (answer.status_code, error_code(answer)) == (503, "SERVICE_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) == 20
    assert searches(session) == 1


def test_an_upload_that_a_full_queue_refused_is_not_examined_again_until_it_may_be_retried(
    app, client, session, foreign, monkeypatch
):
    monkeypatch.setattr(deep_searches, "MAX_WAITING", 0)
    examiner, opened = app.extensions["examiner"], []
    shown = examiner.shown
    monkeypatch.setattr(examiner, "shown", lambda picture: opened.append(1) or shown(picture))
    answers = [send(client, foreign) for _ in range(5)]
    assert {(each.status_code, each.headers["Retry-After"]) for each in answers} == {(503, "20")}
    assert len(opened) == 1
    with redis.Redis.from_url(settings().redis_url) as kept:
        name = f"verify:report:{hashlib.sha256(foreign).hexdigest()}"
        assert 0 < kept.ttl(name) <= 20
        kept.delete(name)  # as after 20 seconds
    monkeypatch.setattr(deep_searches, "MAX_WAITING", 20)
    assert answered(client, foreign)["deep"]["status"] == "queued"


def test_without_redis_only_delivered_files_are_recognised(
    app, client, ordered, delivered, foreign
):
    app.extensions["cache"] = Cache("redis://127.0.0.1:1/0")
    assert found(answered(client, delivered)) == [(ordered.license_public_id, "hash", 1)]
    answer = send(client, foreign)
    assert (answer.status_code, error_code(answer)) == (503, "SERVICE_UNAVAILABLE")


def test_the_eleventh_verification_of_a_minute_is_refused(limited_client, delivered):
    answers = [send(limited_client, delivered) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert error_code(answers[-1]) == "RATE_LIMIT_EXCEEDED"
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 61


def test_a_network_counts_as_one_address(limited_client, delivered):
    network = limited_client.environ_base["REMOTE_ADDR"].removesuffix("1")
    for number in range(1, 12):
        limited_client.environ_base["REMOTE_ADDR"] = f"{network}{number}"
        status = send(limited_client, delivered).status_code
    assert status == 429


def test_the_fourth_deep_search_of_a_minute_is_refused(limited_client, session, foreign):
    shown = delivering.opened(foreign)
    turned = [images.encoded(shown.rotate(90 * turn)) for turn in range(4)]
    answers = [send(limited_client, picture) for picture in turned]
    assert [answer.status_code for answer in answers] == [200] * 3 + [429]
    details = answers[-1].json["error"]["details"]
    assert (details["limit"], details["window_seconds"]) == (3, 60)
    assert searches(session) == 3
    assert send(limited_client, turned[0]).status_code == 200  # it is being searched already
