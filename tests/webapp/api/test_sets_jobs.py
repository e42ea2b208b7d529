"""Jobs of Sets over HTTP: from their upload to their execution, and what each mistake answers."""

import io
from datetime import timedelta

import pytest
from PIL import Image
from sqlalchemy import func, select, update

from tests import making, restyling, sets_albums as albums
from tests.database import at_once
from tests.webapp.conftest import error_code, sets_client_of
from webapp.domain import decoding_slots, jobs
from webapp.domain.models.job import JobKind
from webapp.domain.models.sets_account import SetsAccount, SetsCreditEntry
from webapp.domain.models.sets_instance import SetsInstance, SetsSegmentation
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus, SetsPhoto
from webapp.domain.services import sets_choices, sets_masks, sets_photos, sets_uploads

JOBS = "/api/v1/sets/jobs"
ALIAS = "/api/v1/jobs"
WALL = {"Wall": {"action": "recolor", "value": "#336699"}}
MATCH = {"Wall": {"action": "tone", "value": "match:1"}}
FILE = {"filename": "bath.jpg", "size": 1000, "content_type": "image/jpeg"}


def fields_of(answer):
    assert error_code(answer) == "VALIDATION_ERROR", answer.text
    return answer.json["error"]["details"]["fields"]


def post(client, path, **body):
    return client.post(f"{JOBS}{path}", json=body)


def created(client, **body):
    answer = post(client, "", **{"preset": "interior", "item_count": 1} | body)
    assert answer.status_code == 201, answer.text
    return answer.json["data"]


def put(storage, upload, data):
    storage.put(upload["key"], data, content_type=upload["headers"]["Content-Type"])


@pytest.fixture
def pro(session):
    made = making.sets_account(session, balance=300, pro_until=jobs.NOW + timedelta(days=3))
    session.commit()
    return made


@pytest.fixture
def pro_client(app, pro):
    return sets_client_of(app, pro)


@pytest.fixture
def album(session, storage, anonymous_account):
    """A job whose two photos were checked; one of them has a clicked wall."""
    made = albums.album(session, storage, of=anonymous_account, concepts={})
    albums.instance(session, albums.photos_of(session, made)[0], storage)
    session.commit()
    return made


def credits_of(session, account):
    found = select(SetsAccount.credits).where(SetsAccount.id == account.id)
    return session.scalars(found).one()


def test_a_new_job_says_where_each_photo_goes_and_reserves_a_credit_for_each(
    sets_client, session, anonymous_account
):
    files = [FILE | {"group": "bathroom"}, {"filename": "hall.png", "content_type": "image/png"}]
    answer = post(sets_client, "", preset="interior", files=files)
    assert answer.status_code == 201, answer.text
    data = answer.json["data"]
    assert answer.headers["Location"] == f"{JOBS}/{data['job_id']}"
    assert (data["status"], data["credits_reserved"]) == ("created", 2)
    assert data["confirm_url"] == f"{JOBS}/{data['job_id']}/confirm-upload"
    assert [(each["idx"], each["method"], each["headers"]) for each in data["upload"]] == [
        (0, "PUT", {"Content-Type": "image/jpeg"}),
        (1, "PUT", {"Content-Type": "image/png"}),
    ]
    assert credits_of(session, anonymous_account) == 8
    job = sets_client.get(f"{JOBS}/{data['job_id']}").json["data"]
    assert [(item["group"], item["filename"]) for item in job["items"]] == [
        ("bathroom", "bath.jpg"),
        ("", "hall.png"),
    ]
    assert job["credits"] == {"reserved": 2, "charged": 0, "returned": 0}
    assert job["progress"] == {"done": 0, "failed": 0, "total": 2}
    assert (job["segmentation"], job["watermark"]) == (None, True)


def test_a_group_is_suggested_by_the_file_name_until_a_person_sets_one(sets_client):
    files = [{"filename": "욕실.jpg"}, {"filename": "kitchen.jpg", "group": "hall"}]
    job_id = post(sets_client, "", preset="interior", files=files).json["data"]["job_id"]

    def groups():
        items = sets_client.get(f"{JOBS}/{job_id}").json["data"]["items"]
        return [(item["group"], item["suggested_group"]) for item in items]

    assert groups() == [("", "bathroom"), ("hall", "")]
    changes = [{"idx": 0, "group": "bedroom"}, {"idx": 1, "group": ""}]
    assert sets_client.patch(f"{JOBS}/{job_id}/items", json={"changes": changes}).status_code == 200
    assert groups() == [("bedroom", ""), ("", "kitchen")]


def test_a_repeated_post_is_one_job(sets_client, session, anonymous_account):
    key = {"Idempotency-Key": "one-album-0001"}
    body = {"preset": "seller", "item_count": 1}
    first, again = (sets_client.post(JOBS, json=body, headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json["data"] == first.json["data"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert credits_of(session, anonymous_account) == 9
    other = sets_client.post(JOBS, json=body | {"item_count": 2}, headers=key)
    assert (other.status_code, error_code(other)) == (409, "IDEMPOTENCY_CONFLICT")


def test_the_plan_is_asked_for_photos_then_credits_then_active_jobs(
    app, session, sets_client, anonymous_account
):
    created(sets_client)
    many = post(sets_client, "", preset="interior", item_count=11)
    assert (many.status_code, error_code(many)) == (422, "TOO_MANY_IMAGES")
    assert many.json["error"]["details"] == {"count": 11, "max": 10}
    poor = post(sets_client, "", preset="interior", item_count=10)
    assert (poor.status_code, error_code(poor)) == (402, "CREDITS_EXHAUSTED")
    assert poor.json["error"]["details"] == {"required": 10, "available": 9}
    second = post(sets_client, "", preset="interior", item_count=1)
    assert (second.status_code, error_code(second)) == (429, "CONCURRENCY_LIMIT")
    assert second.json["error"]["details"] == {"active": 1, "max": 1, "retry_after": 30}
    assert credits_of(session, anonymous_account) == 9


@pytest.mark.parametrize(
    "body, field",
    [
        ({"item_count": 201}, "item_count"),
        ({"item_count": 0}, "item_count"),
        ({"files": []}, "files"),
        ({"files": [FILE] * 201}, "files"),
        ({"files": [FILE], "item_count": 2}, "item_count"),
        ({"files": [FILE | {"group": "cellar"}]}, "files.0.group"),
        ({"files": [{"size": 1}]}, "files.0.filename"),
        ({}, "item_count"),
        ({"preset": None, "item_count": 1}, "preset"),
        ({"item_count": 1, "items": [0]}, "items"),
        ({"source_job_id": "job_1", "files": [FILE]}, "files"),
        ({"source_job_id": "job_1", "item_count": 1}, "item_count"),
    ],
)
def test_what_is_wrong_with_a_new_job_is_named_and_nothing_is_charged(
    sets_client, session, anonymous_account, body, field
):
    for path, status in ((JOBS, 422), (ALIAS, 400)):
        answer = sets_client.post(path, json={"preset": "interior"} | body)
        assert (answer.status_code, list(fields_of(answer))) == (status, [field])
    assert credits_of(session, anonymous_account) == 10
    assert session.scalars(select(func.count()).select_from(SetsJob)).one() == 0


def test_an_unknown_preset_is_not_found(sets_client):
    answer = post(sets_client, "", preset="garden", item_count=1)
    assert (answer.status_code, error_code(answer)) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "file, code, actual",
    [
        ({"filename": "bath.HEIC"}, "INVALID_IMAGE_FORMAT", "HEIC"),
        ({"content_type": "image/heif"}, "INVALID_IMAGE_FORMAT", "HEIC"),
        ({"content_type": "image/webp"}, "INVALID_IMAGE_FORMAT", "image/webp"),
        ({"size": 20 * 2**20 + 1}, "IMAGE_SIZE_EXCEEDED", 20 * 2**20 + 1),
    ],
)
def test_a_file_that_would_be_refused_is_refused_by_name(sets_client, file, code, actual):
    answer = post(sets_client, "", preset="interior", files=[FILE, FILE | file])
    assert (answer.status_code, error_code(answer)) == (422, code)
    [bad] = answer.json["error"]["details"]["images"]
    assert (bad["idx"], bad["code"], bad["actual"]) == (1, code, actual)


def test_photos_are_decoded_once_all_are_there(sets_client, session, storage):
    data = created(sets_client, item_count=2)
    path = f"/{data['job_id']}/confirm-upload"
    put(storage, data["upload"][0], albums.photo_png(1))
    missing = sets_client.post(JOBS + path)
    assert (missing.status_code, error_code(missing)) == (409, "UPLOAD_INCOMPLETE")
    details = missing.json["error"]["details"]
    assert details["missing"] == [1]
    assert [each["idx"] for each in details["uploads"]] == [1]
    put(storage, details["uploads"][0], albums.photo_png(2))
    job = sets_client.post(JOBS + path)
    assert job.status_code == 200, job.text
    job = job.json["data"]
    assert job["status"] == "uploaded"
    assert [(item["status"], item["width"], item["height"]) for item in job["items"]] == [
        ("checking", *albums.SIZE)
    ] * 2
    assert len(albums.work(session, JobKind.PHOTO_CHECK)) == 2
    assert all(len(sha) == 64 for sha in session.scalars(select(SetsPhoto.sha256)))
    again = sets_client.post(JOBS + path)
    assert (again.status_code, error_code(again)) == (409, "INVALID_TRANSITION")


def picture(size, file_format="PNG", **save):
    stream = io.BytesIO()
    Image.new("1", size).save(stream, file_format, **save)
    return stream.getvalue()


@pytest.mark.parametrize(
    "data, code",
    [
        (picture((256, 255)), "IMAGE_RESOLUTION_TOO_LOW"),
        (picture((8000, 6251)), "IMAGE_TOO_LARGE_PIXELS"),
        (picture((300, 300), "GIF"), "INVALID_IMAGE_FORMAT"),
        (b"\0\0\0\x18ftypheic" + bytes(100), "INVALID_IMAGE_FORMAT"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "IMAGE_CORRUPT"),
        (b"\x89PNG" + bytes(20 * 2**20), "IMAGE_SIZE_EXCEEDED"),
    ],
)
def test_a_bad_file_is_named_and_its_job_stays_created(sets_client, session, storage, data, code):
    made = created(sets_client, item_count=2)
    put(storage, made["upload"][0], albums.photo_png())
    put(storage, made["upload"][1], data)
    answer = sets_client.post(f"{JOBS}/{made['job_id']}/confirm-upload")
    assert (answer.status_code, error_code(answer)) == (422, code)
    details = answer.json["error"]["details"]
    assert [(each["idx"], each["code"]) for each in details["images"]] == [(1, code)]
    assert [each["idx"] for each in details["uploads"]] == [1]
    assert session.scalars(select(SetsJob.status)).one() == "created"
    assert albums.work(session, JobKind.PHOTO_CHECK) == []


def test_files_are_read_within_the_memory_that_all_pictures_share(
    sets_client, storage, monkeypatch, tmp_path
):
    monkeypatch.setattr(decoding_slots, "_folder", lambda: tmp_path)
    monkeypatch.setattr(sets_uploads, "SLOT_SECONDS", 0)
    made = created(sets_client)
    put(storage, made["upload"][0], albums.photo_png())
    path = f"{JOBS}/{made['job_id']}/confirm-upload"
    with decoding_slots.slot(-1, decoding_slots.UNITS * decoding_slots.UNIT_BYTES, 0):
        answer = sets_client.post(path)
    assert (answer.status_code, error_code(answer)) == (503, "SERVICE_UNAVAILABLE")
    assert sets_client.post(path).status_code == 200


def test_an_upload_goes_to_the_address_that_was_given(app, sets_client, storage):
    upload = created(sets_client)["upload"][0]
    path = upload["url"].partition("http://localhost:8000")[2]
    sent = app.test_client().put(path, data=albums.photo_png(), headers=upload["headers"])
    assert sent.status_code in {200, 201, 204}
    assert storage.head(upload["key"]) is not None


def test_a_job_is_seen_by_its_account_only(sets_client, album, pro_client):
    body = {"concepts": WALL, "items": [0], "changes": [{"idx": 0, "group": ""}]}
    paths = ["confirm-upload", "segment", "preview", "execute", "cancel", "retry"]
    answers = [
        pro_client.post(f"{JOBS}/{album.public_id}/{path}", json=body | {"concepts": concepts})
        for path in paths
        for concepts in ([["Wall"]] if path == "segment" else [WALL])
    ]
    answers.append(pro_client.get(f"{JOBS}/{album.public_id}"))
    answers.append(pro_client.get(f"{JOBS}/{album.public_id}/events"))
    answers.append(pro_client.patch(f"{JOBS}/{album.public_id}/items", json=body))
    answers.append(post(pro_client, "", source_job_id=album.public_id))
    assert {(each.status_code, error_code(each)) for each in answers} == {(404, "JOB_NOT_FOUND")}
    assert pro_client.get(JOBS).json["data"]["results"] == []
    [card] = sets_client.get(JOBS).json["data"]["results"]
    assert card["job_id"] == album.public_id
    assert "items" not in card


def test_jobs_are_listed_by_state_and_preset_the_newest_first(app, session, pro, pro_client):
    names = [
        albums.album(session, of=pro, photos=1, **columns).public_id
        for columns in (
            {"preset_id": "seller"},
            {"status": SetsJobStatus.DONE},
            {"status": SetsJobStatus.CREATED},
        )
    ]
    session.commit()

    def listed(query=""):
        data = pro_client.get(JOBS + query).json["data"]
        return [each["job_id"] for each in data["results"]], data["next_cursor"]

    assert listed() == (names[::-1], None)
    assert listed("?preset=seller") == ([names[0]], None)
    assert listed("?status=done") == ([names[1]], None)
    first, cursor = listed("?limit=2")
    assert (first, listed(f"?limit=2&cursor={cursor}")[0]) == (names[:0:-1], names[:1])


def test_an_execution_freezes_the_rule_and_queues_every_photo(sets_client, session, album):
    body = {
        "concepts": WALL,
        "protect": ["Grout"],
        "overrides": [{"items": [1], "concepts": {"Floor": {"action": "tone", "value": "warmer"}}}],
        "output_template": "before_after",
    }
    answer = post(sets_client, f"/{album.public_id}/execute", **body)
    assert answer.status_code == 200, answer.text
    job = answer.json["data"]
    assert (job["status"], job["concepts"], job["protect"]) == ("queued", WALL, ["Grout"])
    assert job["overrides"] == body["overrides"]
    assert (job["output_template"], job["variants"]) == ("before_after", [])
    assert [item["status"] for item in job["items"]] == ["queued", "queued"]
    # The clicked wall is known; grout is still to be found, in both photos.
    assert len(albums.work(session, JobKind.SEGMENTATION)) == 2
    again = post(sets_client, f"/{album.public_id}/execute", concepts=WALL)
    assert (again.status_code, error_code(again)) == (409, "INVALID_TRANSITION")


def test_without_a_word_the_presets_own_protection_and_first_template_hold(sets_client, album):
    job = post(sets_client, f"/{album.public_id}/execute", concepts=WALL).json["data"]
    assert job["protect"] == ["Frame_Molding", "Grout", "Glass_highlight"]
    assert job["output_template"] == "before_after"


def test_a_saved_rule_wins_over_what_stands_beside_it(sets_client, album):
    saved = {"name": "Navy", "preset_id": "interior", "concepts": WALL, "protect": ["Grout"]}
    rule = sets_client.post("/api/v1/sets/rules", json=saved).json["data"]
    job = post(
        sets_client,
        f"/{album.public_id}/execute",
        rule_id=rule["id"],
        concepts={"Floor": {"action": "recolor", "value": "oak_a"}},
        protect=[],
    ).json["data"]
    assert (job["rule_id"], job["name"]) == (rule["id"], "Navy")
    assert (job["concepts"], job["protect"]) == (WALL, ["Grout"])


@pytest.mark.parametrize(
    "body, field",
    [
        ({}, "concepts"),
        ({"concepts": {"Garden": WALL["Wall"]}}, "concepts.Garden"),
        ({"concepts": {"Wall": {"action": "explode", "value": "x"}}}, "concepts.Wall.action"),
        ({"concepts": {"Wall": {"action": "remove_background"}}}, "concepts.Wall.action"),
        ({"concepts": {"Wall": {"action": "recolor", "value": "blue"}}}, "concepts.Wall.value"),
        ({"concepts": {"Wall": {"action": "recolor", "value": "blush"}}}, "concepts.Wall.value"),
        ({"concepts": {"Wall": {"action": "texture", "value": "gold"}}}, "concepts.Wall.value"),
        ({"concepts": {"Wall": {"action": "tone", "value": "match:7"}}}, "concepts.Wall.value"),
        (
            {"concepts": {"Wall": {"action": "tone", "value": "warmer", "options": {"amount": 3}}}},
            "concepts.Wall.options.amount",
        ),
        ({"concepts": {"Wall": WALL["Wall"] | {"prompt": "wall"}}}, "concepts.Wall.prompt"),
        ({"concepts": {"Sofa": WALL["Wall"] | {"prompt": "sofa"}}}, "concepts.Sofa"),
        (
            {"concepts": {"Sofa": WALL["Wall"] | {"prompt": "so fa " * 17}}},
            "concepts.Sofa.prompt",
        ),
        ({"concepts": {"Sofa": WALL["Wall"] | {"prompt": "a-" * 16}}}, "concepts.Sofa.prompt"),
        ({"concepts": {"Wall": {"action": "restyle", "value": "1"}}}, "concepts.Wall.action"),
        ({"concepts": WALL, "protect": ["Grout", "Garden"]}, "protect.1"),
        ({"concepts": WALL, "output_template": "poster"}, "output_template"),
        ({"concepts": WALL, "overrides": [{"concepts": WALL}]}, "overrides.0"),
        (
            {"concepts": WALL, "overrides": [{"concepts": WALL, "items": [0, 5]}]},
            "overrides.0.items.1",
        ),
        (
            {"concepts": WALL, "overrides": [{"concepts": WALL, "group": "cellar"}]},
            "overrides.0.group",
        ),
        (
            {
                "concepts": WALL,
                "overrides": [
                    {"items": [1], "concepts": {"Wall": {"action": "texture", "value": "gold"}}}
                ],
            },
            "overrides.0.concepts.Wall.value",
        ),
        ({"concepts": WALL, "overrides": [{"concepts": WALL, "group": ""}]}, "overrides.0.group"),
        (
            {
                "concepts": WALL,
                "overrides": [
                    {"concepts": WALL, "items": [0]},
                    {"concepts": WALL, "group": "bathroom"},
                ],
            },
            "overrides.1.group",
        ),
        ({"concepts": {}}, "concepts"),
        ({"concepts": WALL, "protect": ["Sofa"]}, "protect.0"),
        ({"concepts": WALL, "variants": [{"concepts": WALL}]}, "concepts"),
        ({"protect": [], "variants": [{"concepts": WALL}]}, "protect"),
        ({"variants": [{"concepts": WALL}] * 4}, "variants"),
        (
            {"variants": [{"concepts": WALL}, {"concepts": {"Garden": WALL["Wall"]}}]},
            "variants.1.concepts.Garden",
        ),
    ],
)
def test_a_rule_that_cannot_be_applied_is_named_by_its_field(
    sets_client, session, album, body, field
):
    before = session.scalars(select(func.count()).select_from(SetsCreditEntry)).one()
    for path, status in ((JOBS, 422), (ALIAS, 400)):
        answer = sets_client.post(f"{path}/{album.public_id}/execute", json=body)
        assert (answer.status_code, list(fields_of(answer))) == (status, [field])
    assert session.scalars(select(SetsJob.status)).all() == ["uploaded"]
    assert session.scalars(select(func.count()).select_from(SetsCreditEntry)).one() == before


@pytest.mark.parametrize(
    "body, field",
    [
        ({"concepts": MATCH}, "concepts.Wall.value"),
        (
            {"concepts": WALL, "overrides": [{"items": [0], "concepts": MATCH}]},
            "overrides.0.concepts.Wall.value",
        ),
        (
            {"variants": [{"concepts": WALL}, {"concepts": MATCH}]},
            "variants.1.concepts.Wall.value",
        ),
    ],
)
def test_a_rule_matches_a_photo_only_after_its_check(sets_client, session, album, body, field):
    albums.put_all(session, album, PhotoStatus.CHECKING, 1, preview_key=None, photo_key=None)
    session.commit()
    early = post(sets_client, f"/{album.public_id}/execute", **body)
    assert (early.status_code, error_code(early)) == (409, "INVALID_TRANSITION")
    assert early.json["error"]["details"]["unchecked"] == [1]
    albums.put_all(session, album, PhotoStatus.FAILED, 1)
    session.commit()
    damaged = post(sets_client, f"/{album.public_id}/execute", **body)
    assert (damaged.status_code, list(fields_of(damaged))) == (422, [field])
    assert session.scalars(select(SetsJob.status)).all() == ["uploaded"]


def test_a_photo_that_no_rule_matches_may_still_be_checked(sets_client, session, album):
    albums.put_all(session, album, PhotoStatus.CHECKING, 1, preview_key=None, photo_key=None)
    session.commit()
    own = {"Wall": {"action": "tone", "value": "match:0"}}
    assert post(sets_client, f"/{album.public_id}/execute", concepts=own).status_code == 200


def test_templates_of_another_plan_and_unknown_rules_are_refused(sets_client, album):
    for body, expected in (
        ({"concepts": WALL, "output_template": "client_card"}, (403, "PLAN_REQUIRED")),
        ({"rule_id": "rule_nobodys"}, (404, "RULE_NOT_FOUND")),
    ):
        answer = post(sets_client, f"/{album.public_id}/execute", **body)
        assert (answer.status_code, error_code(answer)) == expected


def test_a_concept_in_ones_own_words_is_served_by_clicks(sets_client, session, storage, album):
    photo = albums.photos_of(session, album)[0]
    albums.instance(session, photo, storage, concept="Sofa")
    session.commit()
    body = {"concepts": {"Sofa": WALL["Wall"] | {"prompt": "sofa"}}}
    answer = post(sets_client, f"/{album.public_id}/execute", **body)
    assert (answer.status_code, answer.json["data"]["status"]) == (200, "queued")


def test_a_part_in_ones_own_words_is_protected_without_a_rule_of_its_own(
    sets_client, session, storage, album
):
    albums.instance(session, albums.photos_of(session, album)[0], storage, concept="Sofa")
    session.commit()
    body = {"concepts": WALL, "protect": ["Sofa"]}
    job = post(sets_client, f"/{album.public_id}/execute", **body)
    assert (job.status_code, job.json["data"]["protect"]) == (200, ["Sofa"])
    # It is not searched by its name: nobody said in words what it looks like.
    searched = session.scalars(select(SetsSegmentation.concepts)).all()
    assert {each["name"] for concepts in searched for each in concepts} == {"Wall"}


def test_single_instances_are_changed_without_a_rule_for_all(sets_client, session, storage, album):
    wall = session.scalars(select(SetsInstance)).one()
    wall.rule = {"action": "recolor", "value": "#204060"}
    session.commit()
    job = post(sets_client, f"/{album.public_id}/execute", concepts={}, protect=[])
    assert (job.status_code, job.json["data"]["status"]) == (200, "queued")
    assert job.json["data"]["concepts"] == {}


def test_an_override_applies_to_the_photos_that_were_in_its_group(sets_client, session, album):
    group = {"changes": [{"idx": 1, "group": "bathroom"}]}
    sets_client.patch(f"{JOBS}/{album.public_id}/items", json=group)
    overrides = [{"group": "bathroom", "concepts": {"Floor": WALL["Wall"]}}]
    job = post(sets_client, f"/{album.public_id}/execute", concepts=WALL, overrides=overrides)
    assert job.json["data"]["overrides"] == overrides
    moved = {"changes": [{"idx": 0, "group": "bathroom"}, {"idx": 1, "group": "kitchen"}]}
    assert sets_client.patch(f"{JOBS}/{album.public_id}/items", json=moved).status_code == 200
    session.expire_all()
    row = session.scalars(select(SetsJob)).one()
    settings = [sets_choices.settings_of(row, photo) for photo in albums.photos_of(session, row)]
    assert [list(each) for each in settings] == [["Wall"], ["Wall", "Floor"]]


def test_variants_are_jobs_of_their_own_and_take_no_slot(
    app, session, storage, anonymous_account, sets_client, album
):
    variants = [
        {"name": name, "concepts": {"Wall": {"action": "recolor", "value": value}}, "protect": []}
        for name, value in (("Modern", "#FFFFFF"), ("Natural", "oak_a"), ("Hotel", "navy"))
    ]
    making.sets_credits.grant(session, anonymous_account.id, 4, key="for variants")
    session.commit()
    before = credits_of(session, anonymous_account)
    job = post(sets_client, f"/{album.public_id}/execute", variants=variants)
    assert job.status_code == 200, job.text
    job = job.json["data"]
    assert (job["name"], len(job["variants"])) == ("Modern", 2)
    assert credits_of(session, anonymous_account) == before - 4
    for name, job_id in zip(("Natural", "Hotel"), job["variants"], strict=True):
        variant = sets_client.get(f"{JOBS}/{job_id}").json["data"]
        assert (variant["name"], variant["status"]) == (name, "queued")
        assert variant["parent_job_id"] == variant["source_job_id"] == album.public_id
        assert [item["status"] for item in variant["items"]] == ["queued", "queued"]
        found = sets_client.get(f"{JOBS}/{job_id}/instances").json["data"]["results"]
        assert [(each["concept"], each["source"]) for each in found] == [("Wall", "clicked")]
    assert sets_client.get("/api/v1/sets/me").json["data"]["active_jobs"] == 1


def test_variants_that_cannot_be_paid_leave_everything_as_it_was(
    sets_client, session, anonymous_account, album
):
    session.execute(
        update(SetsAccount).where(SetsAccount.id == anonymous_account.id).values(credits=1)
    )
    session.commit()
    answer = post(sets_client, f"/{album.public_id}/execute", variants=[{"concepts": WALL}] * 2)
    assert (answer.status_code, error_code(answer)) == (402, "CREDITS_EXHAUSTED")
    assert session.scalars(select(SetsJob.status)).all() == ["uploaded"]
    assert credits_of(session, anonymous_account) == 1


def test_a_canceled_job_gives_its_credits_back_once(sets_client, session, anonymous_account, album):
    assert credits_of(session, anonymous_account) == 8
    job = post(sets_client, f"/{album.public_id}/cancel").json["data"]
    assert (job["status"], job["credits"]["returned"]) == ("canceled", 2)
    assert credits_of(session, anonymous_account) == 10
    for path in ("cancel", "execute", "confirm-upload"):
        again = post(sets_client, f"/{album.public_id}/{path}", concepts=WALL)
        assert (again.status_code, error_code(again)) == (409, "ALREADY_CANCELED")
    created(sets_client)  # its slot is free


def test_same_photos_another_rule_uploads_and_segments_nothing(
    sets_client, session, storage, album
):
    post(sets_client, f"/{album.public_id}/execute", concepts=WALL, protect=[])
    for run in albums.work(session, JobKind.SEGMENTATION):
        session.execute(
            update(SetsSegmentation).where(SetsSegmentation.id == run.ref).values(status="ready")
        )
    albums.put_all(session, album, PhotoStatus.DONE, result_key="outputs/1.png")
    session.execute(update(SetsJob).values(status="done"))
    session.commit()
    before = len(albums.work(session, JobKind.SEGMENTATION))
    made = post(sets_client, "", source_job_id=album.public_id)
    assert made.status_code == 201, made.text
    data = made.json["data"]
    assert (data["status"], data["upload"]) == ("uploaded", [])
    assert (data["source_job_id"], data["credits_reserved"]) == (album.public_id, 2)
    other = {"Wall": {"action": "recolor", "value": "sage"}}
    job = post(sets_client, f"/{data['job_id']}/execute", concepts=other, protect=[]).json["data"]
    assert [item["status"] for item in job["items"]] == ["queued", "queued"]
    assert len(albums.work(session, JobKind.SEGMENTATION)) == before
    assert len(albums.work(session, JobKind.PHOTO_EDIT)) >= 2
    keys = session.scalars(select(SetsInstance.mask_key)).all()
    assert len(keys) == 2
    assert len(set(keys)) == 1


@pytest.mark.parametrize(
    "change, body, expected",
    [
        ({"status": "created"}, {}, (409, "SOURCE_JOB_UNAVAILABLE")),
        ({"purged_at": jobs.NOW}, {}, (409, "SOURCE_JOB_UNAVAILABLE")),
        ({}, {"items": [4]}, (422, "VALIDATION_ERROR")),
        ({}, {"preset": "seller"}, (422, "VALIDATION_ERROR")),
    ],
)
def test_photos_that_are_not_there_cannot_be_used_again(session, app, change, body, expected):
    account = making.sets_account(session, balance=20, pro_until=jobs.NOW + timedelta(days=1))
    source = albums.album(session, of=account, **change)
    session.commit()
    answer = post(sets_client_of(app, account), "", source_job_id=source.public_id, **body)
    assert (answer.status_code, error_code(answer)) == expected


def test_single_photos_of_a_job_are_used_again_under_their_indexes(session, app, storage):
    account = making.sets_account(session, balance=20)
    source = albums.album(session, storage, of=account, photos=3, status=SetsJobStatus.CANCELED)
    session.commit()
    client = sets_client_of(app, account)
    job_id = post(client, "", source_job_id=source.public_id, items=[2]).json["data"]["job_id"]
    job = client.get(f"{JOBS}/{job_id}").json["data"]
    assert [(item["idx"], item["status"]) for item in job["items"]] == [(2, "ready")]


def test_failed_photos_are_tried_again_for_a_new_credit(
    sets_client, session, anonymous_account, album
):
    post(sets_client, f"/{album.public_id}/execute", concepts=WALL, protect=[])
    early = post(sets_client, f"/{album.public_id}/retry")
    assert (early.status_code, error_code(early)) == (409, "INVALID_TRANSITION")
    albums.put_all(session, album, PhotoStatus.RUNNING)
    done, failed = albums.photos_of(session, album)
    sets_photos.end(session, failed, PhotoStatus.FAILED, failure_code="TIMEOUT")
    albums.put_all(session, album, PhotoStatus.DONE, done.idx, result_key="outputs/1.png")
    session.execute(update(SetsJob).values(status="running"))
    sets_photos.end_job_if_over(session, album.id)
    session.commit()
    job = sets_client.get(f"{JOBS}/{album.public_id}").json["data"]
    assert (job["status"], job["progress"]) == ("done", {"done": 1, "failed": 1, "total": 2})
    assert job["items"][1]["error"]["code"] == "TIMEOUT"
    assert credits_of(session, anonymous_account) == 9
    wrong = post(sets_client, f"/{album.public_id}/retry", items=[0])
    assert list(fields_of(wrong)) == ["items.0"]
    job = post(sets_client, f"/{album.public_id}/retry").json["data"]
    assert (job["status"], job["finished_at"]) == ("running", None)
    assert [item["status"] for item in job["items"]] == ["done", "queued"]
    assert job["items"][1]["error"] is None
    assert credits_of(session, anonymous_account) == 8
    assert [edit.attempt for edit in albums.edits_of(session, failed)] == [1, 2]


def test_a_retry_has_the_watermark_of_the_plan_of_today(sets_client, session, anonymous_account):
    job = albums.album(
        session,
        of=anonymous_account,
        status=SetsJobStatus.FAILED,
        photo_status=PhotoStatus.RUNNING,
        has_watermark=True,
    )

    def is_marked_after_retry():
        for photo in albums.photos_of(session, job):
            sets_photos.end(session, photo, PhotoStatus.FAILED, failure_code="TIMEOUT")
        session.execute(update(SetsJob).values(status="failed"))
        session.commit()
        return post(sets_client, f"/{job.public_id}/retry").json["data"]["watermark"]

    plan = update(SetsAccount).where(SetsAccount.id == anonymous_account.id)
    session.execute(plan.values(pro_until=jobs.NOW + timedelta(days=1)))
    assert is_marked_after_retry() is False
    session.execute(plan.values(pro_until=None))
    assert is_marked_after_retry() is True


def test_photos_get_groups_and_an_order(sets_client, album):
    changes = [{"idx": 0, "position": 5, "group": "bathroom"}, {"idx": 1, "position": 0}]
    answer = sets_client.patch(f"{JOBS}/{album.public_id}/items", json={"changes": changes})
    assert answer.json["data"] == {"updated_count": 2}
    job = sets_client.get(f"{JOBS}/{album.public_id}").json["data"]
    assert [(item["idx"], item["group"]) for item in job["items"]] == [(1, ""), (0, "bathroom")]
    for change, field in (({"idx": 7}, "idx"), ({"idx": 0, "group": "cellar"}, "group")):
        wrong = sets_client.patch(f"{JOBS}/{album.public_id}/items", json={"changes": [change]})
        assert list(fields_of(wrong)) == [f"changes.0.{field}"]


def test_concepts_are_searched_on_request_and_only_the_presets(sets_client, session, album):
    job = post(sets_client, f"/{album.public_id}/segment", concepts=["Floor"], items=[1])
    assert job.status_code == 200, job.text
    assert job.json["data"]["segmentation"] == {"status": "queued", "done": 0, "total": 1}
    assert job.json["data"]["credits"]["reserved"] == 2
    twice = post(sets_client, f"/{album.public_id}/segment", concepts=["Floor"])
    assert (twice.status_code, error_code(twice)) == (409, "INVALID_TRANSITION")
    for body, field in (
        ({"concepts": ["Wall", "Garden"]}, "concepts.1"),
        ({"concepts": ["Wall"], "protect": ["Garden"]}, "protect.0"),
        ({"concepts": ["Wall"], "items": [9]}, "items.0"),
        ({"concepts": ["Sofa"], "prompts": {"Sofa": "red sofa"}}, "prompts.Sofa"),
        ({"concepts": ["Wall"], "prompts": {"Wall": "red wall"}}, "prompts.Wall"),
        ({"concepts": ["Wall"], "prompts": {"Sofa": "red sofa"}}, "prompts.Sofa"),
        ({"concepts": []}, "concepts"),
    ):
        answer = post(sets_client, f"/{album.public_id}/segment", **body)
        assert list(fields_of(answer)) == [field]


def test_nothing_more_is_searched_in_a_photo_that_is_full(sets_client, album, monkeypatch):
    monkeypatch.setattr(sets_masks, "MAX_INSTANCES", 1)
    answer = post(sets_client, f"/{album.public_id}/segment", concepts=["Floor"])
    assert list(fields_of(answer)) == ["items"]
    assert (
        post(sets_client, f"/{album.public_id}/segment", concepts=["Floor"], items=[1]).status_code
        == 200
    )


def test_nothing_is_searched_in_photos_that_are_still_being_decoded(sets_client, session, album):
    albums.put_all(session, album, PhotoStatus.CHECKING, 1)
    session.commit()
    answer = post(sets_client, f"/{album.public_id}/segment", concepts=["Wall"])
    assert (answer.status_code, error_code(answer)) == (409, "INVALID_TRANSITION")
    assert answer.json["error"]["details"]["unchecked"] == [1]
    # An execution waits for them by itself.
    job = post(sets_client, f"/{album.public_id}/execute", concepts=WALL, protect=[]).json["data"]
    assert [item["status"] for item in job["items"]] == ["queued", "checking"]


def test_the_stream_of_a_job_ends_with_it(sets_client, session, album):
    post(sets_client, f"/{album.public_id}/cancel")
    answer = sets_client.get(f"{JOBS}/{album.public_id}/events")
    assert answer.mimetype == "text/event-stream"
    assert answer.text.startswith("event: end")
    assert '"status":"canceled"' in answer.text


def test_the_stream_of_a_job_ends_when_its_token_is_revoked(sets_client, session, album):
    answer = sets_client.get(f"{JOBS}/{album.public_id}/events", buffered=False)
    messages = iter(answer.response)
    assert next(messages).startswith(b"event: update")
    assert sets_client.post("/api/v1/sets/auth/revoke").status_code == 200
    session.execute(update(SetsJob).values(updated_at=jobs.NOW))
    session.commit()
    assert list(messages) == []
    answer.close()


def test_whoever_signed_in_may_paint_with_a_style(session, app, sign_in, buyer):
    account = making.sets_account(session, user=buyer)
    job = albums.album(session, of=account)
    style = making.style(session)
    session.commit()
    concepts = {"Wall": restyling.restyle(style, 0.5)}
    answer = post(sign_in(buyer), f"/{job.public_id}/execute", concepts=concepts)
    assert (answer.status_code, answer.json["data"]["concepts"]) == (200, concepts)


def test_fifty_requests_at_once_are_answered_with_a_job_or_why_there_is_none(real_app, committed):
    with committed.begin() as session:
        account = making.sets_account(session, balance=30, pro_until=jobs.NOW + timedelta(days=1))

    def submit(number):
        client = sets_client_of(real_app, account)
        key = {"Idempotency-Key": f"album-number-{number % 25}"}
        body = {"preset": "interior", "item_count": 8}
        return client.post(JOBS, json=body, headers=key)

    answers = at_once(*[lambda number=number: submit(number) for number in range(50)])
    told = [each.status_code for each in answers]
    made = {each.json["data"]["job_id"] for each in answers if each.status_code == 201}
    assert set(told) <= {201, 402, 429}
    assert len(made) == 3  # three of eight photos leave six credits, and no slot
    with committed() as session:
        assert credits_of(session, account) == 30 - 3 * 8
