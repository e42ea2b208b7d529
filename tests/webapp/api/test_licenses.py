from tests.webapp.conftest import error_code


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


def test_an_unknown_or_unfinished_licence_is_not_found(client, ordered):
    for public_id in ("L_nothing", "L%00", ordered.license_public_id):
        answer = client.get(f"/api/v1/licenses/{public_id}")
        assert (answer.status_code, error_code(answer)) == (404, "NOT_FOUND")
