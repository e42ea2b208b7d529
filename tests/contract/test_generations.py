"""docs/api.md over HTTP: orders, delivery, certificates, community."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from tests.contract.conftest import refused
from tests.images import encoded, scene


@pytest.fixture
def buyer(person):
    return person()


@pytest.fixture
def ordered(buyer, trained):
    """One queued image of the buyer's."""
    return buyer.order(trained["id"]).json()["data"]["id"]


@pytest.fixture
def delivered(buyer, ordered, worker):
    """One signed image of the buyer's."""
    worker.render(ordered)
    assert buyer.final(ordered)["status"] == "completed"
    return ordered


@pytest.fixture
def shown(buyer, delivered):
    """One image everybody may see."""
    answer = buyer.send("PATCH", f"/generations/{delivered}", json={"is_public": True})
    assert answer.json()["data"]["is_public"] is True
    return delivered


def refunds(buyer):
    return [row["amount"] for row in buyer.get("/tokens/transactions", type="refund")["results"]]


def test_25_the_price_is_frozen_and_lies_in_escrow(buyer, artist, trained, ordered):
    balance = buyer.balance()
    assert (balance["token_balance"], balance["escrowed_tokens"]) == (90, 10)
    changed = artist.send("PATCH", f"/styles/{trained['id']}", json={"price_tokens": 99})
    assert changed.json()["data"]["price_tokens"] == 99
    assert buyer.get(f"/generations/{ordered}")["price_tokens"] == 10


def test_26_six_at_once_with_money_for_three_are_three(service, person, artist, trained):
    artist.send("PATCH", f"/styles/{trained['id']}", json={"price_tokens": 33})
    buyer = person()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: buyer.order(trained["id"]), range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [402] * 3
    poor = next(answer for answer in answers if answer.status_code == 402)
    assert refused(poor)[1] == "INSUFFICIENT_TOKENS"
    assert poor.json()["error"]["details"]["required"] == 33
    assert buyer.balance()["token_balance"] == 1


def test_27_the_same_key_is_the_same_order(buyer, trained):
    first, again = (buyer.order(trained["id"], key="check-27-key") for _ in range(2))
    assert first.json()["data"]["id"] == again.json()["data"]["id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert buyer.balance()["token_balance"] == 90
    other = buyer.order(trained["id"], key="check-27-key", seed=8)
    assert refused(other) == (409, "IDEMPOTENCY_CONFLICT")


def test_28_three_images_have_three_seeds_and_the_seventh_has_to_wait(buyer, trained):
    made = buyer.order(trained["id"], count=3, seed=7).json()["data"]
    ids = made["batch"]["generation_ids"]
    assert len(set(ids)) == 3
    assert [buyer.get(f"/generations/{each}")["seed"] for each in ids] == [7, 8, 9]
    assert buyer.balance()["escrowed_tokens"] == 30
    chosen = buyer.order(trained["id"], count=3).json()["data"]["seed"]
    assert 0 <= chosen < 2**32
    assert refused(buyer.order(trained["id"])) == (429, "RATE_LIMIT_EXCEEDED")


def test_29_what_nobody_has_begun_can_be_canceled(buyer, ordered):
    path = f"/generations/{ordered}/cancel"
    canceled = buyer.post(path)
    assert (canceled["status"], canceled["refunded"]) == ("canceled", True)
    assert buyer.balance()["token_balance"] == 100
    assert refused(buyer.send("POST", path)) == (409, "ALREADY_CANCELED")


def test_29_what_is_being_drawn_cannot_be_canceled(buyer, ordered, worker):
    worker.claim("generation", ordered)
    answer = buyer.send("POST", f"/generations/{ordered}/cancel")
    assert refused(answer) == (409, "INVALID_TRANSITION")


def test_30_a_full_gpu_is_tried_again_and_a_bad_prompt_is_refunded_once(buyer, ordered, worker):
    job = worker.claim("generation", ordered)
    assert worker.fail(job, "GPU_OOM")["status"] == "retrying"
    assert refunds(buyer) == []
    second = worker.claim("generation", ordered)
    told = [worker.fail(second, "INVALID_PROMPT") for _ in range(3)]
    assert [answer["applied"] for answer in told] == [True, False, False]
    assert buyer.get(f"/generations/{ordered}")["status"] == "failed"
    assert refunds(buyer) == [10]


def test_31_delivery_pays_the_artist_exactly_once(buyer, artist, ordered, worker):
    job = worker.render(ordered)
    final = buyer.final(ordered)
    assert final["status"] == "completed"
    assert artist.balance()["earned_token_balance"] == 10
    progress = {"current_step": 50, "total_steps": 50, "progress_percent": 99}
    late = [
        worker.complete(job).json()["data"],
        worker.fail(job, "INVALID_PROMPT"),
        worker.call(
            "PATCH", "inference/progress", generation_id=ordered, attempt=1, progress=progress
        ).json()["data"],
    ]
    assert [answer["applied"] for answer in late] == [False] * 3
    assert artist.balance()["earned_token_balance"] == 10
    assert buyer.get(f"/generations/{ordered}")["result_url"] is not None


@pytest.mark.parametrize(
    "lie, reason",
    [
        ({"adapter_sha256": "0" * 64}, "adapter_mismatch"),
        ({"width": 256}, "wrong_size"),
        ({"image": encoded(scene(256, 256))}, "wrong_size"),
        ({"image": encoded(Image.new("RGB", (512, 512), "white"))}, "blank_image"),
        ({"sha256": "0" * 64}, "file_missing"),
    ],
    ids=["another adapter", "another size", "a smaller image", "nothing drawn", "another file"],
)
def test_32_a_result_that_breaks_a_guarantee_pays_nobody(artist, ordered, worker, lie, reason):
    answer = worker.complete(worker.claim("generation", ordered), **lie)
    assert refused(answer) == (422, "RESULT_REJECTED")
    assert answer.json()["error"]["details"]["reason"] == reason
    assert artist.balance()["earned_token_balance"] == 0


def test_32_without_a_readable_signature_nothing_is_delivered(
    service, buyer, artist, ordered, worker
):
    key = service.value("SELECT signature_key FROM artists WHERE user_id = :id", id=artist.me["id"])
    service.storage.put(key, b"no signature", content_type="image/png")
    worker.render(ordered)
    final = buyer.final(ordered)
    assert (final["status"], final["failure"]["cause"]) == ("failed", "SIGNATURE_FAILED")
    assert final["result_url"] is None
    assert buyer.balance()["token_balance"] == 100


def test_33_a_private_image_is_nobody_elses(buyer, person, nobody, delivered):
    other = person()
    paths = [f"/generations/{delivered}{end}" for end in ("", "/image", "/comments")]
    for path in paths:
        assert refused(nobody.get(f"/api/v1{path}")) == (404, "GENERATION_NOT_FOUND")
        assert refused(other.send("GET", path)) == (404, "GENERATION_NOT_FOUND")
    liked = other.send("POST", f"/generations/{delivered}/like")
    assert refused(liked) == (404, "GENERATION_NOT_FOUND")
    buyer.send("PATCH", f"/generations/{delivered}", json={"is_public": True})
    feed = nobody.get("/api/v1/generations/feed").json()["data"]["results"]
    assert delivered in [row["id"] for row in feed]


def test_34_a_like_counts_once_and_the_other_name_takes_turns(person, shown):
    admirer = person()
    assert admirer.send("POST", f"/generations/{shown}/like").status_code == 201
    again = admirer.send("POST", f"/generations/{shown}/like")
    assert refused(again) == (409, "DUPLICATE_LIKE")
    turns = [admirer.post(f"/images/{shown}/like")["is_liked"] for _ in range(2)]
    assert turns == [False, True]


def test_34_twenty_likes_at_once_are_twenty(person, shown):
    people = [person() for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        liked = list(pool.map(lambda each: each.send("POST", f"/generations/{shown}/like"), people))
    assert [answer.status_code for answer in liked] == [201] * 20
    assert people[0].get(f"/generations/{shown}")["like_count"] == 20


def test_35_replies_go_one_level_deep_and_go_with_their_comment(buyer, person, shown):
    path = f"/generations/{shown}/comments"
    talker = person()
    comment = talker.post(path, json={"content": "Lovely."})
    reply = buyer.post(path, json={"content": "Thanks!", "parent_id": comment["id"]})
    deeper = talker.send("POST", path, json={"content": "!", "parent_id": reply["id"]})
    assert refused(deeper) == (422, "REPLY_DEPTH_EXCEEDED")
    assert buyer.get(f"/generations/{shown}")["comment_count"] == 2
    assert talker.send("DELETE", f"/comments/{comment['id']}").status_code == 204
    assert buyer.get(path)["results"] == []
    assert buyer.get(f"/generations/{shown}")["comment_count"] == 0


def test_35_nobody_follows_or_tells_themselves(buyer, shown):
    followed = buyer.send("POST", f"/users/{buyer.me['id']}/follow")
    assert refused(followed) == (400, "SELF_FOLLOW_NOT_ALLOWED")
    buyer.post(f"/generations/{shown}/like")
    told = [row["type"] for row in buyer.get("/notifications")["results"]]
    assert told == ["generation_complete"]


def test_36_a_stream_begins_with_the_present_and_ends_with_the_end(buyer, person, ordered, worker):
    path = f"/generations/{ordered}"
    assert refused(person().send("GET", f"{path}/events")) == (404, "GENERATION_NOT_FOUND")
    present = buyer.get(path)
    seen = []
    for event, told in buyer.events(f"{path}/events"):
        if not seen:
            assert told == present
            worker.render(ordered)
        seen.append(event)
    assert (seen[0], seen[-1]) == ("update", "end")
    assert told["status"] == "completed"


def test_37_the_certificate_of_a_delivered_image_opens(buyer, nobody, delivered):
    license_of = buyer.get(f"/generations/{delivered}")["license"]
    certificate = nobody.get(f"/api/v1/licenses/{license_of['public_id']}").json()["data"]
    assert certificate["status"] == "valid"
    assert nobody.get(license_of["url"]).status_code == 200
