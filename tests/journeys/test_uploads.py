"""Works that go straight to storage by presigned uploads, good and bad ones among them."""

import httpx

from tests.images import encoded, half_of, jpeg, scene
from tests.stack import REAL_ENGINE
from tests.stack_fixtures import told_to, works

STYLE = {"description": "Sent straight to storage.", "price_tokens": 10, "license_type": "personal"}


def declare(artist, name, files):
    """Declare files and return the new style with where to put them."""
    return artist.post(
        "/styles",
        json=STYLE
        | {
            "name": name,
            "files": [
                {"filename": f"work {index}", "size": len(data), "content_type": content_type}
                for index, (data, content_type) in enumerate(files)
            ],
        },
    )


def put(upload, data):
    return httpx.request(upload["method"], upload["url"], content=data, headers=upload["headers"])


def test_works_sent_straight_to_storage_are_judged_one_by_one_and_learned(stack, person):
    stack.use_engine(REAL_ENGINE)
    artist = person("Theo")
    artist.become_artist("Theo Lindqvist")
    files = [(data, "image/png") for data in works(10, seed=2)]
    files.append((half_of(jpeg()), "image/jpeg"))
    files.append((encoded(scene(600, 600, seed=299), "JPEG", quality=95), "image/jpeg"))
    files.append((encoded(scene(600, 600, seed=299), "JPEG", quality=80), "image/jpeg"))
    style = declare(artist, "Quiet Lines", files)
    assert [upload["idx"] for upload in style["uploads"]] == list(range(13))

    for upload, (data, _) in list(zip(style["uploads"], files, strict=True))[:12]:
        assert put(upload, data).status_code == 200
    too_early = artist.send("POST", f"/styles/{style['id']}/confirm-upload")
    assert too_early.status_code == 409
    refusal = too_early.json()["error"]
    assert refusal["code"] == "UPLOAD_INCOMPLETE"
    assert refusal["details"]["missing"] == [12]

    [fresh] = refusal["details"]["uploads"]
    other_type = {"Content-Type": "text/html"}
    assert put(fresh | {"headers": other_type}, b"<html>").status_code == 403
    assert put(fresh, files[12][0]).status_code == 200
    artist.post(f"/styles/{style['id']}/confirm-upload")

    done = artist.trained(style["id"])
    assert done["training_status"] == "trained", done["failure"]
    assert done["validation"] == {"total": 13, "pending": 0, "valid": 11, "rejected": 2}
    assert {work["idx"]: work["code"] for work in done["artworks"] if work["code"]} == {
        10: "IMAGE_CORRUPT",
        12: "SIMILAR_IMAGE",
    }
    originals = stack.rows("SELECT upload_key FROM artworks WHERE style_id = :id", id=style["id"])
    assert all(stack.storage.head(row.upload_key) is None for row in originals)
    assert told_to(stack, artist) == {"style_trained": 1}


def test_too_few_good_works_end_the_style_and_its_artist_is_told_once(stack, person):
    artist = person("Ada")
    artist.become_artist("Ada Okafor")
    good = works(9, seed=3)
    files = [(data, "image/png") for data in [*good, half_of(good[0])]]
    style = declare(artist, "Half a Harbor", files)
    for upload, (data, _) in zip(style["uploads"], files, strict=True):
        assert put(upload, data).status_code == 200
    artist.post(f"/styles/{style['id']}/confirm-upload")
    done = artist.trained(style["id"])
    assert done["training_status"] == "failed"
    assert done["failure"]["cause"] == "INSUFFICIENT_IMAGES"
    assert told_to(stack, artist) == {"style_training_failed": 1}
