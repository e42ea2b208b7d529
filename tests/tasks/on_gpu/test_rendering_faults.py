"""Whatever is wrong with a style or the card: no foreign or absent style, and the money back."""

import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from sqlalchemy import select, update
from structlog.testing import capture_logs
from tenacity import stop_after_attempt

from gpu.base_models.registry import load_base_model
from tasks import worker_api, worker_health
from tasks.gpu_jobs.rendering import renderer_for
from tasks.on_gpu import consume
from tasks.on_gpu.render_images import render_images
from tasks.worker_api import worker_settings
from tests import making
from tests.memory_limit import MemoryLimit
from tests.random_style import write_random_style
from tests.tiny_model import write_tiny_model
from webapp.domain import jobs
from webapp.domain.errors import StyleOutdated
from webapp.domain.models.generation import Generation
from webapp.domain.models.job import Job, JobState
from webapp.domain.models.notification import Notification
from webapp.domain.models.style import Style
from webapp.domain.services import ledger, ledger_check


class DiskUsage(NamedTuple):
    free: int


TRIES = 4  # the first and three more


@dataclass(frozen=True)
class Market:
    """Two buyers' orders of two artists' styles, waiting for one batch."""

    orders: tuple[tuple[int, int], ...]  # (generation id, job id)
    buyers: tuple[int, ...]
    adapters: tuple[str, ...]
    keys: tuple[str, ...]


@pytest.fixture
def market(committed, site_storage, tiny, tmp_path) -> Market:
    base = load_base_model(tiny)
    with committed.begin() as session:
        orders, buyers, adapters, keys = [], [], [], []
        for seed in (1, 2):
            file = tmp_path / f"{seed}.safetensors"
            sha256 = write_random_style(file, base, trigger="style", seed=seed)
            style = making.style(
                session, site_storage, base_model=tiny, trigger="style", adapter_sha256=sha256
            )
            put(site_storage, style.adapter_key, file.read_bytes())
            buyer = making.user(session)
            [image] = making.order(session, buyer, style)
            orders.append((image.id, making.job_of(session, image).id))
            buyers.append(buyer.id)
            adapters.append(sha256)
            keys.append(style.adapter_key)
    return Market(tuple(orders), tuple(buyers), tuple(adapters), tuple(keys))


def put(storage, key: str, data: bytes) -> None:
    storage.put(key, data, content_type="application/octet-stream")


def record_as(committed, key: str, data: bytes) -> None:
    """Make the site expect just these bytes: only the engine can still see what they are."""
    sha256 = hashlib.sha256(data).hexdigest()
    with committed.begin() as session:
        style_id = session.scalars(select(Style.id).where(Style.adapter_key == key)).one()
        session.execute(update(Style).where(Style.id == style_id).values(adapter_sha256=sha256))
        session.execute(
            update(Generation).where(Generation.style_id == style_id).values(adapter_sha256=sha256)
        )


def damaged(_committed, storage, market, _folder) -> None:
    content = bytearray(storage.get(market.keys[0]))
    content[-7] ^= 1
    put(storage, market.keys[0], bytes(content))


def missing(_committed, storage, market, _folder) -> None:
    storage.delete(market.keys[0])


def swapped(_committed, storage, market, _folder) -> None:
    put(storage, market.keys[0], storage.get(market.keys[1]))


def of_another_base(committed, storage, market, folder) -> None:
    other = load_base_model(str(write_tiny_model(folder / "other", seed=9)))
    file = folder / "other.safetensors"
    write_random_style(file, other, trigger="style")
    put(storage, market.keys[0], file.read_bytes())
    record_as(committed, market.keys[0], file.read_bytes())


def of_another_trigger(committed, storage, market, folder) -> None:
    file = folder / "another.safetensors"
    write_random_style(file, renderer_for("tiny").base, trigger="moon")
    put(storage, market.keys[0], file.read_bytes())
    record_as(committed, market.keys[0], file.read_bytes())


def empty(committed, storage, market, _folder) -> None:
    put(storage, market.keys[0], b"")
    record_as(committed, market.keys[0], b"")


@pytest.mark.parametrize(
    "spoil, cause",
    [
        (damaged, "ADAPTER_MISMATCH"),
        (missing, "NETWORK"),
        (swapped, "ADAPTER_MISMATCH"),
        (of_another_trigger, "ADAPTER_MISMATCH"),
        (empty, "ADAPTER_MISMATCH"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_style_that_cannot_be_proved_is_refunded_and_its_batch_mate_is_drawn(
    committed, site_storage, market, tmp_path, spoil: Callable, cause
):
    spoil(committed, site_storage, market, tmp_path)
    (_, spoiled), (_, good) = market.orders

    render_images(job_id=spoiled)

    with committed() as session:
        job = session.get(Job, spoiled)
        assert (job.state, job.failure_cause, job.tries) == (JobState.QUEUED, cause, 1)
        mate = session.get(Job, good)
        assert mate.step == "stamp_signature"
        assert site_storage.get(mate.handover["raw_key"])
    try_until_over(committed, spoiled)
    assert_refunded(committed, site_storage, market, order=0, cause=cause)
    assert adapters_on_disk() == {market.adapters[1]}  # or the next order would fail as well


def test_a_style_of_another_base_is_refunded_at_once_and_its_artist_is_told(
    committed, site_storage, market, tmp_path
):
    of_another_base(committed, site_storage, market, tmp_path)
    (_, outdated), (_, good) = market.orders

    render_images(job_id=outdated)

    assert_refunded(committed, site_storage, market, order=0, cause="STYLE_OUTDATED")
    with committed() as session:
        assert session.get(Job, outdated).tries == 0
        assert session.get(Job, good).step == "stamp_signature"
        style = session.scalars(select(Style).where(Style.adapter_key == market.keys[0])).one()
        query = select(Notification.type).where(Notification.recipient_id == style.artist_id)
        assert session.scalars(query).all() == ["style_outdated"]
    with committed.begin() as session, pytest.raises(StyleOutdated):
        making.order(session, making.user(session), session.get(Style, style.id))


@pytest.mark.parametrize("order", [0, 1])
def test_a_mended_style_is_drawn_at_the_next_try(committed, site_storage, market, order):
    whole = site_storage.get(market.keys[order])
    put(site_storage, market.keys[order], whole[:-1])
    render_images(job_id=market.orders[order][1])

    put(site_storage, market.keys[order], whole)
    try_until_over(committed, market.orders[order][1])

    with committed() as session:
        assert session.get(Job, market.orders[order][1]).step == "stamp_signature"
        assert session.get(Generation, market.orders[order][0]).failure_cause is None


def test_a_card_with_room_for_one_draws_the_batch_one_by_one(committed, market):
    with_and_without_prompt = 2
    with MemoryLimit(renderer_for("tiny").base.unet, with_and_without_prompt, rendering=True):
        render_images(job_id=market.orders[0][1])
    with committed() as session:
        assert {session.get(Job, job).step for _, job in market.orders} == {"stamp_signature"}


def test_a_card_without_room_is_tried_again_and_then_refunded(committed, site_storage, market):
    with MemoryLimit(renderer_for("tiny").base.unet, 0, rendering=True):
        render_images(job_id=market.orders[0][1])
        with committed() as session:
            for image, job_id in market.orders:
                assert session.get(Job, job_id).failure_cause == "GPU_OOM"
                assert session.get(Generation, image).status == "retrying"
        for _, job_id in market.orders:
            try_until_over(committed, job_id)
    for order in (0, 1):
        assert_refunded(committed, site_storage, market, order=order, cause="GPU_OOM")


def test_a_blank_picture_is_refunded_at_once(committed, site_storage, market):
    network = renderer_for("tiny").base.vae.decoder
    handle = network.register_forward_hook(lambda *parts: torch.zeros_like(parts[2]))
    try:
        render_images(job_id=market.orders[0][1])
    finally:
        handle.remove()
    for order in (0, 1):
        assert_refunded(committed, site_storage, market, order=order, cause="SAFETY_BLOCKED")


def try_until_over(committed, job_id: int) -> None:
    """Run the task as the relay would publish it after each delay."""
    for _ in range(TRIES):
        with committed.begin() as session:
            session.execute(update(Job).where(Job.id == job_id).values(run_at=jobs.NOW))
        render_images(job_id=job_id)


def adapters_on_disk() -> set[str]:
    return {path.stem for path in (worker_settings().worker_cache_dir / "adapters").iterdir()}


def assert_refunded(committed, storage, market: Market, *, order: int, cause: str) -> None:
    image_id, job_id = market.orders[order]
    with committed() as session:
        image = session.get(Generation, image_id)
        assert (image.status, image.failure_cause, image.image_key) == ("failed", cause, None)
        assert session.get(Job, job_id).state == JobState.FAILED
        buyer = market.buyers[order]
        assert ledger.balances(session, buyer).spendable == ledger.WELCOME_TOKENS
        query = select(Notification.type).where(Notification.recipient_id == buyer)
        assert session.scalars(query).all() == ["generation_failed"]
        assert not list(storage.list(f"raw/{image_id}/"))
    with committed() as session:
        assert ledger_check.check(session) == []


def test_a_full_disk_costs_one_attempt_and_its_batch_mate_nothing(committed, market, monkeypatch):
    real = worker_api.WorkerApi.download

    def download(api, url, target):
        if market.adapters[0] in target.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(api, url, target)

    monkeypatch.setattr(worker_api.WorkerApi, "download", download)
    render_images(job_id=market.orders[1][1])
    with committed() as session:
        failed, mate = (session.get(Job, job_id) for _, job_id in market.orders)
        assert (failed.failure_cause, failed.tries, failed.crashes) == ("WORKER_LOST", 1, 0)
        assert "No space left on device" in failed.failure_message
        assert (failed.state, failed.step) == (JobState.QUEUED, "render_images")
        assert mate.step == "stamp_signature"


def test_a_sick_worker_claims_nothing_and_says_why(committed, market, monkeypatch):
    monkeypatch.setattr(worker_health.shutil, "disk_usage", lambda _: DiskUsage(0))
    monkeypatch.setattr(consume._run_with_backoff.retry, "stop", stop_after_attempt(1))
    with capture_logs() as logs:
        render_images(job_id=market.orders[0][1])
    assert {"disk"} == {each["reason"] for each in logs if each["log_level"] == "error"}
    with committed() as session:
        for _, job_id in market.orders:
            job = session.get(Job, job_id)
            assert (job.state, job.fence, job.tries) == (JobState.QUEUED, 0, 0)
