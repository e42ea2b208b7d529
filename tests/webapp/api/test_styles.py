import io
import json

import pytest
from sqlalchemy import func, select, update
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import encode_multipart

from tests import images, making
from tests.webapp.conftest import error_code, signed_in_client
from webapp.domain.models.account import User
from webapp.domain.models.job import Job
from webapp.domain.models.style import Artwork, Style
from webapp.domain.models.training import TrainingRun
from webapp.domain.services import rights, training
from webapp.extensions import db

STYLES = "/api/v1/styles"
FIELDS = {"name": "Ink Harbor", "description": "Piers in ink.", "price_tokens": "120"}


@pytest.fixture(scope="module")
def works() -> list[bytes]:
    return [images.encoded(images.scene(512, 520, seed=seed)) for seed in range(12)]


def form(files, **fields):
    return {
        **FIELDS,
        **fields,
        "images": [(io.BytesIO(data), f"work {idx}.png") for idx, data in enumerate(files)],
    }


def declared(count=10, **changes):
    file = {"filename": "pier.png", "size": 1000, "content_type": "image/png"} | changes
    return {**FIELDS, "price_tokens": 120, "files": [file] * count}


def test_works_in_one_form_make_a_pending_style(artist_client, session, works):
    answer = artist_client.post(
        STYLES,
        data=form(
            works[:11],
            license_type="commercial",
            tags="Harbor, boat ",
            image_tags=json.dumps({"0": ["Boat", "night"], "3": ["boat"]}),
            valid_to="2099-01-01",
        ),
    )
    assert answer.status_code == 201, answer.json
    data = answer.json["data"]
    assert answer.headers["Location"] == f"/api/v1/styles/{data['id']}"
    assert data["training_status"] == "pending"
    assert data["artwork_count"] == 11
    assert data["price_tokens"] == data["generation_cost_tokens"] == 120
    assert data["tags"] == ["ink harbor", "harbor", "boat", "night"]
    assert data["validation"] == {"total": 11, "pending": 11, "valid": 0, "rejected": 0}
    assert data["artworks"][0]["tags"] == ["ink harbor", "boat", "night"]
    assert data["artworks"][0]["filename"] == "work 0.png"
    assert data["progress"] is None
    assert data["failure"] is None
    assert data["attempt"] == 1
    assert artist_client.get(answer.headers["Location"]).json["data"] == data
    assert session.scalar(select(func.count()).select_from(Job)) == 1


@pytest.mark.parametrize(
    "make, code, detail",
    [
        (lambda works: works[:9], "INSUFFICIENT_IMAGES", {"count": 9, "min": 10}),
        (lambda works: works[:1] * 101, "TOO_MANY_IMAGES", {"count": 101, "max": 100}),
        (lambda works: [*works[:10], images.png(511, 600)], "IMAGE_RESOLUTION_TOO_LOW", None),
        (
            lambda works: [*works[:10], images.heavy(10 * 1024 * 1024 + 1)],
            "IMAGE_SIZE_EXCEEDED",
            None,
        ),
        (lambda works: [*works[:10], images.gif()], "INVALID_IMAGE_FORMAT", None),
        (
            lambda works: [*works[:10], images.png_claiming(20000, 20000)],
            "IMAGE_TOO_LARGE_PIXELS",
            None,
        ),
        (lambda works: [*works[:10], works[3]], "DUPLICATE_IMAGE", None),
    ],
)
def test_a_bad_set_of_works_has_its_code_and_changes_nothing(
    artist_client, session, storage, works, make, code, detail
):
    answer = artist_client.post(STYLES, data=form(make(works)))
    assert (answer.status_code, error_code(answer)) == (422, code)
    details = answer.json["error"]["details"]
    if detail is None:
        assert (details["images"][0]["idx"], details["images"][0]["code"]) == (10, code)
        assert details["images"][0]["filename"] == "work 10.png"
    else:
        assert details == detail
    assert session.scalar(select(func.count()).select_from(Style)) == 0
    assert list(storage.list("uploads")) == []


def test_every_bad_file_is_named_with_its_own_code(artist_client, works):
    bad = [images.gif(), images.png(511, 600)]
    answer = artist_client.post(STYLES, data=form([*works[:10], *bad]))
    assert error_code(answer) == "INVALID_IMAGE_FORMAT"
    named = answer.json["error"]["details"]["images"]
    assert [(each["idx"], each["code"]) for each in named] == [
        (10, "INVALID_IMAGE_FORMAT"),
        (11, "IMAGE_RESOLUTION_TOO_LOW"),
    ]


@pytest.mark.parametrize(
    "fields, code",
    [
        ({"tags": "꽈배기"}, "INVALID_TAG_LANGUAGE"),
        ({"name": "Кот"}, "INVALID_TAG_LANGUAGE"),
        ({"image_tags": '{"3": ["꽈배기"]}'}, "INVALID_TAG_LANGUAGE"),
        ({"tags": ",".join(f"tag {n}" for n in range(11))}, "VALIDATION_ERROR"),
        ({"image_tags": "[1]"}, "VALIDATION_ERROR"),
        ({"image_tags": "{"}, "VALIDATION_ERROR"),
        ({"image_tags": "[" * 20_000}, "VALIDATION_ERROR"),
        ({"image_tags": json.dumps({"0": [f"t{n}" for n in range(21)]})}, "VALIDATION_ERROR"),
        ({"price_tokens": "0"}, "VALIDATION_ERROR"),
        ({"price_tokens": "10001"}, "VALIDATION_ERROR"),
        ({"name": "ab"}, "VALIDATION_ERROR"),
        ({"name": "산"}, "VALIDATION_ERROR"),
        ({"name": "바다!"}, "INVALID_TAG_LANGUAGE"),
        ({"name": "Кот", "english_name": "Кот"}, "INVALID_TAG_LANGUAGE"),
        ({"name": "<b></b>"}, "INVALID_TAG_LANGUAGE"),
        ({"name": "Ink\u200b Harbor"}, "VALIDATION_ERROR"),
        ({"description": "\u3164"}, "VALIDATION_ERROR"),
        ({"license_type": "public"}, "VALIDATION_ERROR"),
        ({"valid_from": "2030-01-02", "valid_to": "2030-01-02"}, "VALIDATION_ERROR"),
        ({"valid_to": "2001-01-01"}, "VALIDATION_ERROR"),
    ],
)
def test_a_wrong_field_has_its_code_and_changes_nothing(
    artist_client, session, storage, works, fields, code
):
    answer = artist_client.post(STYLES, data=form(works[:10], **fields))
    assert (answer.status_code, error_code(answer)) == (422, code)
    assert session.scalar(select(func.count()).select_from(Style)) == 0
    assert list(storage.list("uploads")) == []


@pytest.mark.parametrize(
    "fields, tag",
    [
        ({"name": "바다"}, "sea"),
        ({"name": "바다의 노래"}, "badayi norae"),
        ({"name": "Кот", "english_name": "Tom Cat"}, "tom cat"),
        ({"name": "바다", "english_name": "Bada"}, "bada"),
    ],
)
def test_a_name_in_another_script_has_an_english_tag(artist_client, works, fields, tag):
    made = artist_client.post(STYLES, data=form(works[:10], **fields)).json["data"]
    assert (made["name"], made["tags"][0]) == (fields["name"], tag)


def test_a_name_without_a_tag_asks_for_an_english_one(artist_client, works):
    answer = artist_client.post(STYLES, data=form(works[:10], name="Кот"))
    assert answer.json["error"]["details"] == {
        "tags": ["Кот"],
        "fields": {"english_name": ["Give this style an English name too."]},
    }


def test_korean_tags_of_a_style_and_its_artworks_are_kept_in_english(artist_client, works):
    answer = artist_client.post(
        STYLES, data=form(works[:10], tags="수채화, 항구", image_tags='{"0": ["고양이"]}')
    )
    made = answer.json["data"]
    assert made["tags"] == ["ink harbor", "watercolour", "harbor", "cat"]
    assert made["artworks"][0]["tags"] == ["ink harbor", "cat"]


def test_only_artists_make_styles(buyer_client, works):
    answer = buyer_client.post(STYLES, data=form(works[:10]))
    assert (answer.status_code, error_code(answer)) == (403, "ARTIST_ONLY")
    assert answer.json["error"]["details"] == {"role": "user"}


def test_a_second_active_style_is_refused_until_the_first_has_failed(
    artist_client, session, style, works
):
    foreign = artist_client.post(STYLES, data=form(works[:10], image_tags='{"9": ["꽈배기"]}'))
    assert error_code(foreign) == "INVALID_TAG_LANGUAGE", "the body is judged before the slot"
    refused = artist_client.post(STYLES, data=form(works[:10]))
    assert (refused.status_code, error_code(refused)) == (403, "STYLE_LIMIT_REACHED")
    assert refused.json["error"]["details"] == {"limit": 1, "style_id": style.id}
    session.execute(update(Style).values(training_status="failed"))
    session.commit()
    assert artist_client.post(STYLES, data=form(works[:10])).status_code == 201


def test_the_same_key_and_works_make_one_style_and_other_works_a_conflict(
    artist_client, session, works
):
    key = {"Idempotency-Key": "key-of-a-style"}
    first = artist_client.post(STYLES, data=form(works[:10]), headers=key)
    again = artist_client.post(STYLES, data=form(works[:10]), headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json["data"] == again.json["data"]
    assert again.headers["Idempotent-Replayed"] == "true"
    other = artist_client.post(STYLES, data=form(works[1:11]), headers=key)
    assert (other.status_code, error_code(other)) == (409, "IDEMPOTENCY_CONFLICT")
    assert session.scalar(select(func.count()).select_from(Style)) == 1


def test_a_refused_request_leaves_its_key_free(artist_client, works):
    key = {"Idempotency-Key": "key-of-a-style"}
    assert artist_client.post(STYLES, data=form(works[:9]), headers=key).status_code == 422
    assert artist_client.post(STYLES, data=form(works[:10]), headers=key).status_code == 201


def test_a_strange_key_is_a_wrong_field(artist_client, works):
    answer = artist_client.post(STYLES, data=form(works[:10]), headers={"Idempotency-Key": "short"})
    assert error_code(answer) == "VALIDATION_ERROR"


def test_declared_files_are_uploaded_one_by_one_and_then_confirmed(
    artist_client, client, session, works
):
    created = artist_client.post(STYLES, json=declared())
    assert created.status_code == 201
    style = created.json["data"]
    assert [upload["idx"] for upload in style["uploads"]] == list(range(10))
    for upload in style["uploads"][:9]:
        put = client.put(upload["url"], data=works[upload["idx"]], headers=upload["headers"])
        assert put.status_code == 200
    early = artist_client.post(style["confirm_url"])
    assert (early.status_code, error_code(early)) == (409, "UPLOAD_INCOMPLETE")
    assert early.json["error"]["details"]["missing"] == [9]
    fresh = early.json["error"]["details"]["uploads"][0]
    client.put(fresh["url"], data=works[9], headers=fresh["headers"])
    assert session.scalar(select(func.count()).select_from(Job)) == 0
    confirmed = artist_client.post(style["confirm_url"])
    assert confirmed.status_code == 200
    assert confirmed.json["data"]["training_status"] == "pending"
    assert session.scalar(select(func.count()).select_from(Job)) == 1
    twice = artist_client.post(style["confirm_url"])
    assert (twice.status_code, error_code(twice)) == (409, "INVALID_TRANSITION")


@pytest.mark.parametrize(
    "body, code",
    [
        (declared(9), "INSUFFICIENT_IMAGES"),
        (declared(101), "TOO_MANY_IMAGES"),
        (declared(size=10 * 1024 * 1024 + 1), "IMAGE_SIZE_EXCEEDED"),
        (declared(content_type="image/gif"), "INVALID_IMAGE_FORMAT"),
        (declared(tags=["꽈배기"]), "INVALID_TAG_LANGUAGE"),
        (declared(size=0), "VALIDATION_ERROR"),
        (declared(filename=""), "VALIDATION_ERROR"),
        (declared(filename="x" * 256), "VALIDATION_ERROR"),
    ],
)
def test_wrong_declarations_have_their_code(artist_client, session, body, code):
    answer = artist_client.post(STYLES, json=body)
    assert (answer.status_code, error_code(answer)) == (422, code)
    assert session.scalar(select(func.count()).select_from(Style)) == 0


def test_somebody_elses_style_cannot_be_confirmed_or_trained(sign_in, session, storage):
    run = making.training(session, storage)
    stranger = making.artist(session, storage)
    session.commit()
    client = sign_in(session.get(User, stranger.user_id))
    for action in ("confirm-upload", "retrain"):
        answer = client.post(f"{STYLES}/{run.style_id}/{action}", json={})
        assert (answer.status_code, error_code(answer)) == (404, "STYLE_NOT_FOUND")


def failed_style(session, storage, cause="GPU_OOM"):
    run = making.training(session, storage, works=10)
    session.execute(update(Style).where(Style.id == run.style_id).values(training_status="failed"))
    session.execute(
        update(TrainingRun)
        .where(TrainingRun.id == run.id)
        .values(failure_cause=cause, failure_message="It did not fit.")
    )
    session.commit()
    return run


def owner_client(session, sign_in, style_id):
    artist_id = session.scalar(select(Style.artist_id).where(Style.id == style_id))
    return sign_in(session.get(User, artist_id))


def test_a_failed_style_says_why_and_can_be_trained_again(session, storage, sign_in, works):
    run = failed_style(session, storage)
    client = owner_client(session, sign_in, run.style_id)
    seen = client.get(f"{STYLES}/{run.style_id}").json["data"]
    assert seen["failure"] == {
        "code": "TRAINING_FAILED",
        "cause": "GPU_OOM",
        "message": "It did not fit.",
    }
    removed = seen["artworks"][0]["id"]
    again = client.post(
        f"{STYLES}/{run.style_id}/retrain",
        data={
            "remove_artwork_ids": str(removed),
            "images": [(io.BytesIO(works[0]), "new.png")],
            "image_tags": '{"0": ["pier"]}',
        },
    )
    assert again.status_code == 200, again.json
    data = again.json["data"]
    assert (data["training_status"], data["failure"]) == ("pending", None)
    assert data["artwork_count"] == 10
    assert removed not in {work["id"] for work in data["artworks"]}
    assert data["artworks"][-1]["tags"][-1] == "pier"
    busy = client.post(f"{STYLES}/{run.style_id}/retrain", json={})
    assert (busy.status_code, error_code(busy)) == (409, "TRAINING_IN_PROGRESS")


def test_a_retrain_with_declared_files_waits_for_them(session, storage, sign_in):
    run = failed_style(session, storage)
    client = owner_client(session, sign_in, run.style_id)
    body = {"files": [{"filename": "a.png", "size": 10, "content_type": "image/png"}]}
    answer = client.post(f"{STYLES}/{run.style_id}/retrain", json=body)
    assert answer.status_code == 200
    assert [upload["idx"] for upload in answer.json["data"]["uploads"]] == [10]
    assert answer.json["data"]["confirm_url"].endswith(f"/{run.style_id}/confirm-upload")


def test_a_training_style_shows_its_progress_to_its_artist_only(
    session, storage, sign_in, buyer_client, client, worker
):
    run = making.training(session, storage, step="train_style")
    session.commit()
    report = {
        "style_id": run.style_id,
        "attempt": 1,
        "progress": {
            "current_epoch": 50,
            "total_epochs": 100,
            "progress_percent": 50,
            "estimated_seconds": 900,
        },
    }
    assert worker("PATCH", "/training/progress", report).json["data"]["status"] == "training"
    owner = owner_client(session, sign_in, run.style_id)
    data = owner.get(f"{STYLES}/{run.style_id}").json["data"]
    assert data["training_status"] == "training"
    assert set(data["progress"]) == set(report["progress"]) | {"last_updated"}
    assert data["progress"]["last_updated"].endswith("Z")
    for stranger in (client, buyer_client):
        for path in ("", "/events"):
            hidden = stranger.get(f"{STYLES}/{run.style_id}{path}")
            assert (hidden.status_code, error_code(hidden)) == (404, "STYLE_NOT_FOUND")
    session.execute(
        update(Style)
        .where(Style.id == run.style_id)
        .values(training_status="completed", adapter_sha256="a" * 64, adapter_key="a/b")
    )
    session.commit()
    assert client.get(f"{STYLES}/{run.style_id}").json["data"]["progress"] is None


def test_one_catalogue_has_four_names(client, style):
    paths = ("/api/styles", "/api/v1/styles", "/api/v1/styles/", "/api/v1/models")
    seen = [client.get(path).json["data"] for path in paths]
    assert seen[0]["results"][0]["id"] == style.id
    assert all(each == seen[0] for each in seen)


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "cursor=xyz", "cursor=", "sort=price", "artist_id=x"],
)
def test_a_wrong_query_is_a_wrong_field(client, query):
    answer = client.get(f"{STYLES}?{query}")
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")


def test_the_catalogue_is_sorted_and_filtered(artist_client, client, session, style):
    def listed(query, who=client):
        return [each["id"] for each in who.get(f"{STYLES}?{query}").json["data"]["results"]]

    both = making.style(session, tags=["x", "a", "b c"], usage_count=1, license_type="personal")
    one = making.style(session, tags=["y", "a"], usage_count=3, license_type="commercial")
    pending = making.style(session, training_status="pending", is_active=True)
    session.commit()
    assert listed("sort=popular") == [one.id, both.id, style.id]
    assert listed("sort=created_at") == listed("sort=recent") == [one.id, both.id, style.id]
    for query in ("tags=a,b c", "tags=A&tags=B%20%20C"):
        assert listed(query) == [both.id]
    assert listed("tags_any=b c,boat") == [both.id, style.id]
    assert listed("tags=a&tags_any=b c,boat") == [both.id]
    assert listed(f"artist_id={one.artist_id}") == [one.id]
    assert listed("license_type=personal") == [both.id]
    assert listed("training_status=pending") == listed("training_status=all") == []
    assert listed("training_status=all", artist_client) == [style.id]
    assert pending.id not in listed(f"training_status=all&artist_id={pending.artist_id}")


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_the_pages_of_the_most_used_styles_hold_each_once(client, session, limit):
    made = [making.style(session, usage_count=number // 2) for number in range(5)]
    session.commit()
    seen, cursor = [], ""
    while cursor is not None:
        data = client.get(f"{STYLES}?sort=popular&limit={limit}{cursor}").json["data"]
        seen += [each["id"] for each in data["results"]]
        cursor = data["next_cursor"] and f"&cursor={data['next_cursor']}"
    assert seen == [made[place].id for place in (4, 3, 2, 1, 0)]


def test_too_many_or_foreign_tags_are_a_wrong_field(client):
    for query in ("tags=" + ",".join("abcdefghijk"), "tags_any=꽈배기", "license_type=free"):
        assert error_code(client.get(f"{STYLES}?{query}")) == "VALIDATION_ERROR"


def test_following_needs_somebody_who_follows(client, buyer_client, style):
    assert error_code(client.get(f"{STYLES}?following=true")) == "UNAUTHORIZED"
    assert buyer_client.get(f"{STYLES}?following=true").json["data"]["results"] == []


def test_what_everybody_sees_of_a_style_holds_no_works_and_no_money(client, style):
    public = client.get(f"{STYLES}/{style.id}").json["data"]
    hidden = {"artworks", "validation", "training_metric", "attempt", "failure"}
    assert not hidden & set(public)
    assert public["stats"] == {"total_generations": 0, "avg_likes": 0}


def test_an_artist_lists_the_own_styles_in_every_state(artist_client, session, style, artist):
    making.style(session, of=artist, is_active=False, training_status="completed")
    session.commit()
    listed = artist_client.get(f"{STYLES}/me").json["data"]["results"]
    assert [each["is_active"] for each in listed] == [False, True]
    assert all(each["total_earned_tokens"] == 0 for each in listed)


def test_a_verdict_on_a_work_is_shown(session, storage, sign_in):
    run = making.training(session, storage, works=11)
    session.execute(
        update(Artwork)
        .where(Artwork.style_id == run.style_id, Artwork.idx == 4)
        .values(status="rejected", code="IMAGE_CORRUPT", clean_key=None)
    )
    session.commit()
    client = owner_client(session, sign_in, run.style_id)
    data = client.get(f"{STYLES}/{run.style_id}").json["data"]
    assert data["artworks"][4]["code"] == "IMAGE_CORRUPT"
    assert data["artworks"][4]["url"] is None
    assert data["validation"] == {"total": 11, "pending": 0, "valid": 10, "rejected": 1}
    assert training.MIN_IMAGES == 10


class SlowUpload(io.BytesIO):
    """A body that notes how many connections are taken while it is read."""

    def __init__(self, body, count):
        super().__init__(body)
        self.count, self.seen = count, set()

    def read(self, *args):
        self.seen.add(self.count())
        return super().read(*args)

    def readinto(self, buffer):
        self.seen.add(self.count())
        return super().readinto(buffer)


def test_a_slow_upload_keeps_no_connection_to_the_database(real_app, committed, storage, works):
    with committed() as session:
        artist = making.artist(session, storage)
        session.commit()
        client = signed_in_client(real_app, session, session.get(User, artist.user_id))
    fields = MultiDict(FIELDS)
    for data in works[:10]:
        fields.add("images", FileStorage(io.BytesIO(data), "work.png", "images"))
    boundary, body = encode_multipart(fields)
    with real_app.app_context():
        upload = SlowUpload(body, db.engine.pool.checkedout)
    answer = client.post(
        STYLES,
        input_stream=upload,
        content_type=f"multipart/form-data; boundary={boundary}",
        environ_overrides={"CONTENT_LENGTH": str(len(body))},
    )
    assert answer.status_code == 201, answer.json
    assert upload.seen == {0}


def test_a_name_that_stands_on_certificates_stays_taken(
    artist_client, ordered, session, style, works
):
    artist_client.patch(f"{STYLES}/{style.id}", json={"is_active": False})
    answer = artist_client.post(STYLES, json=declared() | {"name": style.name.upper()})
    assert (answer.status_code, error_code(answer)) == (409, "DUPLICATE_STYLE_NAME")
    assert answer.json["error"]["details"] == {"style_id": style.id}


def test_a_style_shows_its_artist_what_was_stated_and_when(artist_client):
    said = rights.statement("ko")
    answer = artist_client.post(STYLES, json=declared() | {"rights_statement": said})
    assert answer.status_code == 201
    made = answer.json["data"]
    assert made["rights"]["statement"] == said
    assert made["rights"]["version"] == rights.VERSION


def test_words_that_nobody_was_shown_are_no_statement(artist_client, session):
    answer = artist_client.post(STYLES, json=declared() | {"rights_statement": "Mine."})
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    assert session.scalar(select(func.count()).select_from(Style)) == 0


def test_an_artist_stops_a_training_and_only_once(artist_client, buyer_client):
    made = artist_client.post(STYLES, json=declared()).json["data"]
    path = f"{STYLES}/{made['id']}/cancel"
    assert error_code(buyer_client.post(path)) == "STYLE_NOT_FOUND"
    answer = artist_client.post(path)
    assert answer.status_code == 200
    assert answer.json["data"]["training_status"] == "failed"
    assert answer.json["data"]["failure"]["cause"] == "CANCELED"
    again = artist_client.post(path)
    assert (again.status_code, error_code(again)) == (409, "INVALID_TRANSITION")
    assert artist_client.post(STYLES, json=declared()).status_code == 201
