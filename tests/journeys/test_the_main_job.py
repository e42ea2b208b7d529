"""From twelve photos to a signed image, paid for: HTTP in, real workers, HTTP out."""

import hashlib
import io
import signal
import threading
from datetime import timedelta

import httpx
import numpy as np
from PIL import Image

from gpu.signature import watermark
from gpu.signature.embed import read_provenance
from gpu.signature.ink import prepare_ink
from gpu.signature.placement import placement
from tests.client import signature_png
from tests.stack import REAL_ENGINE
from tests.stack_fixtures import told_to
from tests.waiting import wait_for
from webapp.domain.settings import DEVELOPMENT_WATERMARK_KEY


def test_an_artist_sees_a_style_being_trained_in_slices_and_put_on_sale(stack, trained):
    assert [event for event, _ in trained.events][-1] == "end"
    assert {event for event, _ in trained.events[:-1]} <= {"update"}
    states = [told["training_status"] for _, told in trained.events]
    assert states == sorted(states, key=["pending", "training", "trained"].index)
    percents = [
        told["progress"]["progress_percent"] for _, told in trained.events if told["progress"]
    ]
    assert percents == sorted(percents)

    done = trained.artist.get(f"/styles/{trained.id}")
    assert trained.artist.get("/auth/me")["role"] == "artist"
    assert done["training_status"] == "completed"
    assert done["validation"] == {"total": 12, "pending": 0, "valid": 12, "rejected": 0}
    assert done["training_metric"]["loss"] > 0
    assert [each["step"] for each in done["checkpoints"]][-1] == done["checkpoint"]
    assert all(len(each["samples"]) == 4 for each in done["checkpoints"])
    assert all(each["gain"]["summary"] for each in done["checkpoints"])
    assert len(done["sample_images"]) == 4
    assert len(done["base_sample_images"]) == 4
    shown = [*done["sample_images"], *done["base_sample_images"]]
    assert all(httpx.get(url).status_code == 200 for url in shown)
    assert trained.id in [row["id"] for row in trained.artist.get("/styles")["results"]]

    fence = stack.value(
        "SELECT fence FROM jobs JOIN training_runs ON training_runs.id = jobs.ref"
        " WHERE kind = 'training' AND style_id = :id",
        id=trained.id,
    )
    assert fence > 3, "validation, one slice and publication alone take three claims"
    [run] = stack.rows(
        "SELECT loss_history, progress, adapter_key, adapter_sha256 FROM training_runs"
        " WHERE style_id = :id",
        id=trained.id,
    )
    steps = [point["step"] for point in run.loss_history]
    assert steps == sorted(steps)
    assert run.progress is None
    assert stack.sha256(run.adapter_key) == run.adapter_sha256
    assert told_to(stack, trained.artist) == {"style_trained": 1}


def test_a_buyer_gets_one_signed_image_of_each_shape_and_the_artist_is_paid(stack, trained, person):
    stack.use_engine(REAL_ENGINE)
    buyer = person()
    earned = trained.artist.balance()["earned_token_balance"]
    assert buyer.balance()["token_balance"] == 100

    raws = RawImages(stack)
    orders = {}
    for shape in ("1:1", "2:2", "1:2"):
        answer = buyer.order(trained.id, aspect_ratio=shape, seed=7)
        assert answer.status_code == 201, answer.text
        orders[shape] = answer.json()["data"]["id"]
    assert buyer.balance()["token_balance"] == 30  # 10, four times and twice as much
    raws.collect(list(orders.values()))

    sizes = {"1:1": (512, 512), "2:2": (1024, 1024), "1:2": (512, 1024)}
    for shape, generation_id in orders.items():
        done = buyer.final(generation_id)
        assert done["status"] == "completed", done["failure"]
        assert (done["width"], done["height"]) == sizes[shape]
        image = buyer.http.get(f"/api/v1/generations/{generation_id}/image")
        assert image.status_code == 200
        assert "/storage/" in str(image.url)
        marked = marked_image(stack, generation_id, raws.data[generation_id])
        check_signed(marked, image.content, artist_name=trained.artist.artist_name)
        check_certificate(stack, generation_id, done, image.content)
        check_raw_is_out_of_reach(stack, raws.keys[generation_id], str(image.url))

    assert buyer.balance() == {
        "user_id": buyer.me["id"],
        "token_balance": 30,
        "escrowed_tokens": 0,
        "earned_token_balance": 0,
    }
    assert trained.artist.balance()["earned_token_balance"] == earned + 70
    assert told_to(stack, buyer) == {"generation_complete": 3}


class RawImages:
    """Holds the stamping worker while raw images lie in storage, to know what was signed."""

    def __init__(self, stack) -> None:
        self.stack = stack
        self.keys: dict[int, str] = {}
        self.data: dict[int, bytes] = {}
        stack.stamper.send(signal.SIGSTOP)

    def collect(self, ids: list[int]) -> None:
        try:
            wait_for(
                lambda: self._all_rendered(ids),
                "all raw images",
                seconds=120,
                every=0.2,
                explain=self.stack.tails,
            )
        finally:
            self.stack.stamper.send(signal.SIGCONT)

    def _all_rendered(self, ids: list[int]) -> bool:
        for row in self.stack.rows(
            "SELECT ref, handover ->> 'raw_key' AS key FROM jobs"
            " WHERE kind = 'generation' AND ref = ANY(:ids)",
            ids=ids,
        ):
            if row.key and row.ref not in self.data:
                self.keys[row.ref] = row.key
                self.data[row.ref] = self.stack.storage.get(row.key)
        return len(self.data) == len(ids)


def marked_image(stack, generation_id: int, raw_png: bytes) -> Image.Image:
    """The raw image with the watermark of its order."""
    number = stack.value(
        "SELECT watermark_number FROM generations WHERE id = :id", id=generation_id
    )
    key = DEVELOPMENT_WATERMARK_KEY.encode()
    return watermark.embed(_open(raw_png), number % 2**64, key)


def check_signed(marked_image: Image.Image, signed_png: bytes, *, artist_name: str) -> None:
    """The signature is visible in its box at the bottom right; the rest is the marked image."""
    marked, signed = (np.asarray(each).astype(int) for each in (marked_image, _open(signed_png)))
    drawing = Image.open(io.BytesIO(signature_png()))
    box = placement(marked_image.size, prepare_ink(drawing).size)
    differs = np.abs(signed - marked).max(axis=2)
    inside = np.zeros_like(differs, dtype=bool)
    inside[box.top : box.bottom, box.left : box.right] = True
    assert box.right > marked_image.width * 0.9
    assert box.bottom > marked_image.height * 0.9
    # Two processes may round a few values of the watermark's transforms to the other side.
    assert differs[~inside].max() <= 1
    assert (differs[~inside] > 0).mean() < 1e-4
    assert (differs[inside] > 25).mean() > 0.02, "the signature cannot be seen"
    written = read_provenance(signed_png)
    assert written is not None
    assert written.creator == artist_name


def _open(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")


def check_certificate(stack, generation_id: int, done: dict, image: bytes) -> None:
    [row] = stack.rows("SELECT * FROM certificates WHERE generation_id = :id", id=generation_id)
    assert row.image_sha256 == hashlib.sha256(image).hexdigest()
    assert row.public_id == done["license"]["public_id"]
    assert row.status == "valid"
    assert (row.width, row.height) == (done["width"], done["height"])
    written = read_provenance(image)
    assert written is not None
    assert written.licence_id == row.public_id
    assert written.generation_id == generation_id


def check_raw_is_out_of_reach(stack, raw_key: str, signed_url: str) -> None:
    """Nobody reaches the raw image: not by guessing, not with another object's signature."""
    query = signed_url.partition("?")[2]
    for url in (
        f"{stack.site}/storage/{raw_key}",
        f"{stack.site}/storage/{raw_key}?{query}",
        f"{stack.site}/storage/images/../{raw_key}?{query}",
        f"{stack.site}/static/../{raw_key}",
        f"{stack.site}/objects/{raw_key}",
    ):
        assert httpx.get(url).status_code in {403, 404}, url
    assert stack.storage.head(raw_key) is None
    kept = stack.storage.presigned_get(raw_key, expires_in=timedelta(minutes=1))
    assert httpx.get(kept).status_code == 404


def test_an_image_is_watched_until_its_stream_ends(stack, trained, person):
    stack.use_engine(REAL_ENGINE)
    buyer = person()
    ordered = buyer.order(trained.id, count=2).json()["data"]
    first, second = ordered["batch"]["generation_ids"]
    streams: dict[int, list] = {}

    def follow(generation_id: int) -> None:
        streams[generation_id] = list(buyer.events(f"/generations/{generation_id}/events"))

    threads = [threading.Thread(target=follow, args=(each,)) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    for generation_id in (first, second):
        events = streams[generation_id]
        assert events[-1][0] == "end"
        assert events[-1][1]["status"] == "completed"
        assert all(event == "update" for event, _ in events[:-1])
        assert events[-1][1]["id"] == generation_id
    seeds = [streams[each][-1][1]["seed"] for each in (first, second)]
    assert seeds[1] == (seeds[0] + 1) % 2**32
