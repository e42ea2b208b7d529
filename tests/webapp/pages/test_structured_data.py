from tests.webapp.pages.reading import Page


def test_a_public_picture_is_licensable_for_image_search(client, image, style, artist):
    [data] = Page(client.get(f"/g/{image.id}")).structured
    assert data["@type"] == "ImageObject"
    assert data["license"] == f"http://localhost:8000/l/{image.license_public_id}"
    assert data["acquireLicensePage"] == f"http://localhost:8000/styles/{style.id}"
    assert data["creator"]["name"] == artist.artist_name
    assert artist.artist_name in data["creditText"]
    assert client.get(data["contentUrl"]).status_code in {200, 302}


def test_a_name_with_the_end_of_a_script_stays_data(client, session, image, artist):
    artist.artist_name = "</script><h1>Mina</h1>"
    session.commit()
    page = Page(client.get(f"/g/{image.id}"))
    assert len(page.all("h1")) == 1
    assert page.structured[0]["creator"]["name"] == artist.artist_name


def test_a_private_picture_offers_nothing_to_machines(buyer_client, ordered, finish):
    assert Page(buyer_client.get(f"/g/{finish(ordered).id}")).structured == []
