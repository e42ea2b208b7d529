import pytest

from tests import making
from tests.statements import statements
from webapp.domain.models.style import Style
from webapp.domain.queries import earnings as earning_queries, tokens as token_queries
from webapp.domain.queries.answers import StyleName
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.queries.tokens import Balance, TransactionFilter
from webapp.domain.services import earnings, generations, ledger


def listed(session, storage, user_id, **filters):
    return token_queries.transactions(
        session,
        storage,
        user_id=user_id,
        filters=TransactionFilter(**filters),
        page=PageRequest(),
    ).results


def test_every_kind_of_transfer_has_a_type(session):
    """But a settlement: its tokens were listed when the payout was requested."""
    listed_kinds = {kind for kind, _ in token_queries.TYPES}
    assert set(ledger.TransferKind) - listed_kinds == {ledger.TransferKind.PAYOUT_SETTLEMENT}


def test_a_grant_is_shown_as_a_bonus(session, storage):
    user = making.user(session, tokens=150)
    rows = listed(session, storage, user.id)
    assert [(row.type, row.amount, row.memo) for row in rows] == [
        ("bonus", 50, "grant"),
        ("bonus", 100, "bonus"),
    ]


def test_an_artist_who_buys_the_own_style_sees_both_sides(session, storage):
    style = making.style(session, storage)
    artist = session.get(making.User, style.artist_id)
    made = making.order(session, artist, style)[0]
    generations.pipelines.advance_generation(session, made.id, "processing")
    generations.complete(
        session, made.id, "0" * 16, image_key="a/b", image_sha256="a" * 64, image_size=1
    )
    rows = listed(session, storage, artist.id)
    assert [(row.type, row.direction, row.balance_after) for row in rows] == [
        ("earning", "in", 10),
        ("usage", "out", 90),
        ("bonus", "in", 100),
    ]
    assert rows[0].related_style == StyleName(style.id, session.get(Style, style.id).name)


def test_balances_name_what_is_spendable_held_and_earned(session):
    user = making.user(session)
    making.order(session, user, making.style(session), count=2)
    assert token_queries.balance(session, user.id) == Balance(
        user_id=user.id, token_balance=80, escrowed_tokens=20, earned_token_balance=0
    )


def test_a_page_of_transactions_takes_one_statement(session, storage):
    user = making.user(session)
    making.order(session, user, making.style(session), count=4)
    with statements(session) as seen:
        assert len(listed(session, storage, user.id)) == 5
    assert len(seen) == 1


@pytest.mark.parametrize(
    "filters",
    [{}, {"direction": "in"}, {"direction": "out"}, {"type": "bonus"}, {"type": "refund"}],
)
def test_pages_of_one_hold_what_one_long_page_holds(session, storage, filters):
    user = making.user(session, tokens=150)
    for made in making.order(session, user, making.style(session), count=3)[1:]:
        generations.cancel(session, user_id=user.id, generation_id=made.id)
    whole = [row.id for row in listed(session, storage, user.id, **filters)]
    seen, cursor = [], None
    while cursor or not seen:
        page = token_queries.transactions(
            session,
            storage,
            user_id=user.id,
            filters=TransactionFilter(**filters),
            page=PageRequest(1, cursor),
        )
        seen += [row.id for row in page.results]
        cursor = page.next_cursor
    assert seen == whole
    assert len(whole) >= 2


def test_between_two_moments_are_only_their_transactions(session, storage):
    user = making.user(session, tokens=150)
    newest, oldest = listed(session, storage, user.id)
    assert listed(session, storage, user.id, since=newest.created_at) == [newest]
    assert listed(session, storage, user.id, until=newest.created_at) == [oldest]


def paid(session, storage, style, *, count=1):
    """Sell images of a style; return them."""
    made = making.order(session, making.user(session, tokens=1000), style, count=count)
    for each in made:
        making.finish(session, storage, each)
    return made


def test_earnings_between_moments_include_reversals_when_they_happened(session, storage):
    style = making.style(session, storage)
    now = session.scalar(making.text("SELECT clock_timestamp()"))
    first = paid(session, storage, style, count=3)
    between = session.scalar(making.text("SELECT clock_timestamp()"))
    paid(session, storage, style)
    earnings.reverse(session, first[0])
    earnings.reverse(session, first[1])
    later = session.scalar(making.text("SELECT clock_timestamp()"))
    moments = [now, between, later, later]
    assert earning_queries.between(session, style.artist_id, moments) == [30, -10, 0]
    whole = earning_queries.between(session, style.artist_id, [now, later])
    assert whole == [token_queries.balance(session, style.artist_id).earned_token_balance]


def test_earned_tokens_that_were_spent_stay_earned(session, storage):
    style = making.style(session, storage)
    now = session.scalar(making.text("SELECT clock_timestamp()"))
    first = paid(session, storage, style, count=3)
    earnings.convert(session, style.artist_id, 25)
    between = session.scalar(making.text("SELECT clock_timestamp()"))
    earnings.convert(session, style.artist_id, 5)
    earnings.reverse(session, first[0])
    paid(session, storage, style)
    later = session.scalar(making.text("SELECT clock_timestamp()"))
    assert earning_queries.between(session, style.artist_id, [now, between, later]) == [30, 0]


def test_who_earned_nothing_or_has_no_account_earned_nothing(session):
    now = session.scalar(making.text("SELECT clock_timestamp()"))
    buyer = making.user(session)
    making.order(session, buyer, making.style(session))
    assert earning_queries.between(session, buyer.id, [now, now, now]) == [0, 0]
    assert earning_queries.between(session, 2**40, [now, now, now]) == [0, 0]
