import pytest
from sqlalchemy import update

from tests import making
from tests.statements import statements
from tests.webapp.conftest import error_code
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation
from webapp.domain.queries import users as user_queries
from webapp.domain.queries.viewing import Viewer

USERS = "/api/v1/users"


def test_everybody_may_know_who_somebody_is(client, session, storage):
    storage.put("profiles/1.png", making.signature_png(), content_type="image/png")
    person = making.user(session, bio="I draw.", profile_image_key="profiles/1.png")
    session.commit()
    answer = client.get(f"{USERS}/{person.id}")
    assert answer.status_code == 200
    data = answer.json["data"]
    assert "/profiles/1.png" in data.pop("profile_image")
    assert data == {
        "id": person.id,
        "username": person.username,
        "display_name": person.username,
        "bio": "I draw.",
        "role": "user",
        "created_at": data["created_at"],
        "is_following": None,
        "artist": None,
        "stats": {"total_generations": 0, "public_generations": 0, "following_count": 0},
    }


def test_an_artist_is_shown_without_e_mail_and_signature(client, session, artist):
    answer = client.get(f"{USERS}/{artist.user_id}")
    assert answer.json["data"]["artist"] == {
        "id": artist.user_id,
        "artist_name": artist.artist_name,
        "follower_count": 0,
    }
    email = session.get(User, artist.user_id).email
    assert email not in answer.text
    assert "signature" not in answer.text


def test_only_signed_in_people_are_told_whether_they_follow(client, buyer_client, buyer, artist):
    def is_following(somebody, person_id):
        return somebody.get(f"{USERS}/{person_id}").json["data"]["is_following"]

    buyer_client.post(f"{USERS}/{artist.user_id}/follow")
    assert is_following(client, artist.user_id) is None
    assert is_following(buyer_client, artist.user_id) is True
    assert is_following(buyer_client, buyer.id) is False


def test_numbers_count_what_was_finished_shown_and_followed(
    client, buyer_client, buyer, session, style, shown, finish, artist, admirer
):
    private, flagged = making.order(session, buyer, style, count=2)
    finish(private)
    finish(flagged, is_public=True)
    session.execute(update(Generation).where(Generation.id == flagged.id).values(is_flagged=True))
    making.order(session, buyer, style)  # is not finished
    finish(making.order(session, admirer, style)[0], is_public=True)  # somebody else's
    session.commit()
    for person_id in (artist.user_id, admirer.id):
        buyer_client.post(f"{USERS}/{person_id}/follow")

    def stats():
        return client.get(f"{USERS}/{buyer.id}").json["data"]["stats"]

    assert stats() == {"total_generations": 3, "public_generations": 1, "following_count": 2}
    session.execute(update(User).where(User.id == admirer.id).values(is_active=False))
    session.commit()
    assert stats()["following_count"] == 1


def test_a_closed_account_is_not_found(client, artist_client, session, admirer):
    session.execute(update(User).where(User.id == admirer.id).values(is_active=False))
    session.commit()
    for person_id in (admirer.id, 10**9, 10**30):
        for somebody in (client, artist_client):
            answer = somebody.get(f"{USERS}/{person_id}")
            assert (answer.status_code, error_code(answer)) == (404, "NOT_FOUND")
            assert answer.json["error"]["details"]["resource"] == "user"


@pytest.mark.parametrize("viewer", [Viewer(), Viewer(user_id=1)])
def test_a_profile_takes_one_statement(session, storage, buyer, viewer):
    with statements(session) as seen:
        user_queries.profile(session, storage, user_id=buyer.id, viewer=viewer)
    assert len(seen) == 1
