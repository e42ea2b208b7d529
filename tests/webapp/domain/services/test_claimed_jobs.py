import re
from dataclasses import asdict
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import update

from celery_config import TaskName
from tasks.messages import ClaimedGeneration, ClaimedTraining, RenderJob, TrainJob
from tests import making, restyling
from webapp.domain import jobs
from webapp.domain.models.job import JobKind
from webapp.domain.models.style import Artwork, ArtworkStatus, Style
from webapp.domain.services import claimed_jobs


@pytest.fixture
def image(session, storage):
    return making.generation(session, storage)


@pytest.fixture
def run(session, storage):
    return making.training(session, storage, step=TaskName.TRAIN_STYLE)


def claimed(session, storage, row):
    job = making.job_of(session, row)
    lease = jobs.claim(session, job.id, TaskName(job.step), 60)
    return lease, claimed_jobs.claimed_job(session, storage, lease)


def test_an_images_payload_is_the_order_as_it_was_frozen(session, storage, image):
    session.execute(update(Style).values(price_tokens=99, adapter_sha256="f" * 64))
    lease, job = claimed(session, storage, image)

    order = ClaimedGeneration.model_validate(job, from_attributes=True).payload
    assert order.generation_id == image.id
    assert order.adapter_sha256 == making.ADAPTER_SHA256
    assert (order.width, order.height, order.seed) == (512, 512, 7)
    assert (order.prompt_tags, order.style_strength) == (["boat", "sea"], 1.0)
    assert (job.fence, job.attempt, job.kind) == (lease.fence, 1, "generation")


def test_keys_a_worker_may_write_hold_its_fence_and_a_nonce(session, storage, image):
    lease, first = claimed(session, storage, image)
    again = claimed_jobs.claimed_job(session, storage, lease)
    jobs.release(session, lease)
    next_lease, second = claimed(session, storage, image)

    keys = [job.upload["image"].key for job in (first, again, second)]
    assert len(set(keys)) == 3
    assert keys[0].startswith(f"raw/{image.id}/{lease.fence}-")
    assert keys[2].startswith(f"raw/{image.id}/{next_lease.fence}-")
    assert next_lease.fence > lease.fence


def test_a_fence_is_no_prefix_of_another_fence(session, environment, image):
    job = making.job_of(session, image)
    leases = [
        jobs.Lease(job.id, JobKind.GENERATION, image.id, TaskName.RENDER_IMAGES, fence, 1, {})
        for fence in (1, 11)
    ]
    assert not claimed_jobs.raw_prefix(leases[1]).startswith(claimed_jobs.raw_prefix(leases[0]))
    assert not claimed_jobs.training_prefix(leases[1]).startswith(
        claimed_jobs.training_prefix(leases[0])
    )


def test_urls_are_signed_for_exactly_one_object(session, storage, image):
    _, job = claimed(session, storage, image)
    adapter, upload = job.download["adapter"], job.upload["image"]

    def verified(method, url, key, content_type=""):
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        return storage.verify_url(method, key, query, content_type)

    adapter_key = session.get(Style, image.style_id).adapter_key
    assert verified("GET", adapter, adapter_key)
    assert not verified("GET", adapter, upload.key)
    assert verified("PUT", upload.url, upload.key, "image/png")
    assert not verified("PUT", upload.url, adapter_key, "image/png")


def test_a_payload_holds_no_person_and_no_secret(session, storage, image):
    _, job = claimed(session, storage, image)
    text = str(job.payload)
    assert "example.org" not in text
    assert set(asdict(job.payload)) <= set(RenderJob.model_fields)


def test_a_trainings_payload_names_its_valid_works_in_order(session, storage, run):
    first = session.query(Artwork).filter_by(style_id=run.style_id, idx=0).one()
    second = session.query(Artwork).filter_by(style_id=run.style_id, idx=1).one()
    first.status, second.is_removed = ArtworkStatus.REJECTED, True
    session.flush()
    _, job = claimed(session, storage, run)

    order = ClaimedTraining.model_validate(job, from_attributes=True).payload
    assert [work.name for work in order.works] == [f"work-{idx:03}" for idx in range(2, 10)]
    assert set(job.download) == {work.name for work in order.works}
    assert (order.training_run_id, order.seed) == (run.id, 1)
    assert set(asdict(job.payload)) <= set(TrainJob.model_fields)


def test_a_training_may_upload_adapter_checkpoint_style_files_and_samples(session, storage, run):
    lease, job = claimed(session, storage, run)

    numbered = [name for name in job.upload if name.startswith(("style-", "sample-", "base-"))]
    assert set(job.upload) - set(numbered) == {"adapter", "checkpoint"}
    # of each checkpoint a style file and four samples
    assert sum(name.startswith("sample-") for name in numbered) == 80
    assert sum(name.startswith("style-") for name in numbered) == 20
    assert sum(name.startswith("base-") for name in numbered) == 4
    prefix = re.escape(f"training/{run.id}/{lease.fence}-")
    assert all(re.match(prefix, upload.key) for upload in job.upload.values())
    assert "checkpoint" not in job.download


def test_a_checkpoint_is_offered_to_whoever_goes_on(session, storage, run):
    run.checkpoint_key = "training/1/1-x.checkpoint"
    session.flush()
    _, job = claimed(session, storage, run)
    assert "training/1/1-x.checkpoint" in job.download["checkpoint"]


def test_each_kind_has_its_own_lease(environment):
    assert claimed_jobs.lease_seconds(JobKind.GENERATION) == 60
    assert claimed_jobs.lease_seconds(JobKind.TRAINING) == 120
    assert timedelta(minutes=10) < claimed_jobs.URL_LIFETIME  # a URL outlives a training slice


def test_a_canvas_comes_with_its_picture_its_mask_and_how_much_changes(session, storage):
    job, style = restyling.album(session, storage)
    restyling.execute(session, job, {"Wall": restyling.restyle(style, 0.4)})
    image = restyling.ordered(session, job, style)
    _, claimed_job = claimed(session, storage, image)
    order = ClaimedGeneration.model_validate(claimed_job, from_attributes=True).payload
    assert order.change == 0.4
    assert set(claimed_job.download) == {"adapter", "picture", "mask"}
    plain = making.generation(session, storage)
    _, claimed_job = claimed(session, storage, plain)
    assert not hasattr(claimed_job.payload, "change")
    assert making.job_of(session, plain).batch_key == making.job_of(session, image).batch_key
