import hashlib

import pytest
from PIL import Image
from sqlalchemy import func, select

from tests import images, making
from tests.webapp.conftest import WORKER_HEADERS, error_code
from webapp.domain.models.ledger import Transfer
from webapp.domain.models.training import TrainingRun


def progress(percent):
    return {
        "current_step": percent,
        "total_steps": 100,
        "progress_percent": percent,
        "estimated_seconds": 3,
    }


def test_a_worker_claims_reports_uploads_and_completes(
    worker, client, buyer_client, ordered, storage
):
    wish = {"worker": "gpu-1", "kinds": ["generation"], "max": 4}
    jobs = worker("POST", "/claim", wish).json["data"]["jobs"]
    assert [job["payload"]["generation_id"] for job in jobs] == [ordered.id]
    job = jobs[0]
    adapter = client.get(job["download"]["adapter"])
    assert hashlib.sha256(adapter.data).hexdigest() == job["payload"]["adapter_sha256"]
    assert worker("POST", "/claim", wish).json["data"]["jobs"] == []

    report = {"generation_id": ordered.id, "fence": job["fence"], "progress": progress(50)}
    assert worker("PATCH", "/inference/progress", report).json["data"] == {
        "applied": True,
        "status": "processing",
        "cancel_requested": False,
    }
    seen = buyer_client.get(f"/api/v1/generations/{ordered.id}").json["data"]["progress"]
    assert seen.pop("last_updated").endswith("Z")
    assert seen == progress(50)

    raw = making.picture_png()
    place = job["upload"]["image"]
    put = client.put(place["url"], data=raw, headers=place["headers"])
    assert put.status_code == 200
    assert client.get(f"/storage/{place['key']}").status_code == 403
    result = {
        "generation_id": ordered.id,
        "fence": job["fence"],
        "result_key": place["key"],
        "sha256": hashlib.sha256(raw).hexdigest(),
        "seed": 7,
        "width": 512,
        "height": 512,
        "adapter_sha256": job["payload"]["adapter_sha256"],
        "metadata": {"steps": 20},
    }
    assert worker("POST", "/inference/complete", result).json["data"]["applied"] is True
    again = worker("POST", "/inference/complete", result).json["data"]
    assert (again["applied"], again["reason"]) == (False, "duplicate")
    late = worker("PATCH", "/inference/progress", report | {"progress": progress(90)})
    assert late.json["data"]["applied"] is False


@pytest.mark.parametrize("wrong", [{"job_id": False}, {"max": "2"}, {"max": True}, {"worker": 7}])
def test_a_claim_of_wrong_types_is_refused(worker, wrong):
    answer = worker("POST", "/claim", {"worker": "gpu-1", "kinds": ["generation"]} | wrong)
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")


def completed(worker, client, ordered, raw, **changes):
    wish = {"worker": "gpu-1", "kinds": ["generation"]}
    job = worker("POST", "/claim", wish).json["data"]["jobs"][0]
    place = job["upload"]["image"]
    client.put(place["url"], data=raw, headers=place["headers"])
    result = {
        "generation_id": ordered.id,
        "attempt": 1,
        "fence": job["fence"],
        "result_key": place["key"],
        "sha256": hashlib.sha256(raw).hexdigest(),
        "seed": 7,
        "width": 512,
        "height": 512,
        "adapter_sha256": job["payload"]["adapter_sha256"],
    }
    return worker("POST", "/inference/complete", result | changes)


@pytest.mark.parametrize(
    "raw, changes, reason",
    [
        (making.picture_png(), {"adapter_sha256": "b" * 64}, "adapter_mismatch"),
        (making.picture_png(), {"width": 1024}, "wrong_size"),
        (making.picture_png(600, 600), {}, "wrong_size"),
        (images.encoded(Image.new("RGB", (512, 512), "grey")), {}, "blank_image"),
        (making.picture_png(), {"sha256": "b" * 64}, "file_missing"),
        (making.picture_png(), {"result_key": "raw/1/9-other.png"}, "file_missing"),
    ],
    ids=["adapter", "declared size", "real size", "blank", "hash", "other key"],
)
def test_a_result_that_breaks_a_guarantee_is_refused_and_counts_as_a_failed_attempt(
    worker, client, session, ordered, raw, changes, reason
):
    answer = completed(worker, client, ordered, raw, **changes)
    assert (answer.status_code, error_code(answer)) == (422, "RESULT_REJECTED")
    assert answer.json["error"]["details"] == {"reason": reason}
    job = making.job_of(session, ordered)
    assert job.failure_cause is not None or job.state == "failed"
    assert session.scalar(select(func.count()).where(Transfer.kind == "payout")) == 0


def test_running_out_of_memory_is_tried_again_without_a_refund(
    worker, session, buyer_client, ordered
):
    failure = {"generation_id": ordered.id, "attempt": 1, "error_code": "GPU_OOM"}
    answer = worker("POST", "/inference/failed", failure)
    assert answer.json["data"] == {
        "applied": True,
        "status": "retrying",
        "cancel_requested": False,
    }
    seen = buyer_client.get(f"/api/v1/generations/{ordered.id}").json["data"]
    assert (seen["status"], seen["attempt"], seen["refunded"]) == ("retrying", 2, False)
    assert seen["next_retry_at"].endswith("Z")
    assert session.scalar(select(func.count()).where(Transfer.kind == "refund")) == 0


def test_a_permanent_failure_is_refunded_once_however_often_it_is_reported(
    worker, session, buyer_client, ordered
):
    failure = {
        "generation_id": ordered.id,
        "attempt": 1,
        "error_code": "INVALID_PROMPT",
        "error_message": "It cannot\0 be drawn.",
    }
    answers = [worker("POST", "/inference/failed", failure).json["data"] for _ in range(3)]
    assert [answer["applied"] for answer in answers] == [True, False, False]
    assert answers[2]["reason"] == "terminal"
    seen = buyer_client.get(f"/api/v1/generations/{ordered.id}").json["data"]
    assert seen["failure"] == {
        "code": "GENERATION_FAILED",
        "cause": "INVALID_PROMPT",
        "message": "It cannot be drawn.",
    }
    assert seen["refunded"] is True
    assert session.scalar(select(func.count()).where(Transfer.kind == "refund")) == 1
    unread = buyer_client.get("/api/v1/notifications/unread-count").json["data"]
    assert unread == {"unread_count": 1}


def test_progress_never_goes_back(worker, ordered):
    def report(percent):
        body = {"generation_id": ordered.id, "attempt": 1, "progress": progress(percent)}
        return worker("PATCH", "/inference/progress", body).json["data"]

    assert report(50)["applied"] is True
    assert report(50)["reason"] == "duplicate"
    assert report(25)["reason"] == "duplicate"
    assert report(75)["applied"] is True


def test_an_attempt_that_is_not_the_current_one_changes_nothing(worker, ordered):
    body = {"generation_id": ordered.id, "attempt": 2, "progress": progress(50)}
    answer = worker("PATCH", "/inference/progress", body).json["data"]
    assert (answer["applied"], answer["reason"]) == (False, "stale_attempt")
    body = {"generation_id": ordered.id, "fence": 9, "progress": progress(50)}
    assert worker("PATCH", "/inference/progress", body).json["data"]["reason"] == "stale_attempt"


@pytest.mark.parametrize(
    "method, path, body, code",
    [
        ("POST", "/inference/failed", {"generation_id": 999, "attempt": 1, "error_code": "X"}, 404),
        ("POST", "/training/failed", {"style_id": 999, "attempt": 1, "error_code": "X"}, 404),
        ("POST", "/inference/failed", {"generation_id": 2**63, "attempt": 1}, 422),
        ("POST", "/inference/failed", {"generation_id": 1, "error_code": "X"}, 422),
        ("POST", "/claim", {"worker": "w", "kinds": ["segment"]}, 422),
        ("POST", "/claim", {"worker": "w", "kinds": ["training"], "max": 17}, 422),
        ("PATCH", "/training/progress", {"style_id": 1, "attempt": 9, "progress": {}}, 422),
        ("POST", "/inference/complete", {}, 422),
    ],
)
def test_wrong_reports_have_their_code(worker, method, path, body, code):
    answer = worker(method, path, body)
    assert answer.status_code == code
    assert error_code(answer) in {"GENERATION_NOT_FOUND", "STYLE_NOT_FOUND", "VALIDATION_ERROR"}


def test_a_training_is_claimed_reported_and_completed(worker, client, session, storage):
    run = making.training(session, storage, step="train_style")
    for idx in range(10):
        key = f"artworks/{run.style_id}-{idx}.png"
        storage.put(key, making.signature_png(), content_type="image/png")
    session.commit()
    wish = {"worker": "gpu-1", "kinds": ["training"]}
    job = worker("POST", "/claim", wish, "training-server").json["data"]["jobs"][0]
    assert len(job["payload"]["works"]) == 10
    assert all(client.get(url).status_code == 200 for url in job["download"].values())
    report = {
        "style_id": run.style_id,
        "fence": job["fence"],
        "progress": {"current_epoch": 1, "total_epochs": 10, "progress_percent": 10},
        "loss_points": [{"step": 1, "loss": 0.5}],
        "slice_ended": True,
    }
    answer = worker("PATCH", "/training/progress", report).json["data"]
    assert (answer["applied"], answer["status"]) == (True, "training")
    session.expire_all()
    assert session.get(TrainingRun, run.id).loss_history[0]["loss"] == 0.5

    job = worker("POST", "/claim", wish, "training-server").json["data"]["jobs"][0]
    adapter = b"the new adapter"
    for name, data in (("adapter", adapter), ("sample-000", making.picture_png())):
        place = job["upload"][name]
        assert client.put(place["url"], data=data, headers=place["headers"]).status_code == 200
    result = {
        "style_id": run.style_id,
        "fence": job["fence"],
        "model_path": job["upload"]["adapter"]["key"],
        "adapter_sha256": "c" * 64,
        "training_metric": {"loss": 0.1, "epochs": 10},
        "sample_keys": [job["upload"]["sample-000"]["key"]],
    }
    true_hash = hashlib.sha256(adapter).hexdigest()
    done = worker("POST", "/training/complete", result | {"adapter_sha256": true_hash})
    assert done.json["data"] == {
        "applied": True,
        "status": "training",
        "cancel_requested": False,
    }
    again = worker("POST", "/training/complete", result | {"adapter_sha256": true_hash})
    assert again.json["data"]["reason"] == "duplicate"


def test_workers_are_neither_counted_nor_asked_for_a_csrf_token(worker):
    for _ in range(3):
        answer = worker("POST", "/claim", {"worker": "w", "kinds": ["generation"]})
        assert answer.status_code == 200
        assert "X-RateLimit-Limit" not in answer.headers


def test_both_prefixes_take_reports(app):
    answer = app.test_client().post(
        "/api/webhooks/claim/",
        json={"worker": "w", "kinds": ["generation"]},
        headers=WORKER_HEADERS | {"X-Request-Source": "inference-server"},
    )
    assert answer.json["data"] == {"jobs": []}


@pytest.fixture
def alias(app):
    def call(path, body, source="inference-server"):
        return app.test_client().patch(
            path, json=body, headers=WORKER_HEADERS | {"X-Request-Source": source}
        )

    return call


def test_reports_on_images_have_other_names_and_need_no_attempt(alias, ordered):
    begun = alias(
        f"/api/images/{ordered.id}/status", {"status": "processing", "progress": progress(25)}
    )
    assert begun.json["data"]["status"] == "processing"
    further = alias(f"/api/v1/generations/{ordered.id}", {"progress": progress(50)})
    assert further.json["data"]["applied"] is True
    ended = alias(
        f"/api/v1/images/{ordered.id}/status",
        {"status": "failed", "error_code": "INVALID_PROMPT"},
    )
    assert ended.json["data"]["status"] == "failed"


def test_reports_on_styles_have_other_names(alias, session, storage):
    run = making.training(session, storage, step="train_style")
    session.commit()
    steps = {"current_epoch": 1, "total_epochs": 2, "progress_percent": 50}
    path = f"/api/v1/styles/{run.style_id}"
    assert alias(path, {"progress": steps}, "training-server").json["data"]["applied"] is True
    path = f"/api/models/{run.style_id}/status"
    failed = {"status": "failed", "error_code": "LOW_QUALITY_DATA", "attempt": 1}
    assert alias(path, failed, "training-server").json["data"]["status"] == "failed"
    assert alias(path, {"status": "gone"}, "training-server").status_code == 422
    assert alias(path, failed).status_code == 403


def test_the_other_names_are_for_workers_only(buyer_client, ordered):
    path = f"/api/v1/images/{ordered.id}/status"
    answer = buyer_client.patch(path, json={"status": "completed"})
    assert (answer.status_code, error_code(answer)) == (403, "CALLBACK_UNAUTHORIZED")


@pytest.mark.parametrize("body", [b"{", b"[]", b"", b"null"])
def test_an_alias_takes_only_json_objects(app, ordered, body):
    answer = app.test_client().patch(
        f"/api/v1/images/{ordered.id}/status",
        data=body,
        content_type="application/json",
        headers=WORKER_HEADERS | {"X-Request-Source": "inference-server"},
    )
    assert answer.status_code in {400, 422}
