from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import func, select, text, update

from tests import making
from tests.database import at_once
from tests.webapp.conftest import error_code, repeated_while_unavailable, signed_in_client
from webapp.domain.models.generation import Generation
from webapp.domain.models.ledger import Transfer
from webapp.domain.models.style import Style
from webapp.domain.services import base_models

GENERATIONS = "/api/v1/generations"


def body(style, **changes):
    return {"style_id": style.id, "prompt_tags": ["Boat", "sea "]} | changes


def money(client):
    return client.get("/api/v1/tokens/balance").json["data"]


def test_an_order_holds_its_price_and_answers_with_the_owners_view(buyer_client, buyer, style):
    answer = buyer_client.post(
        GENERATIONS,
        json=body(
            style,
            seed=42,
            aspect_ratio="1:2",
            description="<p>Evening at the pier</p>",
            negative_tags=["blurry"],
            price_tokens=1,
            user_id=999,
        ),
    )
    assert answer.status_code == 201, answer.json
    data = answer.json["data"]
    assert answer.headers["Location"] == f"{GENERATIONS}/{data['id']}"
    assert data["user"] == {
        "id": buyer.id,
        "username": buyer.username,
        "display_name": buyer.username,
        "profile_image": None,
    }
    assert data["style"]["id"] == style.id
    assert data["style"]["artist"]["id"] == style.artist_id
    expected = {
        "status": "queued",
        "progress": None,
        "prompt_tags": ["boat", "sea"],
        "negative_tags": ["blurry"],
        "description": "<p>Evening at the pier</p>",
        "aspect_ratio": "1:2",
        "width": 512,
        "height": 1024,
        "seed": 42,
        "style_strength": 1.0,
        "price_tokens": 20,
        "consumed_tokens": 20,
        "refunded": False,
        "attempt": 1,
        "next_retry_at": None,
        "failure": None,
        "result_url": None,
        "preview_url": None,
        "thumbnail_url": None,
        "license": None,
        "is_public": False,
        "is_liked": False,
        "like_count": 0,
        "comment_count": 0,
        "completed_at": None,
        "unknown_tags": [],
    }
    assert {name: data[name] for name in expected} == expected
    assert data["batch"] == {
        "id": data["batch_id"],
        "count": 1,
        "generation_ids": [data["id"]],
        "total_price_tokens": 20,
    }
    assert money(buyer_client) == {
        "user_id": buyer.id,
        "token_balance": 80,
        "escrowed_tokens": 20,
        "earned_token_balance": 0,
    }
    del data["batch"], data["unknown_tags"]
    assert buyer_client.get(answer.headers["Location"]).json["data"] == data


@pytest.mark.parametrize("ratio, price", [("1:1", 10), ("1:2", 20), ("2:2", 40)])
def test_a_larger_picture_costs_more_and_is_expected_to(
    session, buyer_client, style, finish, ratio, price
):
    order = body(style, aspect_ratio=ratio, count=2)
    preview = buyer_client.post(f"{GENERATIONS}/preview", json=order)
    assert preview.json["data"]["total_price_tokens"] == 2 * price
    for wrong in {10, 20, 40, 80} - {price}:
        refused = buyer_client.post(GENERATIONS, json=order | {"expected_price_tokens": wrong})
        assert (refused.status_code, error_code(refused)) == (409, "PRICE_CHANGED")
        assert refused.json["error"]["details"] == {"price_tokens": price}
    assert money(buyer_client)["token_balance"] == 100
    made = buyer_client.post(GENERATIONS, json=order | {"expected_price_tokens": price})
    assert made.json["data"]["price_tokens"] == price
    assert made.json["data"]["batch"]["total_price_tokens"] == 2 * price
    assert money(buyer_client)["escrowed_tokens"] == 2 * price
    finish(session.get(Generation, made.json["data"]["id"]))
    assert money(buyer_client)["escrowed_tokens"] == price
    spent = buyer_client.get("/api/v1/tokens/transactions?type=usage").json["data"]["results"]
    assert {abs(each["amount"]) for each in spent} == {price}


def test_a_later_price_leaves_what_was_ordered(buyer_client, session, style):
    made = buyer_client.post(GENERATIONS, json=body(style)).json["data"]
    session.execute(update(Style).values(price_tokens=99))
    session.commit()
    assert buyer_client.get(f"{GENERATIONS}/{made['id']}").json["data"]["price_tokens"] == 10


def test_an_order_of_three_has_three_ids_seeds_and_charges(buyer_client, style, session):
    data = buyer_client.post(GENERATIONS, json=body(style, count=3, seed=4294967294)).json["data"]
    ids = data["batch"]["generation_ids"]
    seen = [buyer_client.get(f"{GENERATIONS}/{each}").json["data"] for each in ids]
    assert [each["seed"] for each in seen] == [4294967294, 4294967295, 0]
    assert len({each["id"] for each in seen}) == 3
    assert money(buyer_client)["escrowed_tokens"] == 30
    assert data["batch"]["total_price_tokens"] == 30


def test_without_a_seed_the_answer_still_has_one(buyer_client, style):
    seed = buyer_client.post(GENERATIONS, json=body(style)).json["data"]["seed"]
    assert 0 <= seed < 2**32


def test_too_few_tokens_are_said_with_what_is_needed(sign_in, session, style):
    poor = sign_in(making.user(session, tokens=19))
    answer = poor.post(GENERATIONS, json=body(style, count=2))
    assert (answer.status_code, error_code(answer)) == (402, "INSUFFICIENT_TOKENS")
    assert answer.json["error"]["details"] == {"required": 20, "available": 19}
    assert money(poor)["token_balance"] == 19
    assert session.scalar(select(func.count()).select_from(Generation)) == 0


def test_parallel_orders_spend_each_token_once(real_app, committed, storage):
    with committed() as session:
        style = making.style(session, storage)
        poor = making.user(session, tokens=35)
        session.commit()
        clients = [signed_in_client(real_app, session, poor) for _ in range(6)]

    def order(client):
        return client.post(GENERATIONS, json=body(style)).status_code

    codes = at_once(*(lambda client=client: order(client) for client in clients))
    assert sorted(codes) == [201, 201, 201, 402, 402, 402]
    assert money(clients[0])["token_balance"] == 5


def test_a_hundred_parallel_orders_against_money_for_sixty(real_app, committed, storage):
    with committed() as session:
        style, buyer = making.style(session, storage), making.user(session, tokens=600)
        session.commit()
        clients = [signed_in_client(real_app, session, buyer) for _ in range(100)]

    def buy(client):
        return repeated_while_unavailable(lambda: client.post(GENERATIONS, json=body(style)))

    answers = at_once(*(partial(buy, client) for client in clients))
    codes = [answer.status_code for answer in answers]
    assert (codes.count(201), codes.count(402)) == (60, 40)
    stands = money(clients[0])
    assert (stands["token_balance"], stands["escrowed_tokens"]) == (0, 600)
    with committed() as session:
        assert session.scalar(select(func.count()).select_from(Generation)) == 60
        assert making.violations(session) == []


def test_the_same_key_and_body_are_one_order(buyer_client, session, style):
    key = {"Idempotency-Key": "key-of-an-order"}
    first = buyer_client.post(GENERATIONS, json=body(style), headers=key)
    again = buyer_client.post(GENERATIONS, json=body(style), headers=key)
    alias = buyer_client.post("/api/images/generate", json=body(style), headers=key)
    assert "Idempotent-Replayed" not in first.headers
    for replay in (again, alias):
        assert (replay.status_code, replay.headers["Idempotent-Replayed"]) == (201, "true")
        assert replay.json["data"] == first.json["data"]
        assert replay.headers["Location"] == first.headers["Location"]
    other = buyer_client.post(GENERATIONS, json=body(style, seed=1), headers=key)
    assert (other.status_code, error_code(other)) == (409, "IDEMPOTENCY_CONFLICT")
    assert other.json["error"]["details"] == {"reason": "body_mismatch"}
    assert money(buyer_client)["escrowed_tokens"] == 10


def test_a_refused_order_leaves_its_key_free_for_after_the_top_up(sign_in, session, style):
    poor = making.user(session, tokens=5)
    client, key = sign_in(poor), {"Idempotency-Key": "key-of-an-order"}
    assert client.post(GENERATIONS, json=body(style), headers=key).status_code == 402
    making.ledger.grant(session, poor.id, 100, key="top-up")
    session.commit()
    assert client.post(GENERATIONS, json=body(style), headers=key).status_code == 201


def test_many_parallel_posts_with_one_key_are_one_order(real_app, committed, storage):
    with committed() as session:
        style, rich = making.style(session, storage), making.user(session)
        session.commit()
        clients = [signed_in_client(real_app, session, rich) for _ in range(8)]
    key = {"Idempotency-Key": "key-of-an-order"}
    answers = at_once(
        *(
            lambda client=client: client.post(GENERATIONS, json=body(style), headers=key)
            for client in clients
        )
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["data"]["id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    with committed() as session:
        assert session.scalar(select(func.count()).where(Transfer.kind == "hold")) == 1


@pytest.mark.parametrize(
    "column, value, code, status",
    [
        ("training_status", "pending", "STYLE_NOT_FOUND", 404),
        ("is_active", False, "STYLE_NOT_FOUND", 404),
        ("is_flagged", True, "STYLE_NOT_FOUND", 404),
        ("valid_from", text("current_date + 2"), "LICENSE_NOT_VALID", 422),
    ],
)
def test_a_style_that_is_not_for_sale_cannot_be_ordered(
    buyer_client, session, style, column, value, code, status
):
    session.execute(update(Style).values({column: value}))
    session.commit()
    answer = buyer_client.post(GENERATIONS, json=body(style))
    assert (answer.status_code, error_code(answer)) == (status, code)


def test_a_style_of_other_weights_is_refused_before_anything_is_charged(
    buyer_client, session, style
):
    style.base_model_sha256 = "a" * 64
    base_models.record_loaded(session, style.base_model, "b" * 64)
    session.commit()
    before = buyer_client.get("/api/v1/tokens/balance").json["data"]
    answer = buyer_client.post(GENERATIONS, json=body(style))
    assert (answer.status_code, error_code(answer)) == (422, "STYLE_OUTDATED")
    assert answer.json["error"]["details"] == {"style_id": style.id}
    assert buyer_client.get("/api/v1/tokens/balance").json["data"] == before
    assert buyer_client.get(f"/api/v1/styles/{style.id}").json["data"]["is_outdated"] is True


def test_an_artist_hears_that_the_own_style_is_not_ready(artist_client, session, style):
    session.execute(update(Style).values(training_status="pending"))
    session.commit()
    answer = artist_client.post(GENERATIONS, json=body(style))
    assert (answer.status_code, error_code(answer)) == (422, "STYLE_NOT_READY")
    assert answer.json["error"]["details"] == {"training_status": "pending"}


@pytest.mark.parametrize(
    "tags, code",
    [
        (["꽈배기"], "INVALID_TAG_LANGUAGE"),
        (["сat"], "INVALID_TAG_LANGUAGE"),
        (["<b>cat</b>"], "INVALID_TAG_LANGUAGE"),
        (["cat\x00"], "INVALID_TAG_LANGUAGE"),
        (["x" * 51], "VALIDATION_ERROR"),
        (["   "], "VALIDATION_ERROR"),
        ([f"tag {n}" for n in range(31)], "VALIDATION_ERROR"),
        (["tag"] * 10_000, "VALIDATION_ERROR"),
    ],
    ids=["hangul", "look-alike", "html", "nul", "long", "blank", "many", "10000"],
)
def test_prompt_tags_are_short_english_and_few(buyer_client, style, tags, code):
    for style_id in (style.id, 404404):  # the body is judged before what it names
        answer = buyer_client.post(
            GENERATIONS, json=body(style, style_id=style_id, prompt_tags=tags)
        )
        assert (answer.status_code, error_code(answer)) == (422, code)


def test_too_many_tags_are_counted_in_the_refusal(buyer_client, style):
    tags = [f"tag {number}" for number in range(36)]
    answer = buyer_client.post(GENERATIONS, json=body(style, prompt_tags=tags))
    fields = answer.json["error"]["details"]["fields"]
    assert fields == {"prompt_tags": ["1 to 30 tags; you wrote 36."]}


def test_korean_words_are_ordered_as_their_english_tags(buyer_client, session, style):
    order = body(style, prompt_tags=["고양이", "바다 boat"], negative_tags=["흐릿한"])
    made = buyer_client.post(GENERATIONS, json=order).json["data"]
    assert made["prompt_tags"] == ["cat", "sea boat"]
    [image] = session.scalars(select(Generation)).all()
    assert (image.prompt_tags, image.negative_tags) == (["cat", "sea boat"], ["blurry"])


def test_an_order_repeated_in_english_is_the_same_order(buyer_client, session, style):
    key = {"Idempotency-Key": "key-of-an-order"}
    orders = [
        buyer_client.post(GENERATIONS, json=body(style, prompt_tags=tags), headers=key)
        for tags in (["고양이"], ["냥이"], ["cat"])
    ]
    assert [answer.status_code for answer in orders] == [201, 201, 201]
    assert orders[2].headers["Idempotent-Replayed"] == "true"
    assert len({answer.json["data"]["id"] for answer in orders}) == 1
    assert session.scalar(select(func.count()).select_from(Generation)) == 1


def test_a_preview_of_korean_words_names_english_tags(client, style):
    answer = client.post(f"{GENERATIONS}/preview", json=body(style, prompt_tags=["고양이", "용"]))
    assert answer.json["data"]["unknown_tags"] == ["dragon"]


@pytest.mark.parametrize("field", ["prompt_tags", "negative_tags"])
def test_an_unknown_korean_word_is_named_with_its_field(buyer_client, style, field):
    answer = buyer_client.post(
        GENERATIONS, json=body(style, **{field: ["꽈배기"]}), headers={"Accept-Language": "ko"}
    )
    assert (answer.status_code, error_code(answer)) == (422, "INVALID_TAG_LANGUAGE")
    [text] = answer.json["error"]["details"]["fields"][field]
    assert text.startswith("태그는 영어 단어입니다. “꽈배기”")


@pytest.mark.parametrize("query", ["tags=바다", "tags=바다, 배", "tags_any=바다&tags_any=cat"])
def test_the_feed_is_filtered_by_korean_words(client, session, style, buyer, finish, query):
    sea = making.order(session, buyer, style, prompt_tags=["sea", "boat"])
    other = making.order(session, buyer, style, prompt_tags=["night"])
    session.commit()
    for image in (*sea, *other):
        finish(image, is_public=True)
    found = client.get(f"{GENERATIONS}/feed?{query}").json["data"]["results"]
    assert [each["id"] for each in found] == [sea[0].id]


def test_a_queued_image_is_canceled_once_with_a_full_refund(buyer_client, session, ordered):
    answer = buyer_client.post(f"{GENERATIONS}/{ordered.id}/cancel")
    assert answer.status_code == 200
    assert (answer.json["data"]["status"], answer.json["data"]["refunded"]) == ("canceled", True)
    assert money(buyer_client)["token_balance"] == 100
    again = buyer_client.post(f"{GENERATIONS}/{ordered.id}/cancel")
    assert (again.status_code, error_code(again)) == (409, "ALREADY_CANCELED")
    canceled_at = again.json["error"]["details"]["canceled_at"]
    assert canceled_at.endswith("Z")
    session.execute(update(Generation).values(updated_at=func.now() + timedelta(days=1)))
    session.commit()
    later = buyer_client.post(f"{GENERATIONS}/{ordered.id}/cancel")
    assert later.json["error"]["details"] == {"canceled_at": canceled_at}


def test_an_image_in_work_cannot_be_canceled(buyer_client, ordered, worker):
    report = {"generation_id": ordered.id, "attempt": 1, "progress": steps(10)}
    assert worker("PATCH", "/inference/progress", report).status_code == 200
    answer = buyer_client.post(f"{GENERATIONS}/{ordered.id}/cancel")
    assert (answer.status_code, error_code(answer)) == (409, "INVALID_TRANSITION")
    assert answer.json["error"]["details"] == {
        "from": "processing",
        "action": "cancel",
        "allowed": ["queued"],
    }


def steps(percent):
    return {"current_step": percent, "total_steps": 100, "progress_percent": percent}


def test_somebody_elses_image_cannot_be_canceled(sign_in, session, ordered):
    stranger = sign_in(making.user(session))
    answer = stranger.post(f"{GENERATIONS}/{ordered.id}/cancel")
    assert (answer.status_code, error_code(answer)) == (404, "GENERATION_NOT_FOUND")


def test_a_private_image_is_nobody_elses(client, sign_in, session, ordered, finish):
    finish(ordered)
    stranger = sign_in(making.user(session))
    for somebody in (client, stranger):
        for path in ("", "/image", "/events"):
            answer = somebody.get(f"{GENERATIONS}/{ordered.id}{path}")
            assert (answer.status_code, error_code(answer)) == (404, "GENERATION_NOT_FOUND")
    assert client.get(f"{GENERATIONS}/feed").json["data"]["results"] == []


def test_a_public_image_is_in_the_feed_without_what_is_its_owners(client, ordered, finish):
    finish(ordered, is_public=True)
    card = client.get(f"{GENERATIONS}/feed").json["data"]["results"][0]
    assert card["id"] == ordered.id
    assert set(card) == {
        "id",
        "user",
        "style",
        "preview_url",
        "thumbnail_url",
        "width",
        "height",
        "description",
        "tags",
        "like_count",
        "comment_count",
        "is_liked",
        "created_at",
    }
    public = client.get(f"{GENERATIONS}/{ordered.id}").json["data"]
    hidden = {"negative_tags", "price_tokens", "refunded", "attempt", "failure", "batch_id"}
    assert not hidden & set(public)
    assert public["license"]["url"] == f"http://localhost:8000/l/{public['license']['public_id']}"
    assert client.get(card["thumbnail_url"]).status_code == 200


def test_its_owner_shows_an_image_to_everybody_and_hides_it_again(
    buyer_client, client, ordered, finish
):
    finish(ordered)
    address = f"{GENERATIONS}/{ordered.id}"
    shown = buyer_client.patch(address, json={"is_public": True, "description": "Evening"})
    assert (shown.status_code, shown.json["data"]["is_public"]) == (200, True)
    assert client.get(address).json["data"]["description"] == "Evening"
    assert buyer_client.patch(address, json={"is_public": False}).status_code == 200
    assert client.get(address).status_code == 404


def test_an_unfinished_or_canceled_image_cannot_be_shown(buyer_client, ordered):
    address = f"{GENERATIONS}/{ordered.id}"
    waiting = buyer_client.patch(address, json={"is_public": True})
    assert (waiting.status_code, error_code(waiting)) == (409, "GENERATION_STILL_PROCESSING")
    buyer_client.post(f"{address}/cancel")
    canceled = buyer_client.patch(address, json={"is_public": True})
    assert (canceled.status_code, error_code(canceled)) == (409, "INVALID_TRANSITION")


def test_only_its_owner_changes_an_image(client, sign_in, session, ordered, finish):
    finish(ordered, is_public=True)
    stranger = sign_in(making.user(session))
    refused = stranger.patch(f"{GENERATIONS}/{ordered.id}", json={"is_public": False})
    assert (refused.status_code, error_code(refused)) == (403, "FORBIDDEN")
    assert refused.json["error"]["details"] == {"owner": False}
    session.execute(update(Generation).values(is_public=False))
    session.commit()
    admin = sign_in(making.user(session, role="admin"))
    for answer in (
        admin.patch(f"{GENERATIONS}/{ordered.id}", json={"is_public": True}),
        admin.post(f"{GENERATIONS}/{ordered.id}/cancel"),
    ):
        assert (answer.status_code, error_code(answer)) == (403, "FORBIDDEN")
    hidden = stranger.patch(f"{GENERATIONS}/{ordered.id}", json={"is_public": True})
    assert (hidden.status_code, error_code(hidden)) == (404, "GENERATION_NOT_FOUND")
    nobody = client.patch(f"{GENERATIONS}/{ordered.id}", json={"is_public": False})
    assert (nobody.status_code, error_code(nobody)) == (401, "UNAUTHORIZED")


def test_the_image_is_reached_through_a_short_lived_address(buyer_client, client, ordered, finish):
    waiting = buyer_client.get(f"{GENERATIONS}/{ordered.id}/image")
    assert (waiting.status_code, error_code(waiting)) == (409, "GENERATION_STILL_PROCESSING")
    finish(ordered)
    answer = buyer_client.get(f"{GENERATIONS}/{ordered.id}/image?variant=preview&download=1")
    assert answer.status_code == 302
    shown = client.get(answer.location)
    assert shown.mimetype == "image/png"
    assert f"style-license-{ordered.id}.png" in shown.headers["Content-Disposition"]
    assert buyer_client.get(f"{GENERATIONS}/{ordered.id}/image?variant=raw").status_code == 422


def test_the_full_file_is_not_for_everybody(
    client, buyer_client, artist_client, admin_client, sign_in, session, ordered, finish
):
    image = finish(ordered, is_public=True)
    path = f"{GENERATIONS}/{image.id}"
    for who in (buyer_client, artist_client, admin_client):
        assert "/storage/images/" in who.get(path).json["data"]["result_url"]
        assert "/storage/images/" in who.get(f"{path}/image?download=1").location
    for who in (client, sign_in(making.user(session))):
        seen = who.get(path).json["data"]
        assert seen["result_url"] is None
        assert "/storage/previews/" in seen["preview_url"]
        for query in ("", "?download=1", "?variant=full", "?variant=full&download=1"):
            answer = who.get(f"{path}/image{query}")
            assert (answer.status_code, "/storage/previews/" in answer.location) == (302, True)


def test_a_canceled_image_has_no_file(buyer_client, ordered):
    buyer_client.post(f"{GENERATIONS}/{ordered.id}/cancel")
    answer = buyer_client.get(f"{GENERATIONS}/{ordered.id}/image")
    assert (answer.status_code, error_code(answer)) == (404, "NOT_FOUND")


def test_a_flagged_image_is_hidden_from_all_but_its_owner(
    client, buyer_client, session, ordered, finish
):
    finish(ordered, is_public=True)
    session.execute(update(Generation).values(is_flagged=True))
    session.commit()
    assert client.get(f"{GENERATIONS}/{ordered.id}").status_code == 404
    assert buyer_client.get(f"{GENERATIONS}/{ordered.id}").status_code == 200


def test_the_feed_is_sorted_and_filtered(client, session, buyer, style, finish):
    other, style.base_model = making.user(session), "sd15"
    first = making.order(session, buyer, style, prompt_tags=["a", "b c"])[0]
    others_style = making.style(session, base_model="sd15")
    second = making.order(session, other, others_style, prompt_tags=["a"])[0]
    for image in (first, second):
        finish(image, is_public=True)
    session.execute(update(Generation).where(Generation.id == first.id).values(like_count=2))
    session.commit()
    for query, expected in {
        "": [second, first],
        "sort=created_at": [second, first],
        "sort=popular": [first, second],
        "tags=a,B%20%20c": [first],
        "tags_any=b c,d": [first],
        "tags_any=a": [second, first],
        "tags=a&tags_any=b c,d": [first],
        "tags=a&tags_any=d": [],
        f"style_id={style.id}": [first],
        f"artist_id={style.artist_id}": [first],
        f"user_id={other.id}": [second],
        f"user_id={other.id}&tags=b c": [],
    }.items():
        seen = client.get(f"{GENERATIONS}/feed?{query}").json["data"]["results"]
        assert [each["id"] for each in seen] == [each.id for each in expected], query


def test_pages_of_the_feed_are_20_20_5_also_when_an_image_is_added_meanwhile(
    client, session, buyer, style, finish
):
    making.ledger.grant(session, buyer.id, 10_000, key="for 46 images")
    start = session.scalar(select(func.now())) - timedelta(hours=1)
    for number in range(45):
        made = finish(making.order(session, buyer, style)[0], is_public=True)
        # Groups of images with one time: the id has to break the tie.
        session.execute(
            update(Generation)
            .where(Generation.id == made.id)
            .values(created_at=start + timedelta(seconds=number // 7))
        )
    session.commit()
    sizes, ids, cursor = [], [], None
    for page_number in range(3):
        query = {"limit": 20} | ({"cursor": cursor} if cursor else {})
        page = client.get(f"{GENERATIONS}/feed", query_string=query).json["data"]
        sizes.append(len(page["results"]))
        ids += [each["id"] for each in page["results"]]
        cursor = page["next_cursor"]
        assert page["has_more"] is (page_number < 2)
        if page_number == 0:
            finish(making.order(session, buyer, style)[0], is_public=True)
    assert (sizes, cursor) == ([20, 20, 5], None)
    assert len(set(ids)) == 45


def test_ones_own_images_are_filtered_by_state_and_openness(buyer_client, session, buyer, style):
    first, second = (making.order(session, buyer, style)[0] for _ in range(2))
    session.commit()
    buyer_client.post(f"{GENERATIONS}/{first.id}/cancel")

    def ids(query):
        found = buyer_client.get(f"{GENERATIONS}/me?{query}").json["data"]["results"]
        return [each["id"] for each in found]

    assert ids("") == [second.id, first.id]
    assert ids("status=canceled") == [first.id]
    assert ids("status=all&is_public=false") == [second.id, first.id]
    assert ids("is_public=true") == []
    assert ids(f"style_id={style.id + 1}") == []
    assert buyer_client.get(f"{GENERATIONS}/me?status=gone").status_code == 422


def test_an_image_has_other_names(buyer_client, ordered):
    paths = (f"{GENERATIONS}/{ordered.id}", f"/api/images/{ordered.id}/status/")
    first, second = (buyer_client.get(path).json["data"] for path in paths)
    assert first == second


def test_an_order_names_the_words_that_may_not_be_recognised(buyer_client, style):
    asked = body(style, prompt_tags=["Boat", "dragon", "red wyvern"])
    answer = buyer_client.post(GENERATIONS, json=asked)
    assert answer.status_code == 201, answer.json
    assert answer.json["data"]["unknown_tags"] == ["dragon", "red wyvern"]
    known = buyer_client.post(GENERATIONS, json=body(style))
    assert known.json["data"]["unknown_tags"] == []


def test_an_order_of_unknown_words_only_is_refused_and_charges_nothing(buyer_client, style):
    answer = buyer_client.post(GENERATIONS, json=body(style, prompt_tags=["Dragon", "wyvern"]))
    assert (answer.status_code, error_code(answer)) == (422, "UNKNOWN_TAGS")
    details = answer.json["error"]["details"]
    assert details["tags"] == ["dragon", "wyvern"]
    assert list(details["fields"]) == ["prompt_tags"]
    assert money(buyer_client)["token_balance"] == 100


def test_the_same_picture_twice_is_refused_with_the_owned_one_unless_insisted(buyer_client, style):
    first = buyer_client.post(GENERATIONS, json=body(style, seed=42)).json["data"]["id"]
    again = buyer_client.post(GENERATIONS, json=body(style, seed=42, description="Another text"))
    assert (again.status_code, error_code(again)) == (409, "DUPLICATE_PICTURE")
    assert again.json["error"]["details"] == {"generation_id": first, "generation_ids": [first]}
    assert money(buyer_client)["token_balance"] == 90

    insisting = buyer_client.post(GENERATIONS, json=body(style, seed=42, allow_duplicate=True))
    assert insisting.status_code == 201
    assert insisting.json["data"]["id"] != first
    assert money(buyer_client)["token_balance"] == 80


def test_a_retried_order_is_its_own_first_answer_and_no_duplicate(buyer_client, style):
    key = {"Idempotency-Key": "one-order-0001"}
    first, again = (
        buyer_client.post(GENERATIONS, json=body(style, seed=42), headers=key) for _ in range(2)
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json["data"]["id"] == again.json["data"]["id"]


def test_orders_without_a_seed_are_never_duplicates(buyer_client, style):
    answers = [buyer_client.post(GENERATIONS, json=body(style, count=2)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]


def test_a_preview_charges_nothing_and_needs_no_account(client, buyer_client, style):
    first = buyer_client.post(GENERATIONS, json=body(style, seed=42)).json["data"]["id"]
    asked = body(style, seed=42, count=3, prompt_tags=["boat", "sea"])
    mine = buyer_client.post(f"{GENERATIONS}/preview", json=asked)
    assert mine.status_code == 200, mine.json
    assert mine.json["data"] == {
        "total_price_tokens": 30,
        "unknown_tags": [],
        "is_any_known": True,
        "owned_generation_ids": [first],
    }
    anybody = client.post(
        f"{GENERATIONS}/preview", json=body(style, seed=42, prompt_tags=["dragon"])
    )
    assert anybody.json["data"] == {
        "total_price_tokens": 10,
        "unknown_tags": ["dragon"],
        "is_any_known": False,
        "owned_generation_ids": [],
    }
    assert money(buyer_client)["token_balance"] == 90


def test_a_preview_refuses_what_an_order_refuses(client, style):
    refused = [
        client.post(f"{GENERATIONS}/preview", json=body(style, **changes))
        for changes in ({"prompt_tags": ["꽈배기"]}, {"prompt_tags": []}, {"style_id": 10**9})
    ]
    assert [error_code(answer) for answer in refused] == [
        "INVALID_TAG_LANGUAGE",
        "VALIDATION_ERROR",
        "STYLE_NOT_FOUND",
    ]
