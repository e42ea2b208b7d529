"""The worker's client: against the real site, and against a server that misbehaves."""

import httpx
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from structlog.contextvars import clear_contextvars, merge_contextvars
from structlog.testing import capture_logs
from tenacity import wait_none

from tasks import worker_api
from tasks.messages import (
    ClaimedGeneration,
    ClaimedTraining,
    RenderFailure,
    RenderJob,
    RenderProgress,
    RenderProgressBody,
    RenderResult,
    UploadUrl,
)
from tasks.on_cpu.deliver_generation import deliver_generation
from tasks.on_cpu.stamp_signature import stamp_signature
from tasks.worker_api import WorkerApi, WorkerSettings, about
from tasks.worker_errors import ClaimError, ResultRejectedError, cause_of
from tests import making
from tests.broker import free_port
from tests.failing_server import failing_server
from tests.fixtures import ENVIRONMENT
from webapp.domain.models.generation import Generation
from webapp.domain.models.job import JobState
from webapp.domain.models.style import Style
from webapp.domain.services import ledger

BODY = RenderProgressBody(current_step=1, total_steps=10, progress_percent=10)


def settings_for(url, **changes):
    return WorkerSettings(
        **{
            "internal_api_url": url,
            "internal_api_token": ENVIRONMENT["INTERNAL_API_TOKEN"],
        }
        | changes
    )


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    for tried in (WorkerApi._report, WorkerApi.download, WorkerApi.upload):
        monkeypatch.setattr(tried.retry, "wait", wait_none())


# ── the real site ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def api(site):
    return WorkerApi(ClaimedGeneration, settings_for(site))


@pytest.fixture
def image(committed, site_storage):
    with committed.begin() as session:
        return making.generation(session, site_storage)


def result(image, job, data, **changes):
    return RenderResult(
        **{
            "generation_id": image.id,
            "fence": job.fence,
            "result_key": job.upload["image"].key,
            "sha256": making.hashlib.sha256(data).hexdigest(),
            "seed": 7,
            "width": 512,
            "height": 512,
            "adapter_sha256": making.ADAPTER_SHA256,
        }
        | changes
    )


def test_a_worker_needs_two_variables_and_no_keys(monkeypatch, tmp_path):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("STORAGE_URL", raising=False)
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.setenv("INTERNAL_API_URL", "http://site")
    monkeypatch.setenv("INTERNAL_API_TOKEN", "t")
    assert WorkerSettings().internal_api_url == "http://site"


def test_a_worker_in_production_refuses_failpoints(monkeypatch):
    monkeypatch.delenv("ENV", raising=False)  # the database of other tests sets it
    monkeypatch.setenv("FAILPOINTS", "after_claim=1")
    assert settings_for("http://site").env == "development"
    with pytest.raises(ValueError, match="FAILPOINTS"):
        settings_for("http://site", env="production")


def test_claim_fetch_put_and_complete_over_http(api, committed, image, tmp_path):
    [job] = api.claim(job_id=None, limit=4)
    adapter = api.download(job.download["adapter"], tmp_path / "adapter")
    assert adapter.read_bytes() == making.ADAPTER

    answer = api.progress(RenderProgress(generation_id=image.id, fence=job.fence, progress=BODY))
    assert (answer.applied, answer.status, answer.cancel_requested) == (True, "processing", False)

    data = making.picture_png()
    api.upload(job.upload["image"], data)
    assert api.complete(result(image, job, data)).applied
    assert api.complete(result(image, job, data)).reason == "duplicate"
    with committed() as session:
        assert making.job_of(session, image).step == "stamp_signature"


def test_what_comes_after_delivery_changes_nothing_and_the_artist_is_paid_once(
    api, committed, image
):
    [job] = api.claim(job_id=None)
    data = making.picture_png()
    api.upload(job.upload["image"], data)
    api.complete(result(image, job, data))
    stamp_signature(job_id=job.job_id)
    deliver_generation(job_id=job.job_id)

    named = {"generation_id": image.id, "fence": job.fence}
    failure = RenderFailure(**named, error_code="INVALID_PROMPT")
    for _ in range(2):
        for answer in (
            api.progress(RenderProgress(**named, progress=BODY)),
            api.fail(failure),
            api.complete(result(image, job, data)),
        ):
            assert (answer.applied, answer.reason, answer.status) == (
                False,
                "terminal",
                "completed",
            )
    with committed() as session:
        artist = session.get(Style, image.style_id).artist_id
        assert ledger.balances(session, artist).earned == image.price_tokens
        assert making.violations(session) == []


def test_a_rejected_result_is_told_and_its_attempt_is_used_up(api, committed, image):
    [job] = api.claim(job_id=None)
    data = making.picture_png()
    api.upload(job.upload["image"], data)
    with pytest.raises(ResultRejectedError, match="adapter_mismatch"):
        api.complete(result(image, job, data, adapter_sha256="f" * 64))
    with committed() as session:
        standing = making.job_of(session, image)
        assert (standing.tries, standing.state) == (1, JobState.QUEUED)


def test_a_failure_reported_twice_counts_once(api, committed, image):
    [job] = api.claim(job_id=None)
    failure = RenderFailure(
        generation_id=image.id, fence=job.fence, error_code="GPU_OOM", error_message="no memory"
    )
    assert api.fail(failure).applied
    assert not api.fail(failure).applied
    with committed() as session:
        assert making.job_of(session, image).tries == 1
        assert session.get(Generation, image.id).status == "retrying"


def test_an_upload_url_fits_one_object_only(api, site_storage, image):
    [job] = api.claim(job_id=None)
    target = job.upload["image"]
    other = target.model_copy(update={"url": target.url.replace(target.key, "images/stolen.png")})
    with pytest.raises(httpx.HTTPStatusError, match="403"):
        api.upload(other, b"x")
    assert site_storage.head("images/stolen.png") is None


def test_a_worker_continues_while_the_token_is_rotated_and_is_refused_afterwards(
    site, site_app, monkeypatch, committed, image, site_storage
):
    old, new = ENVIRONMENT["INTERNAL_API_TOKEN"], "the token that was drawn at the rotation"

    def restart(*fallbacks):
        changes = {"internal_api_token": new, "internal_api_token_fallbacks": fallbacks}
        changed = site_app.extensions["settings"].model_copy(update=changes)
        monkeypatch.setitem(site_app.extensions, "settings", changed)

    running = WorkerApi(ClaimedGeneration, settings_for(site))
    [job] = running.claim(job_id=None)
    restart(old)
    data = making.picture_png()
    assert running.progress(RenderProgress(generation_id=image.id, fence=job.fence, progress=BODY))
    running.upload(job.upload["image"], data)
    assert running.complete(result(image, job, data)).applied

    restarted = WorkerApi(ClaimedGeneration, settings_for(site, internal_api_token=new))
    with committed.begin() as session:
        making.generation(session, site_storage)
    restart()
    with pytest.raises(ClaimError, match="403") as refused:
        running.claim(job_id=None)
    assert not refused.value.is_transient
    assert len(restarted.claim(job_id=None)) == 1


def test_a_worker_with_another_token_or_of_another_kind_is_refused(site, committed, image):
    stranger = WorkerApi(ClaimedGeneration, settings_for(site, internal_api_token="x" * 40))
    with pytest.raises(ClaimError, match="403") as refused:
        stranger.claim(job_id=None)
    assert not refused.value.is_transient
    trainer = WorkerApi(ClaimedTraining, settings_for(site))
    assert trainer.claim(job_id=None) == []
    with committed() as session:
        assert making.job_of(session, image).state == JobState.QUEUED


def test_a_sick_storage_gives_no_work_and_uses_up_no_try(api, committed, image, tmp_path):
    (tmp_path / "objects").rename(tmp_path / "gone")
    with pytest.raises(ClaimError, match="503") as refused:
        api.claim(job_id=None)
    assert refused.value.is_transient
    with committed() as session:
        assert making.job_of(session, image).fence == 0


# ── a server that fails ─────────────────────────────────────────────────────────────────────────


@pytest.fixture
def failing_site():
    with failing_server() as failing_site:
        yield failing_site


@pytest.fixture
def client(failing_site):
    return WorkerApi(
        ClaimedGeneration, settings_for(f"http://127.0.0.1:{failing_site.server_port}")
    )


def url(failing_site, path="/file"):
    return f"http://127.0.0.1:{failing_site.server_port}{path}"


REPORT = RenderProgress(generation_id=1, fence=1, progress=BODY)


@pytest.mark.parametrize("statuses", [[503, 200], [500, 502, 200], [0, 200]])
def test_a_report_is_sent_again_while_the_site_stumbles(client, failing_site, statuses):
    count = len(statuses)
    failing_site.statuses = statuses
    assert client.progress(REPORT).applied
    assert len(failing_site.requests) == count


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_what_the_site_refuses_is_not_sent_again(client, failing_site, status):
    failing_site.statuses = [status]
    with pytest.raises(httpx.HTTPStatusError):
        client.progress(REPORT)
    assert len(failing_site.requests) == 1


def test_a_file_that_breaks_off_is_fetched_again_whole_or_not_at_all(
    client, failing_site, tmp_path
):
    failing_site.statuses = [206, 503, 200]
    path = client.download(url(failing_site), tmp_path / "file")
    assert path.read_bytes() == b"whole file"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert len(failing_site.requests) == 3


def test_storage_never_sees_our_token(client, failing_site, tmp_path):
    client.download(url(failing_site), tmp_path / "file")
    target = UploadUrl(
        key="k", method="PUT", url=url(failing_site), headers={"Content-Type": "image/png"}
    )
    client.upload(target, b"data")
    for _, _, _, headers in failing_site.requests:
        assert "Authorization" not in headers
    assert failing_site.requests[1][0] == "PUT"
    assert failing_site.requests[1][2] == b"data"
    assert failing_site.requests[1][3]["Content-Type"] == "image/png"


def test_the_site_gets_token_and_source(client, failing_site):
    client.progress(REPORT)
    headers = failing_site.requests[0][3]
    assert headers["Authorization"] == f"Bearer {ENVIRONMENT['INTERNAL_API_TOKEN']}"
    assert headers["X-Request-Source"] == "inference-server"


def test_calls_about_a_job_carry_the_request_that_asked_for_it_and_others_none(
    client, failing_site
):
    job = ClaimedGeneration(
        job_id=7,
        kind="generation",
        fence=1,
        attempt=1,
        lease_seconds=60,
        payload=RenderJob.model_construct(request_id="order-1"),
        download={},
        upload={},
    )
    clear_contextvars()  # of a site that ran in this process
    client.progress(REPORT)
    with about(job), capture_logs(processors=[merge_contextvars]) as lines:
        client.progress(REPORT)
        client.fail(RenderFailure(generation_id=1, fence=1, error_code="GPU_OOM"))
    client.progress(REPORT)
    sent = [headers.get("X-Request-ID") for _, _, _, headers in failing_site.requests]
    assert sent == [None, "order-1", "order-1", None]
    assert [(line["request_id"], line["job_id"]) for line in lines] == [("order-1", 7)]


def test_a_site_that_is_away_gives_no_work():
    away = WorkerApi(ClaimedTraining, settings_for(f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(ClaimError) as refused:
        away.claim(job_id=1)
    assert refused.value.is_transient


@pytest.mark.parametrize(
    "status, is_transient", [(503, True), (429, True), (0, True), (302, False), (404, False)]
)
def test_a_claim_is_tried_once_and_says_whether_waiting_helps(
    client, failing_site, status, is_transient
):
    failing_site.statuses = [status]
    with pytest.raises(ClaimError) as refused:
        client.claim(job_id=None)
    assert refused.value.is_transient is is_transient
    assert len(failing_site.requests) == 1


@pytest.mark.parametrize("address", ["localhost:8000", "/nowhere", "ftp://127.0.0.1"])
def test_waiting_does_not_help_where_no_site_can_be(address):
    with pytest.raises(ClaimError) as refused:
        WorkerApi(ClaimedTraining, settings_for(address)).claim(job_id=None)
    assert not refused.value.is_transient


def test_waiting_does_not_help_with_a_server_that_is_another(client, failing_site):
    failing_site.body = {"data": {"jobs": "welcome to the shop"}}
    with pytest.raises(ClaimError, match="protocol") as refused:
        client.claim(job_id=None)
    assert not refused.value.is_transient


def test_tries_end_before_the_lease_would(monkeypatch):
    assert worker_api.RETRY_SECONDS < 60


class OutOfMemory(Exception):
    cause = "GPU_OOM"


@pytest.mark.parametrize(
    "error, cause",
    [
        (OutOfMemory("16 GiB asked"), "GPU_OOM"),
        (httpx.ReadTimeout("secret-host"), "NETWORK"),
        (SoftTimeLimitExceeded(), "TIMEOUT"),
        (ZeroDivisionError("secret"), "INTERNAL_ERROR"),
    ],
)
def test_every_failure_has_a_cause_and_a_message_that_lets_nothing_out(error, cause):
    reported, message = cause_of(error)
    assert reported == cause
    assert message
    assert "secret" not in message
