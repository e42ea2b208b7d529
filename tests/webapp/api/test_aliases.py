"""docs/api.md, Aliases: another name, the same view, an equal answer."""

import hashlib

import pytest

from tests import making
from tests.webapp.conftest import WORKER_HEADERS, error_code
from webapp.domain.models.job import JobState

# (method, alias, canonical name); {s} is a style's id, {g} an image's.
ALIASES = [
    ("GET", "/models", "/styles"),
    ("POST", "/models", "/styles"),
    ("POST", "/models/train", "/styles"),
    ("GET", "/models/{s}", "/styles/{s}"),
    ("GET", "/models/{s}/status", "/styles/{s}"),
    ("POST", "/images/generate", "/generations"),
    ("GET", "/images/{g}", "/generations/{g}"),
    ("GET", "/images/{g}/status", "/generations/{g}"),
    ("GET", "/images/liked", "/generations/liked"),
    ("PATCH", "/images/{g}", "/generations/{g}"),
    ("GET", "/community/feed", "/generations/feed"),
]


def view_of(app, method, path):
    endpoint, values = app.url_map.bind("").match(path, method=method)
    return app.view_functions[endpoint], values


@pytest.mark.parametrize("method, alias, canonical", ALIASES)
def test_another_name_leads_to_the_same_view_and_gives_an_equal_answer(
    app, artist_client, session, finish, ordered, style, method, alias, canonical
):
    finish(ordered, is_public=True)
    ids = {"s": style.id, "g": ordered.id}
    expected = view_of(app, method, f"/api/v1{canonical}".format(**ids))
    # None of these bodies is complete, so that what answers changes nothing and can be asked twice.
    options = {} if method == "GET" else {"json": {"seed": "x"}}
    answers = []
    for path in (alias, canonical):
        for prefix in ("/api/v1", "/api"):
            for slash in ("", "/"):
                full = f"{prefix}{path}{slash}".format(**ids)
                assert view_of(app, method, full) == expected
                answers.append(artist_client.open(full, method=method, **options))
    assert len({answer.status_code for answer in answers}) == 1
    first = answers[0].json
    for answer in answers[1:]:
        assert without_signatures(answer.json["data"]) == without_signatures(first["data"])
        assert answer.json.get("error") == first.get("error")


def without_signatures(data):
    """What is answered, without what the clock puts into signed URLs."""
    if isinstance(data, dict):
        return {name: without_signatures(value) for name, value in data.items()}
    if isinstance(data, list):
        return [without_signatures(value) for value in data]
    return data.partition("?")[0] if isinstance(data, str) else data


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_everything_is_marked_as_read_under_two_names(
    app, buyer_client, session, ordered, worker, method
):
    failure = {"generation_id": ordered.id, "attempt": 1, "error_code": "INVALID_PROMPT"}
    worker("POST", "/inference/failed", failure)
    path = "/api/v1/notifications/mark-all-read"
    canonical = view_of(app, "POST", "/api/v1/notifications/read-all")
    assert view_of(app, method, path) == canonical
    assert buyer_client.open(path, method=method).json["data"] == {"updated_count": 1}
    assert buyer_client.post("/api/v1/notifications/read-all").json["data"] == {"updated_count": 0}


def test_a_like_takes_turns_under_its_other_name(buyer_client, finish, ordered):
    finish(ordered, is_public=True)
    path = f"/api/v1/images/{ordered.id}/like"
    told = [buyer_client.post(path).json["data"] for _ in range(3)]
    assert [each["is_liked"] for each in told] == [True, False, True]
    assert [each["like_count"] for each in told] == [1, 0, 1]


@pytest.mark.parametrize(
    "path, alias, canonical",
    [
        ("/styles", "sort=created_at", "sort=recent"),
        ("/generations/feed", "sort=created_at", "sort=recent"),
        ("/tokens/transactions", "type=consume", "type=usage"),
        ("/tokens/transactions", "type=generation", "type=usage"),
        ("/tokens/transactions", "type=earn", "type=earning"),
    ],
)
def test_another_value_means_the_same(
    artist_client, buyer_client, finish, ordered, path, alias, canonical
):
    finish(ordered, is_public=True)
    client = artist_client if "earn" in alias else buyer_client
    expected = client.get(f"/api/v1{path}?{canonical}").json["data"]
    assert len(expected["results"]) == 1
    told = client.get(f"/api/v1{path}?{alias}").json["data"]
    assert without_signatures(told) == without_signatures(expected)


def test_prices_have_a_second_name_that_is_read_and_written(buyer_client, style, ordered):
    seen = buyer_client.get(f"/api/v1/styles/{style.id}").json["data"]
    assert seen["generation_cost_tokens"] == seen["price_tokens"] == 10
    seen = buyer_client.get(f"/api/v1/generations/{ordered.id}").json["data"]
    assert seen["consumed_tokens"] == seen["price_tokens"] == 10
    wish = {"style_id": style.id, "prompt_tags": ["boat"], "generation_cost_tokens": 9}
    answer = buyer_client.post("/api/v1/generations", json=wish)
    assert (answer.status_code, error_code(answer)) == (409, "PRICE_CHANGED")


# ── the workers' names ───────────────────────────────────────────────────────────────────────

PROGRESS = {"current_step": 5, "total_steps": 10, "progress_percent": 50}
EPOCHS = {"current_epoch": 5, "total_epochs": 10, "progress_percent": 50}
RESULT = {"result_key": "raw/1/1-x.png", "sha256": "a" * 64, "seed": 7, "width": 512, "height": 512}
ADAPTER = {"model_path": "training/1/1-x.safetensors", "adapter_sha256": "a" * 64}
# (alias, its body, canonical method, event)
RENDERINGS = [
    ("/images/{id}/status", {"status": "processing", "progress": PROGRESS}, "PATCH", "progress"),
    ("/generations/{id}", {"progress": PROGRESS}, "PATCH", "progress"),
    ("/images/{id}", {"progress": PROGRESS}, "PATCH", "progress"),
    (
        "/images/{id}/status",
        {"status": "completed", "adapter_sha256": "b" * 64} | RESULT,
        "POST",
        "complete",
    ),
    ("/images/{id}/status", {"status": "failed", "error_code": "GPU_OOM"}, "POST", "failed"),
]
TRAININGS = [
    ("/models/{id}/status", {"status": "training", "progress": EPOCHS}, "PATCH", "progress"),
    ("/styles/{id}", {"progress": EPOCHS}, "PATCH", "progress"),
    ("/models/{id}/status", {"status": "completed"} | ADAPTER, "POST", "complete"),
    ("/models/{id}/status", {"status": "failed", "error_code": "GPU_OOM"}, "POST", "failed"),
]


@pytest.fixture
def report(app):
    def send(path, body, source):
        return app.test_client().patch(
            path, json=body, headers=WORKER_HEADERS | {"X-Request-Source": source}
        )

    return send


def comparable(answer):
    return answer.status_code, answer.json["data"], answer.json.get("error")


@pytest.mark.parametrize("prefix", ["/api/v1", "/api"])
@pytest.mark.parametrize("alias, body, method, event", RENDERINGS)
def test_a_report_on_an_image_has_other_names_and_an_equal_answer(
    worker, report, session, storage, prefix, alias, body, method, event
):
    first, second = (making.generation(session, storage) for _ in range(2))
    session.commit()
    canonical = {name: value for name, value in body.items() if name != "status"}
    expected = worker(
        method, f"/inference/{event}", canonical | {"generation_id": first.id, "attempt": 1}
    )
    told = report(f"{prefix}{alias}".format(id=second.id), body, "inference-server")
    assert comparable(told) == comparable(expected)
    assert standing(session, first) == standing(session, second)


@pytest.mark.parametrize("alias, body, method, event", TRAININGS)
def test_a_report_on_a_style_has_other_names_and_an_equal_answer(
    worker, report, session, storage, alias, body, method, event
):
    first, second = (making.training(session, storage, step="train_style") for _ in range(2))
    session.commit()
    canonical = {name: value for name, value in body.items() if name != "status"}
    expected = worker(
        method, f"/training/{event}", canonical | {"style_id": first.style_id, "attempt": 1}
    )
    told = report(f"/api/v1{alias}".format(id=second.style_id), body, "training-server")
    assert comparable(told) == comparable(expected)
    assert standing(session, first) == standing(session, second)


def standing(session, row):
    session.expire_all()
    job = making.job_of(session, row)
    return job.state, job.step, job.tries, job.fence, job.failure_cause


def test_an_attempt_left_out_is_the_current_one_whichever_that_is(report, session, ordered):
    making.change_job(session, making.job_of(session, ordered).id, tries=2)
    session.commit()
    path = f"/api/v1/images/{ordered.id}/status"
    body = {"status": "failed", "error_code": "GPU_OOM"}
    stale = report(path, body | {"attempt": 1}, "inference-server").json["data"]
    assert stale["reason"] == "stale_attempt"
    assert report(path, body, "inference-server").json["data"]["applied"] is True
    assert making.job_of(session, ordered).tries == 3


def test_a_body_is_judged_before_anything_is_looked_up(report):
    for path, source in (
        ("/api/v1/models/999/status", "training-server"),
        ("/api/v1/images/999/status", "inference-server"),
    ):
        for body in ({}, {"status": "gone"}, {"status": "failed"}, {"status": 1}):
            assert error_code(report(path, body, source)) == "VALIDATION_ERROR"
        failed = report(path, {"status": "failed", "error_code": "TIMEOUT"}, source)
        assert error_code(failed) in {"STYLE_NOT_FOUND", "GENERATION_NOT_FOUND"}


def test_the_id_of_the_path_is_the_one_that_counts(report, session, storage):
    mine, other = (making.generation(session, storage) for _ in range(2))
    session.commit()
    body = {"status": "failed", "error_code": "INVALID_PROMPT", "generation_id": other.id}
    report(f"/api/v1/images/{mine.id}/status", body, "inference-server")
    assert making.job_of(session, mine).state == JobState.FAILED
    assert making.job_of(session, other).state == JobState.QUEUED


def test_an_image_is_completed_under_its_other_name(app, client, worker, report, ordered, session):
    wish = {"worker": "gpu-1", "kinds": ["generation"]}
    [job] = worker("POST", "/claim", wish).json["data"]["jobs"]
    raw, place = making.picture_png(), job["upload"]["image"]
    client.put(place["url"], data=raw, headers=place["headers"])
    body = RESULT | {
        "status": "completed",
        "result_key": place["key"],
        "sha256": hashlib.sha256(raw).hexdigest(),
        "adapter_sha256": job["payload"]["adapter_sha256"],
    }
    path = f"/api/v1/images/{ordered.id}/status"
    assert report(path, body, "inference-server").json["data"]["applied"] is True
    assert making.job_of(session, ordered).step == "stamp_signature"
    assert report(path, body, "inference-server").json["data"]["reason"] == "duplicate"
