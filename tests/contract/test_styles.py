"""docs/api.md over HTTP: lists, uploads, training, the catalogue."""

import httpx
import pytest

from tests import making
from tests.contract.conftest import everything, refused
from tests.images import encoded, gif, png_claiming, scene
from webapp.domain.services import tags as tag_services

FIELDS = {"name": "Ink Harbor", "description": "Piers.", "price_tokens": "10"}
PROGRESS = {
    "current_epoch": 50,
    "total_epochs": 100,
    "progress_percent": 50,
    "estimated_seconds": 900,
}


def create(artist, files, **fields):
    images = [("images", (name, content, "image/png")) for name, content in files]
    return artist.send("POST", "/styles", data=FIELDS | fields, files=images)


def named(works):
    return [(f"work {index}.png", work) for index, work in enumerate(works)]


def test_03_every_name_of_the_catalogue_leads_to_it(nobody, trained):
    paths = ("/api/styles", "/api/v1/styles", "/api/v1/styles/", "/api/v1/models")
    shown = [nobody.get(path).json()["data"]["results"] for path in paths]
    assert all([row["id"] for row in page] == [row["id"] for row in shown[0]] for page in shown)
    assert trained["id"] in [row["id"] for row in shown[0]]


def test_04_forty_five_items_are_pages_of_20_20_and_5(service, nobody):
    with service.session() as session:
        style = making.style(session, service.storage)
        buyer = making.user(session, tokens=1000)
        for _ in range(45):
            (image,) = making.order(session, buyer, style)
            making.finish(session, service.storage, image, is_public=True)

    def get(path, **query):
        # Between any two pages an item is added.
        page = nobody.get(f"/api/v1{path}", params=query).json()["data"]
        with service.session() as session:
            (image,) = making.order(session, buyer, style)
            making.finish(session, service.storage, image, is_public=True)
        return page

    pages = everything(get, "/generations/feed", style_id=style.id, limit=20)
    assert [len(page) for page in pages] == [20, 20, 5]
    assert len({row["id"] for page in pages for row in page}) == 45


@pytest.mark.parametrize("count, code", [(9, "INSUFFICIENT_IMAGES"), (101, "TOO_MANY_IMAGES")])
def test_15_too_few_and_too_many_works_are_refused(artist, works, count, code):
    answer = create(artist, named(works * 11)[:count])
    assert refused(answer) == (422, code)


@pytest.mark.parametrize(
    "bad, code",
    [
        (lambda: encoded(scene(511, 600)), "IMAGE_RESOLUTION_TOO_LOW"),
        (lambda: b"\x89PNG\r\n\x1a\n".ljust(10 * 1024 * 1024 + 1, b"\0"), "IMAGE_SIZE_EXCEEDED"),
        (gif, "INVALID_IMAGE_FORMAT"),
        (lambda: png_claiming(20_000, 20_000), "IMAGE_TOO_LARGE_PIXELS"),
    ],
    ids=["511 × 600", "10 MB + 1", "GIF", "a bomb"],
)
def test_15_16_a_work_that_cannot_be_used_is_refused_by_name(artist, works, bad, code):
    answer = create(artist, [*named(works), ("bad.jpg", bad())])
    assert refused(answer) == (422, code)
    (image,) = answer.json()["error"]["details"]["images"]
    assert (image["idx"], image["filename"], image["code"]) == (10, "bad.jpg", code)


def test_16_a_tag_in_hangul_is_refused(artist, works):
    assert refused(create(artist, named(works), tags="꽈배기")) == (422, "INVALID_TAG_LANGUAGE")


def test_17_a_truncated_work_is_left_out(artist, works, worker):
    half = encoded(scene(600, 600, seed=99))
    answer = create(artist, [*named(works), ("half.png", half[: len(half) // 2])])
    assert answer.status_code == 201
    style = answer.json()["data"]
    job = worker.claim("training", style["id"])
    assert len(job["payload"]["works"]) == 10
    seen = artist.get(f"/styles/{style['id']}")
    assert [work["code"] for work in seen["artworks"]] == [None] * 10 + ["IMAGE_CORRUPT"]
    worker.finish_training(job, style["id"])
    assert artist.trained(style["id"])["training_status"] == "trained"


def test_18_a_missing_upload_is_named(artist, works):
    files = [
        {"filename": name, "size": len(work), "content_type": "image/png"}
        for name, work in named(works)
    ]
    style = artist.post("/styles", json=FIELDS | {"price_tokens": 10, "files": files})
    for upload, work in list(zip(style["uploads"], works, strict=True))[1:]:
        assert httpx.put(upload["url"], content=work, headers=upload["headers"]).is_success
    confirm = f"/styles/{style['id']}/confirm-upload"
    early = artist.send("POST", confirm)
    assert refused(early) == (409, "UPLOAD_INCOMPLETE")
    details = early.json()["error"]["details"]
    assert details["missing"] == [0]
    (upload,) = details["uploads"]
    assert httpx.put(upload["url"], content=works[0], headers=upload["headers"]).is_success
    assert artist.send("POST", confirm).status_code == 200


def test_19_one_active_style_and_a_failed_one_gives_its_place_back(artist, works, worker):
    first = create(artist, named(works)).json()["data"]
    second = create(artist, named(works), name="Another")
    assert refused(second) == (403, "STYLE_LIMIT_REACHED")
    worker.claim("training", first["id"])
    worker.call(
        "POST", "training/failed", style_id=first["id"], attempt=1, error_code="LOW_QUALITY_DATA"
    )
    assert artist.get(f"/styles/{first['id']}")["training_status"] == "failed"
    retrained = artist.post(f"/styles/{first['id']}/retrain", json={})
    assert retrained["training_status"] == "pending"


def test_20_a_style_and_its_progress_are_the_owners_until_it_is_on_sale(
    artist, works, worker, nobody
):
    style = create(artist, named(works)).json()["data"]
    path = f"/styles/{style['id']}"
    job = worker.claim("training", style["id"])
    worker.call("PATCH", "training/progress", style_id=style["id"], attempt=1, progress=PROGRESS)
    progress = artist.get(path)["progress"]
    assert PROGRESS.items() <= progress.items()
    assert set(progress) == {*PROGRESS, "last_updated"}
    assert refused(nobody.get(f"/api/v1{path}")) == (404, "STYLE_NOT_FOUND")
    worker.finish_training(job, style["id"])
    assert artist.trained(style["id"])["progress"] is None
    assert refused(nobody.get(f"/api/v1{path}")) == (404, "STYLE_NOT_FOUND")
    artist.on_sale(style["id"])
    assert nobody.get(f"/api/v1{path}").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Request-Source": "training-server"},
        {"X-Request-Source": "training-server", "Authorization": "Bearer wrong"},
        {"X-Request-Source": "inference-server", "Authorization": "Bearer {token}"},
    ],
    ids=["no token", "a wrong token", "a wrong source"],
)
def test_21_webhooks_are_for_workers(service, nobody, artist, works, headers):
    style = create(artist, named(works)).json()["data"]
    token = service.environment["INTERNAL_API_TOKEN"]
    headers = {name: value.format(token=token) for name, value in headers.items()}
    body = {"style_id": style["id"], "attempt": 1, "error_code": "LOW_QUALITY_DATA"}
    answer = nobody.post("/api/v1/webhooks/training/failed", json=body, headers=headers)
    assert refused(answer) == (403, "CALLBACK_UNAUTHORIZED")
    assert artist.get(f"/styles/{style['id']}")["failure"] is None


def test_22_popular_counts_what_was_delivered(service, nobody):
    with service.session() as session:
        buyer = making.user(session, tokens=1000)
        rare, popular, failing = (
            making.style(session, service.storage, tags=["check22"]) for _ in range(3)
        )
        for style, count in ((rare, 1), (popular, 3)):
            for image in (making.order(session, buyer, style)[0] for _ in range(count)):
                making.finish(session, service.storage, image)
        for image in making.order(session, buyer, failing, count=4):
            making.change_job(session, making.job_of(session, image).id, state="failed")
            making.generations.fail(session, image.id, "INVALID_PROMPT", "")
    query = {"sort": "popular", "tags": "check22"}
    shown = nobody.get("/api/v1/styles", params=query).json()["data"]["results"]
    assert [row["id"] for row in shown] == [popular.id, rare.id, failing.id]
    assert [row["usage_count"] for row in shown] == [3, 1, 0]


def test_23_tags_are_all_of_or_one_of(service, nobody):
    with service.session() as session:
        both, one = (
            making.style(session, service.storage, tags=tags)
            for tags in (["check23a", "check23b"], ["check23a"])
        )

    def found(**query):
        shown = nobody.get("/api/v1/styles", params=query).json()["data"]["results"]
        return {row["id"] for row in shown}

    assert found(tags="check23a,check23b") == {both.id}
    assert found(tags_any="check23a,check23b") == {both.id, one.id}


def test_23_a_tag_is_found_by_its_beginning_in_any_case(service, nobody):
    with service.session() as session:
        tag_services.count_use(session, ["watercolor"])
    shown = nobody.get("/api/v1/tags", params={"search": "WAT"}).json()["data"]["results"]
    assert "watercolor" in [row["name"] for row in shown]


def test_24_an_unused_style_can_be_deleted_and_a_used_one_cannot(
    artist, trained, person, worker, nobody
):
    path = f"/styles/{trained['id']}"
    buyer = person()
    image = buyer.order(trained["id"]).json()["data"]["id"]
    assert refused(artist.send("DELETE", path)) == (409, "STYLE_IN_USE")
    worker.render(image)
    buyer.final(image)
    assert refused(artist.send("DELETE", path)) == (409, "STYLE_IN_USE")
    assert nobody.get(f"/api/v1{path}").status_code == 200


def test_24_a_deleted_style_is_gone_from_the_list(artist, trained, nobody):
    assert artist.send("DELETE", f"/styles/{trained['id']}").status_code == 204
    shown = nobody.get("/api/v1/styles", params={"artist_id": artist.me["id"]}).json()["data"]
    assert shown["results"] == []
