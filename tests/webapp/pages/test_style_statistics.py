import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select, update

from tests import making
from tests.webapp.pages.reading import Page
from webapp.domain import market
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Style
from webapp.domain.models.style_view import StyleView
from webapp.domain.services import style_views


@pytest.fixture
def sold(session, storage, style):
    """Three buyers who ordered pictures of fog, and what happened on this day."""
    for _ in range(3):
        [picture] = making.order(session, making.user(session), style, prompt_tags=["boat", "fog"])
        making.finish(session, storage, picture)
    session.add(StyleView(style_id=style.id, day=market.today(), views=24))
    session.commit()
    return style


def address(style, tail=""):
    return f"/studio/styles/{style.id}/statistics{tail}"


def test_an_artist_finds_the_numbers_from_the_studio_and_the_wallet(artist_client, sold):
    for page in ("/studio", "/wallet"):
        assert address(sold) in Page(artist_client.get(page)).links()
    page = Page(artist_client.get(address(sold)))
    for said in ("Views 24", "Orders 3", "Conversion 12.5 %", "Pictures sold 3", "Tokens 30"):
        assert said in page.text
    assert "fog 3 buyers" in page.text
    assert page.own_code() == []
    [chosen] = page.all("a", **{"aria-current": "page"})
    assert chosen["href"] == "?days=30"


def test_the_bars_are_those_of_the_table(artist_client, sold):
    page = Page(artist_client.get(address(sold, "?days=7")))
    heights = [float(each["height"]) for each in page.all("rect") if "class" not in each]
    assert heights == 2 * [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 100.0]
    assert [each["aria-label"] for each in page.all("svg", role="img")] == [
        "Views per day, highest: 24",
        "Pictures sold per day, highest: 3",
    ]
    assert f"{market.today()} 24 3 12.5 % 3 30" in page.text


SINCE = {
    "en": "Views of this style have been counted since {} (Seoul time).",
    "ko": "이 스타일의 조회수는 {} (서울 시간)부터 집계합니다.",
}
NEVER = {
    "en": "No view of this style has been counted yet.",
    "ko": "이 스타일의 조회수는 아직 집계되지 않았습니다.",
}


@pytest.mark.parametrize("language", ["en", "ko"])
def test_orders_from_before_views_were_counted_are_explained(
    session, artist_client, sold, language
):
    def text():
        answer = artist_client.get(address(sold), headers={"Accept-Language": language})
        return Page(answer).text

    today = market.today()
    said = SINCE[language].format(today)
    assert said not in text()
    earlier = datetime.now(UTC) - timedelta(days=3)
    first = session.scalar(select(Generation.id).where(Generation.style_id == sold.id).limit(1))
    session.execute(update(Generation).where(Generation.id == first).values(created_at=earlier))
    session.commit()
    assert said in text()
    session.execute(delete(StyleView))
    session.commit()
    assert said not in text()
    assert NEVER[language] in text()


def test_a_style_that_nobody_saw_says_so(artist_client, style):
    page = Page(artist_client.get(address(style)))
    assert "No views and no orders in this time." in page.text
    assert "No tag has been used by three buyers in this time." in page.text
    assert page.all("svg", role="img") == []


def test_an_earlier_style_keeps_its_numbers(session, artist_client, sold):
    session.execute(update(Style).where(Style.id == sold.id).values(is_active=False))
    session.commit()
    assert address(sold) in Page(artist_client.get("/studio")).links()
    assert "Views 24" in Page(artist_client.get(address(sold))).text


@pytest.mark.parametrize("language", ["en", "ko"])
def test_it_is_whole_in_both_languages(artist_client, sold, language):
    page = Page(artist_client.get(address(sold), headers={"Accept-Language": language}))
    assert page.all("html")[0]["lang"] == language
    assert len(page.all("h1")) == 1
    assert "%(" not in page.text


def test_the_days_are_sent_as_csv(session, artist_client, style):
    style_views.count(session, style_id=style.id, day=market.today())
    session.commit()
    answer = artist_client.get(address(style, ".csv?days=7"))
    assert answer.mimetype == "text/csv"
    name = f"style-license-statistics-{style.id}-7-days.csv"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    head, *days = csv.reader(io.StringIO(answer.text))
    assert head == ["day", "views", "orders", "pictures", "tokens", "conversion_percent"]
    assert len(days) == 7
    assert days[0][1:] == ["0", "0", "0", "0", ""]
    assert days[-1] == [str(market.today()), "1", "0", "0", "0", "0.0"]


@pytest.mark.parametrize("tail", ["", ".csv"])
def test_others_learn_nothing(client, buyer_client, style, tail):
    answer = client.get(address(style, tail))
    assert answer.headers["Location"] == f"/login?next={address(style, tail)}"
    assert buyer_client.get(address(style, tail)).status_code == 404


@pytest.mark.parametrize("days", ["8", "", "many", "9" * 40])
@pytest.mark.parametrize("tail", ["", ".csv"])
def test_other_periods_are_refused(artist_client, style, tail, days):
    assert artist_client.get(address(style, tail), query_string={"days": days}).status_code == 422
