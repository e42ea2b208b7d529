import pytest

from tests import making
from tests.statements import statements
from webapp.domain import market
from webapp.domain.services import style_views


@pytest.fixture
def address(style) -> str:
    return f"/api/v1/styles/{style.id}/statistics"


def test_an_artist_reads_the_numbers_of_a_style(session, artist_client, style, address):
    for _ in range(4):
        style_views.count(session, style_id=style.id, day=market.today())
    session.commit()
    data = artist_client.get(address).json["data"]
    assert (data["style_id"], data["style_name"], data["period"]) == (style.id, style.name, 30)
    assert (len(data["days"]), data["tags"]) == (30, [])
    numbers = {"views": 4, "orders": 0, "pictures": 0, "tokens": 0, "conversion_percent": 0}
    assert data["totals"] == numbers
    assert data["days"][-1] == {"day": str(market.today())} | numbers


@pytest.mark.parametrize("days", ["7", "90"])
def test_a_period_is_chosen(artist_client, address, days):
    answer = artist_client.get(address, query_string={"days": days})
    assert len(answer.json["data"]["days"]) == int(days)


@pytest.mark.parametrize("days", ["0", "8", "-7", "7.5", "many", "", "9" * 40, "7\0", "30; DROP"])
def test_other_periods_are_refused(artist_client, address, days):
    answer = artist_client.get(address, query_string={"days": days})
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "VALIDATION_ERROR")


def test_others_learn_nothing(session, client, buyer_client, sign_in, artist_client, address):
    another = making.artist(session)
    session.commit()
    assert client.get(address).status_code == 401
    strangers = [buyer_client, sign_in(session.get(making.User, another.user_id))]
    for stranger in strangers:
        answer = stranger.get(address)
        assert (answer.status_code, answer.json["error"]["code"]) == (404, "STYLE_NOT_FOUND")
    assert artist_client.get("/api/v1/styles/999999999/statistics").status_code == 404


def test_it_takes_few_statements_however_much_was_sold(session, storage, artist_client, style):
    def asked() -> int:
        with statements(session) as seen:
            answer = artist_client.get(f"/api/v1/styles/{style.id}/statistics")
        assert answer.status_code == 200
        return len(seen)

    before = asked()
    for _ in range(3):
        [picture] = making.order(session, making.user(session), style)
        making.finish(session, storage, picture)
    session.commit()
    assert asked() == before <= 5
