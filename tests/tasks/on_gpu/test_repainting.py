"""A claimed job that names a picture: the worker fetches it, and repaints what its mask covers."""

import io
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select

from gpu.segmenting.masks import encode_mask
from tasks.gpu_jobs.rendering import renderer_for
from tasks.on_gpu.render_images import render_images
from tests import images, making
from tests.random_style import write_random_style
from webapp.domain.models.generation import Generation
from webapp.domain.models.job import Job, JobKind
from webapp.domain.services import claimed_jobs
from webapp.domain.services.claimed_jobs import RepaintJob

MASK = np.zeros((512, 512), bool)
MASK[100:260, 200:330] = True
PICTURE = images.scene(512, 512, seed=4)


@pytest.fixture
def ordered(committed, site_storage, tiny, tmp_path):
    """One order of 512 × 512 pixels that waits for a renderer: its generation and its job."""
    file = tmp_path / "style.safetensors"
    sha256 = write_random_style(file, renderer_for(tiny).base, trigger="style")
    with committed.begin() as session:
        style = making.style(
            session, site_storage, base_model=tiny, trigger="style", adapter_sha256=sha256
        )
        site_storage.put(style.adapter_key, file.read_bytes(), content_type="application/x")
        [image] = making.order(session, making.user(session), style)
        return image.id, making.job_of(session, image).id


@pytest.fixture
def claim_with(site_storage, monkeypatch):
    """Let the site's claims carry a change, and these objects as downloads."""

    def change_claims(change, **objects):
        urls = {}
        for name, data in objects.items():
            site_storage.put(f"canvases/{name}", data, content_type="image/png")
            urls[name] = site_storage.presigned_get(
                f"canvases/{name}", expires_in=claimed_jobs.URL_LIFETIME
            )
        real = claimed_jobs._JOBS[JobKind.GENERATION]

        def render_job(session, storage, lease):
            payload, download, upload = real(session, storage, lease)
            return RepaintJob(**asdict(payload), change=change), download | urls, upload

        monkeypatch.setitem(claimed_jobs._JOBS, JobKind.GENERATION, render_job)

    return change_claims


def raw_image(committed, storage, job_id):
    with committed() as session:
        job = session.get(Job, job_id)
        assert job.step == "stamp_signature", job.failure_cause
        return np.asarray(Image.open(io.BytesIO(storage.get(job.handover["raw_key"]))))


def test_only_what_the_mask_covers_is_repainted(committed, site_storage, ordered, claim_with):
    claim_with(0.8, picture=images.encoded(PICTURE, "PNG"), mask=encode_mask(MASK).png)
    render_images(job_id=ordered[1])
    after, before = raw_image(committed, site_storage, ordered[1]), np.asarray(PICTURE)
    assert np.array_equal(after[~MASK], before[~MASK])
    assert (after[MASK] != before[MASK]).any(axis=1).mean() > 0.9


def test_an_order_without_change_ignores_pictures(committed, site_storage, ordered, claim_with):
    claim_with(None, picture=b"no picture", mask=b"no mask")
    render_images(job_id=ordered[1])
    assert raw_image(committed, site_storage, ordered[1]).shape == (512, 512, 3)


@pytest.mark.parametrize(
    "objects",
    [
        {},
        {"picture": images.encoded(PICTURE, "PNG")},
        {"picture": b"no picture", "mask": encode_mask(MASK).png},
        {"picture": images.encoded(PICTURE, "PNG"), "mask": encode_mask(MASK[1:]).png},
        {"picture": images.encoded(PICTURE, "PNG"), "mask": encode_mask(MASK & False).png},
        {"picture": images.encoded(images.scene(600, 512), "PNG"), "mask": encode_mask(MASK).png},
    ],
    ids=["nothing", "no mask", "damaged", "other mask", "empty mask", "large"],
)
def test_a_picture_that_cannot_be_repainted_ends_its_order_at_once(
    committed, site_storage, ordered, claim_with, objects
):
    claim_with(0.8, **objects)
    render_images(job_id=ordered[1])
    with committed() as session:
        image = session.scalars(select(Generation)).one()
        assert (image.status, image.failure_cause) == ("failed", "INVALID_PROMPT")


def test_a_picture_that_cannot_be_fetched_is_tried_again(
    committed, site_storage, ordered, claim_with
):
    claim_with(0.8, picture=images.encoded(PICTURE, "PNG"), mask=encode_mask(MASK).png)
    site_storage.delete("canvases/picture")
    render_images(job_id=ordered[1])
    with committed() as session:
        job = session.get(Job, ordered[1])
        assert (job.failure_cause, job.tries) == ("NETWORK", 1)
