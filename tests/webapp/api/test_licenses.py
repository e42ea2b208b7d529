import pytest
from sqlalchemy import func, select, update

from tests import making
from tests.webapp.conftest import error_code
from webapp.domain.models.generation import Generation
from webapp.domain.models.license import Certificate


def test_everybody_can_read_the_certificate_of_a_public_image(
    client, buyer, style, ordered, finish
):
    image = finish(ordered, is_public=True)
    shown = client.get(f"/api/v1/licenses/{image.license_public_id}").json["data"]
    assert shown["public_id"] == image.license_public_id
    assert (shown["status"], shown["license_type"]) == ("valid", "commercial")
    assert shown["style"] == {"id": style.id, "name": style.name}
    assert shown["artist"]["id"] == style.artist_id
    assert (shown["licensee"], shown["generation_id"]) == (buyer.username, image.id)
    assert shown["image"]["sha256"] == "a" * 64
    assert shown["adapter_sha256"] == image.adapter_sha256
    assert shown["signature_applied"] is True
    assert int(shown["watermark_id"], 16) == image.watermark_number
    assert len(shown["watermark_id"]) == 16


def test_the_certificate_of_a_private_image_names_neither_buyer_nor_image(client, ordered, finish):
    image = finish(ordered)
    shown = client.get(f"/api/v1/licenses/{image.license_public_id}").json["data"]
    assert (shown["licensee"], shown["generation_id"], shown["preview_url"]) == (None, None, None)


@pytest.mark.parametrize("is_public", [True, False])
def test_the_legal_name_of_an_order_is_on_its_certificates_while_they_are_public(
    buyer_client, client, session, style, finish, is_public
):
    order = {"style_id": style.id, "prompt_tags": ["sea"], "count": 2, "legal_name": " 하늘 Ltd. "}
    answer = buyer_client.post("/api/v1/generations", json=order)
    assert answer.status_code == 201, answer.json
    made = session.scalars(
        select(Generation).where(Generation.order_id == answer.json["data"]["batch_id"])
    ).all()
    assert len(made) == 2
    for image in [finish(each, is_public=is_public) for each in made]:
        shown = client.get(f"/api/v1/licenses/{image.license_public_id}").json["data"]
        assert shown["licensee_legal_name"] == ("하늘 Ltd." if is_public else None)


@pytest.mark.parametrize("name", ["x" * 121, "Har\u200bbour", 7, ["Harbour"]])
def test_a_wrong_legal_name_orders_nothing(buyer_client, session, style, name):
    order = {"style_id": style.id, "prompt_tags": ["sea"], "legal_name": name}
    answer = buyer_client.post("/api/v1/generations", json=order)
    assert (answer.status_code, [*answer.json["error"]["details"]["fields"]]) == (
        422,
        ["legal_name"],
    )
    assert session.scalar(select(func.count()).select_from(Generation)) == 0


def test_without_a_legal_name_a_certificate_names_only_the_user(client, ordered, finish, buyer):
    image = finish(ordered, is_public=True)
    shown = client.get(f"/api/v1/licenses/{image.license_public_id}").json["data"]
    assert (shown["licensee"], shown["licensee_legal_name"]) == (buyer.username, None)


def test_an_unknown_or_unfinished_licence_is_not_found(client, ordered):
    for public_id in ("L_nothing", "L%00", ordered.license_public_id):
        answer = client.get(f"/api/v1/licenses/{public_id}")
        assert (answer.status_code, error_code(answer)) == (404, "NOT_FOUND")


def test_a_copy_of_a_certificate_may_be_kept_for_a_minute(client, session, ordered, finish):
    image = finish(ordered, is_public=True)
    address = f"/api/v1/licenses/{image.license_public_id}"
    answer = client.get(address)
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    tag = answer.headers["ETag"]
    same = client.get(address, headers={"If-None-Match": tag})
    assert (same.status_code, same.data) == (304, b"")
    revoke(session, image)
    changed = client.get(address, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json["data"]["status"]) == (200, "revoked")
    client.set_cookie("lang", "ko")
    assert client.get(address).headers["Cache-Control"] == "private, max-age=60"


def test_programs_read_which_certificates_are_revoked(
    client, session, storage, buyer, style, finish
):
    made = [making.order(session, buyer, style)[0] for _ in range(3)]
    session.commit()
    finished = [finish(each) for each in made]
    for image in finished[:2]:
        revoke(session, image)
    first = client.get("/api/v1/licenses/revoked?limit=1").json["data"]
    second = client.get(f"/api/v1/licenses/revoked?cursor={first['next_cursor']}").json["data"]
    assert [each["public_id"] for each in first["results"] + second["results"]] == [
        image.license_public_id for image in reversed(finished[:2])
    ]
    assert second["has_more"] is False


def revoke(session, image):
    session.execute(
        update(Certificate)
        .where(Certificate.generation_id == image.id)
        .values(status="revoked", revoked_at=func.clock_timestamp())
    )
    session.commit()
