"""A wall painted in an artist's style, over HTTP, with the real engine: paid, signed, certified."""

import hashlib
import io

import numpy as np
from PIL import Image

from gpu.segmenting.masks import grown
from gpu.segmenting.scenes.rooms import draw_room
from tests.stack_fixtures import told_to
from tests.waiting import wait_for
from webapp.embedded.sets_visitor import AlbumPhoto, SetsVisitor

SIZE = 360, 270


def pixels(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def test_a_wall_is_painted_in_a_style_and_its_artist_is_paid_once(stack, trained, person):
    photo = AlbumPhoto("room.jpg", "living", draw_room(5, SIZE))
    somebody = person("Yuna")
    with SetsVisitor(stack.site) as visitor:
        job_id = visitor.upload("interior", [photo])
        wall = visitor.click(job_id, 0, "Wall", photo.scene.mask("Wall"))
        mask = visitor.mask(wall, photo.scene.mask("Wall").shape)
        somebody.post("/sets/auth/adopt", headers={"Authorization": visitor.authorization})
        account = somebody.get("/sets/me")["user_id"]
        # The plan pro has no watermark, which would lie beside the wall.
        change = "UPDATE sets_accounts SET pro_until = now() + interval '1 day'"
        stack.execute(f"{change} WHERE public_id = :id", id=account)
        earned = trained.artist.balance()["earned_token_balance"]
        setting = {"action": "restyle", "value": str(trained.id), "options": {"strength": 0.8}}
        body = {"concepts": {"Wall": setting}, "protect": []}
        somebody.post(f"/sets/jobs/{job_id}/execute", json=body)
        path = f"/sets/jobs/{job_id}"
        job = wait_for(
            lambda: (found := somebody.get(path))["status"] in {"done", "failed"} and found,
            "the album to be painted",
            seconds=180,
            every=0.3,
            explain=lambda: somebody.get(path),
        )
        assert job["status"] == "done", job["items"]
        after = pixels(visitor.file(job["outputs_ready"][0]["result_url"]))

    before = pixels(photo.data)
    outside = ~grown(mask)
    assert np.array_equal(before[outside], after[outside])
    assert (before[mask] != after[mask]).any(axis=1).mean() > 0.9

    [ordered] = job["items"][0]["restyles"]
    assert (ordered["concept"], ordered["price_tokens"]) == ("Wall", 10)
    assert trained.artist.balance()["earned_token_balance"] == earned + 10
    public_id = ordered["certificate_url"].rpartition("/")[2]
    certificate = somebody.get(f"/licenses/{public_id}")
    photo_sha256 = hashlib.sha256(photo.data).hexdigest()
    assert certificate["photo"] == {"sha256": photo_sha256, "concept": "Wall"}
    assert told_to(stack, somebody) == {"set_job_complete": 1}
    assert stack.violations() == []
