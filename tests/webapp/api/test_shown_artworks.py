import pytest
from sqlalchemy import select

from tests import making
from tests.webapp.conftest import error_code
from webapp.domain.models.api_key import Scope
from webapp.domain.models.audit import AuditEntry
from webapp.domain.models.notification import Notification, NotificationType
from webapp.domain.models.style import ArtworkStatus
from webapp.domain.queries import personal_data

REASON = "Shows somebody's face."


@pytest.fixture
def works(session, style):
    made = making.artworks(session, style, count=3)
    making.artworks(session, style, count=1, status=ArtworkStatus.REJECTED)
    session.commit()
    return made


def path(style):
    return f"/api/v1/styles/{style.id}/shown-artworks"


def chosen(*works, title=""):
    return {"artworks": [{"artwork_id": work.id, "title": title} for work in works]}


def show(session, style, works, titles):
    making.show_artworks(session, style, works, titles=titles)
    session.commit()


def states(answer):
    return [
        (each["place"], each["title"], each["state"]) for each in answer.json["data"]["artworks"]
    ]


def test_an_artist_chooses_and_takes_back(artist_client, style, works):
    assert states(artist_client.get(path(style))) == [(None, "", "private")] * 3
    answer = artist_client.put(
        path(style), json=chosen(works[2], works[0], title=" Pier  at\nnight ")
    )
    assert answer.status_code == 200
    assert answer.json["data"]["is_shown"] is True
    assert states(answer) == [
        (2, "Pier at night", "preparing"),
        (None, "", "private"),
        (1, "Pier at night", "preparing"),
    ]
    assert states(artist_client.put(path(style), json=chosen())) == [(None, "", "private")] * 3


def test_everybody_reads_what_is_shown_with_the_style_and_its_artist(
    client, artist_client, session, style, works
):
    show(session, style, works[:2], ["Pier", ""])
    expected = [
        {"place": 1, "title": "Pier", "width": 640, "height": 480},
        {"place": 2, "title": "", "width": 640, "height": 480},
    ]
    for reader in (client, artist_client):
        for address in (f"/styles/{style.id}", f"/users/{style.artist_id}/artist-page"):
            shown = reader.get(f"/api/v1{address}").json["data"]["shown_artworks"]
            urls = [each.pop("url") for each in shown]
            assert [each.pop("style") for each in shown] == [
                {"id": style.id, "name": style.name}
            ] * 2
            assert shown == expected
            assert all("/artwork-previews/" in url and "expires=" in url for url in urls)


@pytest.mark.parametrize("title", ["x" * 81, "in\u200bvisible"])
def test_a_wrong_title_is_refused_by_name(artist_client, style, works, title):
    answer = artist_client.put(path(style), json=chosen(works[0], title=title))
    assert answer.status_code == 422
    assert list(answer.json["error"]["details"]["fields"]) == ["artworks.0.title"]
    assert states(artist_client.get(path(style))) == [(None, "", "private")] * 3


def test_another_artwork_is_not_found(artist_client, session, storage, style, works):
    (other,) = making.artworks(session, making.style(session, storage), count=1)
    session.commit()
    answer = artist_client.put(path(style), json=chosen(works[0], other))
    assert (answer.status_code, error_code(answer)) == (404, "ARTWORK_NOT_FOUND")


def test_the_choice_is_the_artists(client, buyer_client, admin_client, style, works):
    assert client.get(path(style)).status_code == 401
    assert buyer_client.get(path(style)).status_code == 404
    assert buyer_client.put(path(style), json=chosen(works[0])).status_code == 403
    # Administrators look, and hide what is shown; they choose nothing.
    assert admin_client.get(path(style)).status_code == 200
    assert admin_client.put(path(style), json=chosen(works[0])).status_code == 403


def test_a_program_needs_the_scope_that_manages_styles(key_client, session, style, works):
    artist = session.get_one(making.User, style.artist_id)
    assert key_client(artist, Scope.READ).get(path(style)).status_code == 200
    assert key_client(artist, Scope.READ).put(path(style), json=chosen()).status_code == 403
    assert key_client(artist, Scope.MANAGE).put(path(style), json=chosen()).status_code == 200


def test_an_administrator_hides_a_work_and_shows_it_again(
    admin_client, client, artist_client, session, style, works
):
    show(session, style, works[:2], ["Pier", "Rain"])
    address = f"/api/v1/admin/artworks/{works[0].id}"
    listed = admin_client.get("/api/v1/admin/artworks").json["data"]["results"]
    assert [each["title"] for each in listed] == ["Rain", "Pier"]

    def seen():
        data = client.get(f"/api/v1/styles/{style.id}").json["data"]
        return [each["title"] for each in data["shown_artworks"]]

    body = {"is_flagged": True, "reason": REASON}
    for _ in range(2):
        assert admin_client.patch(address, json=body).json["data"]["is_flagged"] is True
    assert seen() == ["Rain"]
    # It is not shown either when it is chosen again.
    artist_client.put(path(style), json=chosen())
    session.commit()
    show(session, style, works[:2], ["Pier", "Rain"])
    assert seen() == ["Rain"]
    assert states(artist_client.get(path(style)))[0] == (1, "Pier", "hidden")
    assert admin_client.patch(address, json=body | {"is_flagged": False}).status_code == 200
    assert seen() == ["Pier", "Rain"]
    entries = session.execute(
        select(
            AuditEntry.object_type, AuditEntry.object_id, AuditEntry.after, AuditEntry.reason
        ).order_by(AuditEntry.id)
    ).all()
    assert entries == [
        ("artwork", str(works[0].id), {"is_flagged": hidden}, REASON) for hidden in (True, False)
    ]
    told = session.execute(
        select(Notification.recipient_id, Notification.target_id).where(
            Notification.type == NotificationType.ARTWORK_HIDDEN
        )
    ).all()
    assert told == [(style.artist_id, style.id)]
    notices = artist_client.get("/api/v1/notifications").json["data"]["results"]
    assert style.name in notices[0]["message"]


def test_an_administrator_finds_the_works_of_an_artist(
    admin_client, session, storage, style, works
):
    other = making.style(session, storage)
    show(session, other, making.artworks(session, other, count=1), ["Theirs"])
    show(session, style, works[:1], ["Mine"])

    def titles(query):
        data = admin_client.get(f"/api/v1/admin/artworks?{query}").json["data"]
        return [each["title"] for each in data["results"]]

    assert titles(f"user_id={style.artist_id}") == ["Mine"]
    assert titles("is_flagged=true") == []
    assert titles("limit=1") == ["Mine"]


def test_what_is_not_shown_is_no_business_of_administrators(admin_client, style, works):
    body = {"is_flagged": True, "reason": REASON}
    answer = admin_client.patch(f"/api/v1/admin/artworks/{works[0].id}", json=body)
    assert (answer.status_code, error_code(answer)) == (404, "ARTWORK_NOT_FOUND")


def test_a_copy_of_ones_data_names_the_choice(session, style, works):
    show(session, style, works[:1], ["Pier"])
    statement = personal_data.statements(style.artist_id)["artworks"]
    rows = session.execute(statement).mappings().all()
    assert [(row["shown_place"], row["shown_title"]) for row in rows] == [
        (1, "Pier"),
        (None, None),
        (None, None),
        (None, None),
    ]
