import csv
import io
from datetime import UTC, date, datetime

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from sqlalchemy import text, update

from tests import making
from tests.statements import statements
from tests.webapp.pages.reading import Page
from webapp.domain import market
from webapp.domain.models.account import Artist, Role, User
from webapp.domain.models.ledger import Transfer
from webapp.domain.queries import statements as statement_queries
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.queries.statements import Period
from webapp.domain.services import earnings, ledger, payouts
from webapp.domain.services.payouts import PayoutTerms
from webapp.pages import payment_words, statement_pdf, statements as statement_pages

TERMS = PayoutTerms(70, 100, 14)


def this_month():
    return f"{market.today():%Y-%m}"


def rows_of(client, month=None, **headers):
    answer = client.get(f"/wallet/statements/{month or this_month()}.csv", headers=headers)
    assert answer.status_code == 200
    assert answer.text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def move_back(session, transfer_ids, when):
    """Let transfers have happened earlier, as no code can."""
    session.execute(text("SET LOCAL session_replication_role = replica"))
    session.execute(update(Transfer).where(Transfer.id.in_(transfer_ids)).values(created_at=when))
    session.execute(text("SET LOCAL session_replication_role = DEFAULT"))


@pytest.fixture
def sell(session, storage, artist, buyer):
    making.ledger.grant(session, buyer.id, 100_000, key="for many pictures")
    styles = []

    def sold(name="Wet Paper", price=150):
        if not styles:
            styles.append(making.style(session, storage, of=artist, name=name))
        styles[0].price_tokens = price
        session.flush()
        [made] = making.order(session, buyer, styles[0])
        making.finish(session, storage, made)
        session.commit()
        return made

    return sold


@pytest.fixture
def busy(session, sell, artist):
    """A month in which everything happens; 390 tokens are left."""
    first, second, third = sell(), sell(), sell(price=400)
    admin = making.user(session, role=Role.ADMIN)
    earnings.convert(session, artist.user_id, 60)
    earnings.reverse(session, first)
    withdrawn = payouts.request(session, artist.user_id, 100, TERMS)
    payouts.withdraw(session, artist.user_id, withdrawn)
    settled = payouts.request(session, artist.user_id, 100, TERMS)
    payouts.settle(
        session,
        admin_id=admin.id,
        payout_id=settled,
        paid_krw=6_769,
        reference="=KB 0042",
        note="Tax withheld.",
    )
    session.commit()
    return first, second, third


def test_a_statement_lists_everything_and_adds_up_to_the_ledger(
    artist_client, busy, artist, session
):
    rows = rows_of(artist_client)
    assert [row["kind"] for row in rows] == [
        "opening",
        *("payout", "payout", "payout", "conversion", "reversal"),
        *("payout_request", "payout_return", "payout_request", "payout_settlement"),
        "closing",
    ]
    tokens = [int(row["tokens"]) for row in rows[1:-1]]
    assert tokens == [150, 150, 400, -60, -150, -100, 100, -100, 0]
    earned = ledger.balances(session, artist.user_id).earned
    assert int(rows[0]["balance"]) + sum(tokens) == int(rows[-1]["balance"]) == earned == 390
    sale = rows[1]
    assert (sale["style"], sale["certificate"]) == ("Wet Paper", busy[0].license_public_id)
    assert (sale["words"], sale["balance"]) == ("Picture sold", "150")
    assert sale["time"].endswith("+09:00")
    settled = rows[-2]
    assert (settled["paid_krw"], settled["reference"]) == ("6769", "'=KB 0042")


def test_the_summary_equals_the_ledger_and_the_lines(busy, artist, session):
    since, until = market.month(market.today().year, market.today().month)
    period = Period(artist.user_id, since, until)
    found = statement_queries.summary(session, period)
    assert (found.opening, found.closing) == (0, 390)
    assert sum(total.tokens for total in found.totals.values()) == 390
    assert {str(kind): (each.count, each.tokens) for kind, each in found.totals.items()} == {
        "payout": (3, 700),
        "reversal": (1, -150),
        "conversion": (1, -60),
        "payout_request": (2, -200),
        "payout_return": (1, 100),
        "payout_settlement": (1, 0),
    }


def test_a_payout_that_the_bank_returned_is_a_line_of_its_own(artist_client, sell, artist, session):
    sell()
    admin = making.user(session, role=Role.ADMIN)
    payout_id = payouts.request(session, artist.user_id, 100, TERMS)
    paid = {"paid_krw": 7000, "reference": "KB 0042", "note": ""}
    payouts.settle(session, admin_id=admin.id, payout_id=payout_id, **paid)
    payouts.return_paid(session, admin_id=admin.id, payout_id=payout_id, reason="No such account.")
    session.commit()
    settled, returned, closing = rows_of(artist_client)[-3:]
    assert (settled["tokens"], settled["paid_krw"]) == ("0", "7000")
    assert (returned["kind"], returned["words"]) == (
        "payout_reversal",
        "Payout returned by the bank",
    )
    assert (returned["tokens"], returned["balance"], returned["paid_krw"]) == (
        "100",
        "150",
        "-7000",
    )
    assert returned["reference"] == "KB 0042"
    assert closing["balance"] == "150"
    since, until = market.month(market.today().year, market.today().month)
    found = statement_queries.summary(session, Period(artist.user_id, since, until))
    assert sum(total.tokens for total in found.totals.values()) == 150


def test_one_month_closes_with_what_the_next_one_opens_with(artist_client, sell, artist, session):
    session.execute(update(Artist).values(created_at=datetime(2026, 1, 5, tzinfo=UTC)))
    first = sell()
    sell()
    # The first moment of February in Seoul is the 31st in UTC.
    of_first = session.query(Transfer.id).filter_by(generation_id=first.id, kind="payout").scalar()
    move_back(session, [of_first], datetime(2026, 1, 31, 15, 0, tzinfo=UTC))
    session.commit()
    january, february = rows_of(artist_client, "2026-01"), rows_of(artist_client, "2026-02")
    assert [row["kind"] for row in january] == ["opening", "closing"]
    assert january[-1]["time"] == february[0]["time"] == "2026-02-01T00:00:00+09:00"
    assert january[-1]["balance"] == february[0]["balance"] == "0"
    assert [row["tokens"] for row in february] == ["", "150", ""]
    assert february[-1]["balance"] == "150"
    assert rows_of(artist_client, "2026-03")[0]["balance"] == "150"
    assert rows_of(artist_client)[-1]["balance"] == "300"


def test_a_long_statement_is_whole(artist_client, sell, artist, session):
    sell(price=5000)
    for _ in range(230):
        earnings.convert(session, artist.user_id, 1)
    session.commit()
    rows = rows_of(artist_client)
    assert len(rows) == 233
    assert len({row["balance"] for row in rows[1:-1]}) == 231
    assert rows[-1]["balance"] == "4770"


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(1)", "\uff1d1+1"])
def test_a_statement_runs_in_no_spreadsheet(artist_client, sell, name):
    sell(name)
    assert rows_of(artist_client)[1]["style"] == f"'{name}"


def test_korean_readers_read_korean(artist_client, sell):
    sell()
    rows = rows_of(artist_client, **{"Accept-Language": "ko"})
    assert [row["words"] for row in rows] == ["기초 잔액", "이미지 판매", "기말 잔액"]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_pdf_is_signed_and_names_its_month(artist_client, busy, language):
    answer = artist_client.get(
        f"/wallet/statements/{this_month()}.pdf", headers={"Accept-Language": language}
    )
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert "attachment" in answer.headers["Content-Disposition"]
    read = PdfFileReader(io.BytesIO(answer.data))
    assert this_month() in read.trailer["/Info"]["/Title"]
    assert read.root["/Pages"]["/Count"] == 1
    assert len(read.embedded_signatures) == 1


def content(session, artist):
    since, until = market.month(market.today().year, market.today().month)
    period = Period(artist.user_id, since, until)
    page = statement_queries.lines(session, period, PageRequest(limit=100))
    return statement_pdf.Content(
        artist_name=artist.artist_name,
        username="mina",
        month=this_month(),
        statement=statement_queries.summary(session, period),
        lines=page.results,
        has_more=False,
        made_at=datetime.now(UTC),
    )


def test_the_pdf_says_what_the_csv_says(app, busy, artist, session):
    with app.test_request_context():
        said = content(session, artist)
        totals = [row[::2] for row in statement_pdf.totals(said)]
        lines = list(statement_pdf.rows(said))
    assert totals == [
        ("", "Tokens"),
        ("Opening balance", "0"),
        ("Picture sold", "700"),
        ("Picture refunded to its buyer", "-150"),
        ("Made available for pictures", "-60"),
        ("Payout requested", "-200"),
        ("Payout declined or withdrawn", "100"),
        ("Closing balance", "390"),
    ]
    assert lines[1][1:] == ("Picture sold", "Wet Paper", busy[0].license_public_id, "150", "150")
    assert lines[-1][1:] == ("Paid out: ₩6,769", "", "=KB 0042", "0", "")


def test_a_long_pdf_has_pages_and_ends(artist_client, sell, artist, session, monkeypatch):
    monkeypatch.setattr(statement_pages, "MAX_PDF_LINES", 100)
    sell(price=5000)
    for _ in range(130):
        earnings.convert(session, artist.user_id, 1)
    session.commit()
    answer = artist_client.get(f"/wallet/statements/{this_month()}.pdf")
    read = PdfFileReader(io.BytesIO(answer.data))
    assert read.root["/Pages"]["/Count"] >= 2


def test_a_cut_pdf_says_so(app, busy, artist, session):
    said = content(session, artist)
    with app.test_request_context():
        assert "Only the first" not in " ".join(statement_pdf.notes(said))
        cut = statement_pdf.Content(**{**vars_of(said), "has_more": True})
        assert "Only the first 9 transactions are listed" in " ".join(statement_pdf.notes(cut))


def vars_of(said):
    return {name: getattr(said, name) for name in said.__dataclass_fields__}


@pytest.mark.parametrize(
    "month", ["2019-01", "2099-01", "2026-13", "2026-1", "26-01", "２０２６-01", "..", "2026-01-01"]
)
@pytest.mark.parametrize("ending", ["csv", "pdf"])
def test_what_is_no_month_of_the_artist_is_not_found(artist_client, month, ending):
    assert artist_client.get(f"/wallet/statements/{month}.{ending}").status_code == 404


def test_statements_are_of_their_artist_alone(client, buyer_client, sign_in, session, busy):
    other = sign_in(session.get(User, making.artist(session).user_id))
    assert [row["kind"] for row in rows_of(other)] == ["opening", "closing"]
    address = f"/wallet/statements/{this_month()}"
    for ending in ("csv", "pdf"):
        refused = buyer_client.get(f"{address}.{ending}")
        assert (refused.status_code, refused.location) == (302, "/become-artist")
        assert client.get(f"{address}.{ending}").headers["Location"].startswith("/login")


def test_the_wallet_links_every_month_since_the_artist_began(artist_client, session):
    session.execute(update(Artist).values(created_at=datetime(2025, 12, 31, 16, tzinfo=UTC)))
    session.commit()
    links = [each for each in Page(artist_client.get("/wallet")).links() if "/statements/" in each]
    assert f"/wallet/statements/{this_month()}.pdf" in links
    assert links[-2:] == ["/wallet/statements/2026-01.pdf", "/wallet/statements/2026-01.csv"]
    assert len(links) == len(set(links))


def test_months_count_back_over_the_turn_of_a_year(app):
    with app.test_request_context():
        months = statement_pages.months_since(datetime(2024, 11, 15, tzinfo=UTC))
    assert months[0] == market.today().replace(day=1)
    assert months[-3:] == [date(2025, 1, 1), date(2024, 12, 1), date(2024, 11, 1)]


def test_a_pdf_takes_as_many_statements_for_more_of_a_page(artist_client, sell, session):
    def count():
        with statements(session) as sent:
            artist_client.get(f"/wallet/statements/{this_month()}.pdf")
        return len(sent)

    sell()
    few = count()
    sell()
    assert count() == few


def test_every_line_has_words():
    kinds = {*statement_queries.CREDITED.kinds, *statement_queries.DEBITED.kinds}
    assert payment_words.STATEMENT_LINES.keys() == kinds
