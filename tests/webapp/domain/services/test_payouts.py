"""Earned tokens are paid out once, or come back; parallel decisions never move them twice."""

import secrets
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from tests import making
from tests.database import at_once
from tests.sealing import age, seal_all, tamper
from webapp.domain.errors import (
    AccountInactive,
    Forbidden,
    InsufficientTokens,
    InvalidTransition,
    NotFound,
    PayoutDecided,
    PayoutOpen,
    ValidationFailed,
)
from webapp.domain.models.account import Role, User
from webapp.domain.models.audit import AuditEntry
from webapp.domain.models.generation import Generation
from webapp.domain.models.ledger import Account, AccountKind, Transfer, TransferKind
from webapp.domain.models.notification import Notification, NotificationType
from webapp.domain.models.payment import Product, Purchase, PurchaseStatus
from webapp.domain.models.payout import PayoutRequest, PayoutStatus
from webapp.domain.models.style import Style
from webapp.domain.queries import payouts as payout_queries, personal_data
from webapp.domain.queries.payouts import Sources
from webapp.domain.services import (
    earnings,
    generations,
    leaving,
    ledger,
    ledger_check,
    ledger_proof,
    payouts,
)
from webapp.domain.services.leaving import Outcome
from webapp.domain.services.ledger import Balances
from webapp.domain.services.payouts import PayoutTerms

TWO_DAYS = timedelta(days=2)
TERMS = PayoutTerms(krw_per_token=70, minimum_tokens=100, within_days=14)


def sold(session, storage, style):
    """A delivered picture, its price earned by the artist of the style."""
    [made] = making.order(session, making.user(session, tokens=1000), style)
    making.finish(session, storage, made)
    return made


@pytest.fixture
def style(session, storage):
    return making.style(session, storage, price_tokens=150)


@pytest.fixture
def administrator(session):
    return making.user(session, role=Role.ADMIN)


@pytest.fixture
def requested(session, storage, style):
    """A request of 120 of 150 earned tokens."""
    sold(session, storage, style)
    return payouts.request(session, style.artist_id, 120, TERMS)


def settle(session, payout_id, administrator, **changes):
    return payouts.settle(
        session,
        admin_id=administrator.id,
        payout_id=payout_id,
        **{"paid_krw": 8400, "reference": "KB 0042", "note": ""} | changes,
    )


def decline(session, payout_id, administrator):
    payouts.decline(session, admin_id=administrator.id, payout_id=payout_id, reason="Another name.")


def return_paid(session, payout_id, administrator):
    return payouts.return_paid(
        session, admin_id=administrator.id, payout_id=payout_id, reason="No such account."
    )


def waiting(session, user_id):
    """What is in the payout account of a person."""
    return session.scalar(
        select(Account.balance).where(
            Account.owner_id == user_id, Account.kind == AccountKind.PAYOUT
        )
    )


def row(session, payout_id):
    return session.get(PayoutRequest, payout_id, populate_existing=True)


def told(session, user_id):
    """The outcomes that a person was notified of."""
    found = session.query(Notification).filter_by(
        recipient_id=user_id, type=NotificationType.PAYOUT_DECIDED
    )
    return [each.details for each in found.order_by(Notification.id)]


def test_a_request_takes_the_tokens_out_of_the_earned_ones(session, requested, style):
    assert ledger.balances(session, style.artist_id) == Balances(100, 0, 30)
    assert waiting(session, style.artist_id) == 120
    payout = row(session, requested)
    assert (payout.status, payout.amount_tokens, payout.amount_krw) == ("requested", 120, 8400)
    assert making.violations(session) == []


def test_a_settled_request_leaves_the_site_and_the_artist_is_told(
    session, requested, style, administrator
):
    settle(session, requested, administrator)

    assert waiting(session, style.artist_id) == 0
    assert ledger.balances(session, style.artist_id).earned == 30
    payout = row(session, requested)
    assert (payout.status, payout.paid_krw, payout.reference) == ("settled", 8400, "KB 0042")
    assert payout.ended_at is not None
    assert told(session, style.artist_id) == [
        {"outcome": "settled", "amount": 120, "paid_krw": 8400}
    ]
    [entry] = session.query(AuditEntry)
    assert (entry.object_type, entry.object_id, entry.reason) == (
        "payout",
        str(requested),
        "KB 0042",
    )
    assert making.violations(session) == []


def test_a_declined_request_comes_back_and_the_artist_is_told_why(
    session, requested, style, administrator
):
    decline(session, requested, administrator)

    assert waiting(session, style.artist_id) == 0
    assert ledger.balances(session, style.artist_id).earned == 150
    payout = row(session, requested)
    assert (payout.status, payout.note, payout.paid_krw) == ("declined", "Another name.", None)
    assert [each["outcome"] for each in told(session, style.artist_id)] == ["declined"]
    assert making.violations(session) == []


def test_a_withdrawn_request_comes_back(session, requested, style):
    payouts.withdraw(session, style.artist_id, requested)

    assert ledger.balances(session, style.artist_id).earned == 150
    assert row(session, requested).status == PayoutStatus.WITHDRAWN
    assert told(session, style.artist_id) == []
    assert making.violations(session) == []


def test_what_the_bank_returned_is_earned_again_and_the_artist_is_told(
    session, requested, style, administrator
):
    settle(session, requested, administrator)
    return_paid(session, requested, administrator)

    assert ledger.balances(session, style.artist_id) == Balances(100, 0, 150)
    assert waiting(session, style.artist_id) == 0
    payout = row(session, requested)
    assert (payout.status, payout.paid_krw) == ("returned", 8400)
    assert told(session, style.artist_id) == [
        {"outcome": "settled", "amount": 120, "paid_krw": 8400},
        {"outcome": "returned", "amount": 120, "paid_krw": 8400},
    ]
    [*_, entry] = session.query(AuditEntry).order_by(AuditEntry.id)
    assert (entry.before["status"], entry.after["status"]) == ("settled", "returned")
    assert entry.reason == "No such account."
    assert making.violations(session) == []

    again = payouts.request(session, style.artist_id, 150, TERMS)
    settle(session, again, administrator, paid_krw=10_500)
    assert making.violations(session) == []


def test_a_return_keeps_the_day_and_the_note_of_the_payment(session, requested, administrator):
    settle(session, requested, administrator, paid_krw=8122, note="3.3 % tax withheld.")
    paid_at = row(session, requested).ended_at
    return_paid(session, requested, administrator)

    payout = row(session, requested)
    assert (payout.note, payout.return_note) == ("3.3 % tax withheld.", "No such account.")
    assert payout.ended_at == paid_at < payout.returned_at
    copy = personal_data.statements(payout.user_id)["payout_requests"]
    [copied] = session.execute(copy).mappings()
    for fact in ("note", "return_note", "ended_at", "returned_at", "paid_krw", "reference"):
        assert copied[fact] == getattr(payout, fact)


@pytest.mark.parametrize(
    "damage",
    [
        "status = 'settled'",
        "returned_at = NULL",
        "return_note = NULL",
        "status = 'settled', return_note = NULL",
    ],
)
def test_only_a_returned_request_has_a_return(session, requested, administrator, damage):
    settle(session, requested, administrator)
    return_paid(session, requested, administrator)
    with pytest.raises(IntegrityError, match="returned_has_time"):
        session.execute(text(f"UPDATE payout_requests SET {damage}"))


def test_only_a_settled_request_is_returned_and_once(session, requested, style, administrator):
    for status in ("requested", "returned"):
        with pytest.raises(InvalidTransition) as refused:
            return_paid(session, requested, administrator)
        assert refused.value.details["from"] == status
        if status == "requested":
            settle(session, requested, administrator)
            return_paid(session, requested, administrator)
    with pytest.raises(PayoutDecided):
        payouts.withdraw(session, style.artist_id, requested)
    assert ledger.balances(session, style.artist_id).earned == 150
    assert making.violations(session) == []


def test_after_the_end_of_one_request_another_is_possible(session, requested, style, administrator):
    payouts.withdraw(session, style.artist_id, requested)
    second = payouts.request(session, style.artist_id, 150, TERMS)
    settle(session, second, administrator, paid_krw=10_500)

    assert ledger.balances(session, style.artist_id).earned == 0
    assert making.violations(session) == []


def test_a_second_open_request_is_refused(session, storage, requested, style):
    sold(session, storage, style)
    with pytest.raises(PayoutOpen) as refused:
        payouts.request(session, style.artist_id, 100, TERMS)
    assert refused.value.details == {"payout_id": requested}


def test_less_than_the_minimum_is_refused(session, storage, style):
    sold(session, storage, style)
    with pytest.raises(ValidationFailed):
        payouts.request(session, style.artist_id, 99, TERMS)
    assert ledger.balances(session, style.artist_id).earned == 150


def test_more_than_was_earned_is_refused(session, storage, style):
    sold(session, storage, style)
    with pytest.raises(InsufficientTokens), session.begin_nested():
        payouts.request(session, style.artist_id, 151, TERMS)
    assert ledger.balances(session, style.artist_id).earned == 150
    assert making.violations(session) == []


def own_sale(session, storage, style):
    """A delivered picture of the artist in the own style; its price is earned, not payable."""
    artist = session.get(User, style.artist_id)
    ledger.grant(session, artist.id, style.price_tokens, key=f"own-{secrets.token_hex(8)}")
    [made] = making.order(session, artist, style)
    making.finish(session, storage, made)
    return made


def refused_above(session, artist_id, amount):
    """Assert that exactly an amount is payable: one token more is refused, with the amount."""
    assert payouts.payable(session, artist_id) == amount
    with pytest.raises(InsufficientTokens) as refused, session.begin_nested():
        payouts.request(session, artist_id, max(amount + 1, 100), TERMS)
    assert refused.value.details == {"required": max(amount + 1, 100), "available": amount}


def test_own_orders_are_not_payable_and_orders_of_others_are(session, storage, style):
    own_sale(session, storage, style)
    refused_above(session, style.artist_id, 0)
    sold(session, storage, style)
    assert ledger.balances(session, style.artist_id).earned == 300
    refused_above(session, style.artist_id, 150)

    payouts.request(session, style.artist_id, 150, TERMS)
    assert payouts.payable(session, style.artist_id) == 0
    assert making.violations(session) == []


def test_orders_in_styles_of_others_and_of_other_artists_are_payable(session, storage, style):
    """What one artist orders in the style of another is an order of somebody else."""
    other = making.style(session, storage, price_tokens=150)
    artist = session.get(User, style.artist_id)
    ledger.grant(session, artist.id, 150, key="for the other style")
    [made] = making.order(session, artist, other)
    making.finish(session, storage, made)
    own_sale(session, storage, style)

    assert payouts.payable(session, other.artist_id) == 150
    refused_above(session, artist.id, 0)


def test_an_own_order_that_is_not_delivered_takes_nothing(session, storage, style):
    sold(session, storage, style)
    ledger.grant(session, style.artist_id, 300, key="for two orders")
    artist = session.get(User, style.artist_id)
    [failed] = making.order(session, artist, style)
    making.order(session, artist, style, seed=8)
    generations.fail(session, failed.id, "MODEL_ERROR", "broken")
    assert payouts.payable(session, artist.id) == 150


def test_tokens_made_available_are_those_of_own_orders_first(session, storage, style):
    own_sale(session, storage, style)
    sold(session, storage, style)
    earnings.convert(session, style.artist_id, 100)
    refused_above(session, style.artist_id, 150)
    earnings.convert(session, style.artist_id, 50)
    refused_above(session, style.artist_id, 150)
    earnings.convert(session, style.artist_id, 30)
    refused_above(session, style.artist_id, 120)


def test_ordering_again_with_converted_tokens_makes_nothing_payable(session, storage, style):
    """A bonus that goes round and round stays what it is."""
    artist = session.get(User, style.artist_id)
    own_sale(session, storage, style)
    for seed in (8, 9):
        earnings.convert(session, artist.id, 150)
        [made] = making.order(session, artist, style, seed=seed)
        making.finish(session, storage, made)
        refused_above(session, artist.id, 0)


def test_a_refunded_own_order_takes_nothing_from_what_is_payable(session, storage, style):
    own = own_sale(session, storage, style)
    sold(session, storage, style)
    earnings.reverse(session, own)
    assert ledger.balances(session, style.artist_id).earned == 150
    payouts.request(session, style.artist_id, 150, TERMS)
    assert making.violations(session) == []


def test_what_a_refund_took_back_of_a_conversion_does_not_count_as_converted(
    session, storage, style
):
    picture = sold(session, storage, style)
    earnings.convert(session, style.artist_id, 150)
    earnings.reverse(session, picture)
    own_sale(session, storage, style)
    refused_above(session, style.artist_id, 0)


def test_without_own_orders_all_is_payable_also_after_a_refund_took_a_bonus(
    session, storage, style, administrator
):
    picture = sold(session, storage, style)
    settle(
        session,
        payouts.request(session, style.artist_id, 150, TERMS),
        administrator,
        paid_krw=10_500,
    )
    earnings.reverse(session, picture)
    sold(session, storage, style)
    refused_above(session, style.artist_id, 150)


def test_what_comes_back_from_a_request_is_payable_again(session, storage, style, administrator):
    own_sale(session, storage, style)
    sold(session, storage, style)
    for end in (
        lambda payout_id: payouts.withdraw(session, style.artist_id, payout_id),
        lambda payout_id: decline(session, payout_id, administrator),
        lambda payout_id: (
            settle(session, payout_id, administrator, paid_krw=10_500),
            return_paid(session, payout_id, administrator),
        ),
    ):
        end(payouts.request(session, style.artist_id, 150, TERMS))
        refused_above(session, style.artist_id, 150)


def paid_purchase(session, user_id, **changes):
    """A paid purchase of tokens, as the database has it."""
    number = secrets.token_hex(8)
    values = {
        "order_id": number,
        "user_id": user_id,
        "package_id": "basic_100",
        "amount_tokens": 100,
        "price_per_token": 100,
        "total_price": 10_000,
        "status": PurchaseStatus.PAID,
        "payment_key": number,
        "expires_at": func.now(),
        "approved_at": func.now(),
    }
    session.add(Purchase(**values | changes))
    session.flush()


def test_sources_are_sales_to_others_by_whether_the_buyer_ever_paid(session, storage, style):
    pictures = [sold(session, storage, style) for _ in range(5)]
    paying, refunded, expired, waits, _ = [each.user_id for each in pictures]
    paid_purchase(session, paying)
    paid_purchase(session, paying, created_at=func.now())
    paid_purchase(session, refunded, status=PurchaseStatus.REFUNDED)
    paid_purchase(session, expired, status=PurchaseStatus.EXPIRED)
    again = making.order(session, session.get(User, waits), style, seed=8)
    making.finish(session, storage, again[0])
    earnings.reverse(session, pictures[-1])
    own_sale(session, storage, style)
    making.order(session, session.get(User, paying), style, seed=8)  # not delivered
    silent = making.style(session, storage).artist_id
    other = sold(session, storage, making.style(session, storage, price_tokens=150))

    [of_other] = session.scalars(select(Style.artist_id).where(Style.id == other.style_id))
    assert payout_queries.sources(session, [style.artist_id, silent, of_other]) == {
        style.artist_id: Sources(sold=750, unpaid=600, unpaid_buyers=3),
        of_other: Sources(sold=150, unpaid=150, unpaid_buyers=1),
    }


def test_sets_that_were_bought_are_no_tokens_that_were_paid_for(session, storage, style):
    picture = sold(session, storage, style)
    account = making.sets_account(session, user=session.get(User, picture.user_id))
    paid_purchase(
        session,
        picture.user_id,
        product=Product.SETS_CREDITS,
        amount_tokens=0,
        amount_credits=100,
        sets_account_id=account.id,
    )
    assert payout_queries.sources(session, [style.artist_id]) == {
        style.artist_id: Sources(sold=150, unpaid=150, unpaid_buyers=1)
    }


def test_a_closed_account_requests_nothing(session, storage, style):
    sold(session, storage, style)
    session.get(User, style.artist_id).is_active = False
    session.flush()
    with pytest.raises(AccountInactive):
        payouts.request(session, style.artist_id, 100, TERMS)


def test_what_has_ended_does_not_end_again(session, requested, style, administrator):
    settle(session, requested, administrator)
    for again in (
        lambda: settle(session, requested, administrator),
        lambda: decline(session, requested, administrator),
        lambda: payouts.withdraw(session, style.artist_id, requested),
    ):
        with pytest.raises(PayoutDecided) as refused:
            again()
        assert refused.value.details == {"payout_status": "settled"}
    assert len(told(session, style.artist_id)) == 1
    assert making.violations(session) == []


def test_a_request_of_somebody_else_is_not_withdrawn(session, requested):
    with pytest.raises(NotFound):
        payouts.withdraw(session, making.user(session).id, requested)
    assert row(session, requested).status == PayoutStatus.REQUESTED


def test_administrators_do_not_decide_their_own_requests(session, requested, style):
    artist = session.get(User, style.artist_id)
    artist.role = Role.ADMIN
    session.flush()
    with pytest.raises(Forbidden):
        settle(session, requested, artist)
    with pytest.raises(Forbidden):
        decline(session, requested, artist)
    with pytest.raises(Forbidden):
        return_paid(session, requested, artist)
    assert row(session, requested).status == PayoutStatus.REQUESTED


def test_more_than_the_worth_is_not_paid(session, requested, administrator):
    with pytest.raises(ValidationFailed) as refused:
        settle(session, requested, administrator, paid_krw=8401)
    assert list(refused.value.details["fields"]) == ["paid_krw"]


def test_less_than_the_worth_needs_a_note(session, requested, administrator):
    with pytest.raises(ValidationFailed) as refused:
        settle(session, requested, administrator, paid_krw=8122)
    assert list(refused.value.details["fields"]) == ["note"]
    settle(session, requested, administrator, paid_krw=8122, note="3.3 % tax withheld.")
    assert row(session, requested).note == "3.3 % tax withheld."


def test_a_refund_meanwhile_does_not_touch_the_request_and_the_platform_pays(
    session, storage, style, administrator
):
    picture = sold(session, storage, style)
    requested = payouts.request(session, style.artist_id, 150, TERMS)
    earnings.reverse(session, picture)

    assert ledger.balances(session, style.artist_id) == Balances(0, 0, 0)
    assert waiting(session, style.artist_id) == 150
    kinds = {each.kind: each.amount for each in session.query(Transfer).filter(Transfer.kind != "")}
    assert (kinds[TransferKind.CONVERSION_BACK], kinds[TransferKind.COVER]) == (100, 50)
    settle(session, requested, administrator, paid_krw=10_500)
    assert making.violations(session) == []


def test_an_account_with_an_open_request_is_not_left(session, requested, style):
    artist = session.get(User, style.artist_id)
    with pytest.raises(PayoutOpen):
        leaving.leave(session, user=artist, confirm=artist.username)
    payouts.withdraw(session, artist.id, requested)
    assert leaving.leave(session, user=artist, confirm=artist.username) == Outcome.DEACTIVATED


def test_the_request_of_an_account_that_was_closed_is_still_decided(
    session, requested, style, administrator
):
    leaving.deactivate(session, style.artist_id)
    settle(session, requested, administrator)

    assert row(session, requested).status == PayoutStatus.SETTLED
    assert told(session, style.artist_id) == []
    assert making.violations(session) == []


def test_what_the_bank_returned_to_a_closed_account_is_there_when_it_is_opened_again(
    session, requested, style, administrator
):
    settle(session, requested, administrator)
    leaving.deactivate(session, style.artist_id)
    assert not return_paid(session, requested, administrator)
    assert len(told(session, style.artist_id)) == 1
    assert ledger.balances(session, style.artist_id).earned == 150
    assert making.violations(session) == []

    session.get(User, style.artist_id, populate_existing=True).is_active = True
    session.flush()
    payouts.request(session, style.artist_id, 150, TERMS)
    assert making.violations(session) == []


def test_what_the_bank_returned_to_a_deleted_account_stays_there(session, administrator):
    artist = making.user(session, role=Role.ARTIST)
    making.earn_tokens(session, artist.id, 120)
    payout_id = payouts.request(session, artist.id, 120, TERMS)
    assert settle(session, payout_id, administrator)
    assert leaving.leave(session, user=artist, confirm=artist.username) == Outcome.DELETED
    assert not return_paid(session, payout_id, administrator)

    assert ledger.balances(session, artist.id).earned == 120
    assert row(session, payout_id).return_note == "No such account."
    assert told(session, artist.id) == []
    assert making.violations(session) == []
    with pytest.raises(AccountInactive):
        payouts.request(session, artist.id, 120, TERMS)


@pytest.mark.parametrize(
    "damage",
    [
        "amount_tokens = 119",
        "status = 'withdrawn', ended_at = now()",
        "status = 'settled', ended_at = now(), paid_krw = 1, reference = 'none'",
    ],
)
def test_a_request_that_its_transfers_deny_is_found(session, requested, damage):
    session.execute(text(f"UPDATE payout_requests SET {damage}"))
    found = " ".join(making.violations(session))
    assert "I13 payout requests equal their transfers" in found
    assert "I14 payout accounts hold the open requests" in found


CALLED = {
    "settled": "(status, returned_at, return_note) = ('settled', NULL, NULL)",
    "returned": "(status, returned_at, return_note) = ('returned', ended_at, 'Not so.')",
}


@pytest.mark.parametrize("status", ["settled", "returned"])
def test_a_reversal_that_its_request_denies_is_found(
    session, requested, style, administrator, status
):
    settle(session, requested, administrator)
    if status == "settled":
        return_paid(session, requested, administrator)
    session.execute(text(f"UPDATE payout_requests SET {CALLED[status]}"))
    [found] = making.violations(session)
    assert found.startswith("I13 payout requests equal their transfers")


def test_a_payout_account_that_other_transfers_touch_is_found(session, requested, style):
    account = ledger.account_of(session, style.artist_id, AccountKind.PAYOUT)
    platform = ledger.account_of(session, None, AccountKind.PLATFORM)
    ledger.move(session, account, platform, 20, TransferKind.GRANT, key="stolen")
    [found] = making.violations(session)
    assert found.startswith("I14 payout accounts hold the open requests")


@pytest.mark.parametrize(
    "changed",
    [
        "debit_account_id = 1",
        "kind = 'payout_return'",
        "kind = 'payout_settlement'",
        "idempotency_key = 'payout_reversal:0'",
        "idempotency_key = 'payout_reversal:no number'",
        "idempotency_key = 'no request'",
        "idempotency_key = 'payout_reversal:' || repeat('9', 40)",
    ],
)
def test_a_reversal_from_elsewhere_or_of_no_request_is_found(
    session, requested, style, administrator, changed
):
    settle(session, requested, administrator)
    return_paid(session, requested, administrator)
    other = ledger.account_of(session, making.user(session).id, AccountKind.EARNED)
    assert making.violations(session) == []
    _change_transfer(session, changed.replace("= 1", f"= {other.id}"), "payout_reversal")
    found = " ".join(making.violations(session))
    assert "I13 payout requests equal their transfers" in found
    assert ("I15 transfers of payouts name their request" in found) == ("debit" not in changed)


def test_a_settlement_to_another_account_than_the_platform_is_found(
    session, requested, administrator
):
    settle(session, requested, administrator)
    escrow = ledger.account_of(session, None, AccountKind.ESCROW)
    _change_transfer(session, f"credit_account_id = {escrow.id}", "payout_settlement")
    assert [each[:3] for each in making.violations(session)] == ["I13"]


@pytest.mark.parametrize("key", ["payout_reversal:0", "payout_outcome:0", "mistaken", "a:b"])
def test_tokens_that_come_back_for_no_request_are_found(session, requested, style, key):
    earned = ledger.account_of(session, style.artist_id, AccountKind.EARNED)
    platform = ledger.account_of(session, None, AccountKind.PLATFORM)
    ledger.move(session, platform, earned, 500, TransferKind.PAYOUT_REVERSAL, key=key)
    [found] = making.violations(session)
    assert found.startswith("I15 transfers of payouts name their request")


def test_a_reversal_from_a_person_for_a_request_that_was_not_returned_is_found(
    session, requested, style, administrator
):
    settle(session, requested, administrator)
    earned = ledger.account_of(session, style.artist_id, AccountKind.EARNED)
    buyer = ledger.account_of(session, making.user(session, tokens=500).id, AccountKind.SPENDABLE)
    key = f"payout_reversal:{requested}"
    ledger.move(session, buyer, earned, 120, TransferKind.PAYOUT_REVERSAL, key=key)
    [found] = making.violations(session)
    assert found.startswith("I13 payout requests equal their transfers")


def _change_transfer(session, changed, kind):
    """Change the transfer of a kind, without the trigger that forbids it."""
    session.flush()
    session.execute(text("SET LOCAL session_replication_role = replica"))
    session.execute(text(f"UPDATE transfers SET {changed} WHERE kind = :kind"), {"kind": kind})
    session.execute(text("SET LOCAL session_replication_role = origin"))


@pytest.fixture
def sealed(scratch, storage):
    """A settled, a returned and a declined request of two days ago, sealed."""
    with scratch.begin() as session:
        style = making.style(session, storage, price_tokens=300)
        sold(session, storage, style)
        administrator = making.user(session, role=Role.ADMIN)
        for end in (decline, settle):
            end(session, payouts.request(session, style.artist_id, 120, TERMS), administrator)
        returned = payouts.request(session, style.artist_id, 140, TERMS)
        settle(session, returned, administrator, paid_krw=9800)
        return_paid(session, returned, administrator)
    age(scratch, TWO_DAYS)
    times = "ended_at = ended_at - :by, returned_at = returned_at - :by"
    tamper(scratch, f"UPDATE payout_requests SET {times}", by=TWO_DAYS)
    [seal] = seal_all(scratch)
    assert (seal.sums["payout_settlement"], seal.sums["payout_reversal"]) == (260, 140)
    return scratch


def invariants(sealed):
    """What the check of every five minutes finds, and what the full proof finds."""
    with sealed() as session:
        open_period = {each.invariant[:3] for each in ledger_check.check(session)}
    return open_period, {
        each.invariant[:3] for piece in ledger_proof.prove(sealed.begin) for each in piece
    }


def test_sealed_payouts_are_proved(sealed):
    assert invariants(sealed) == (set(), set())


def test_a_sealed_request_that_is_opened_again_is_found_at_once(sealed):
    columns = "(status, ended_at, paid_krw, reference) = ('requested', NULL, NULL, NULL)"
    tamper(sealed, f"UPDATE payout_requests SET {columns} WHERE status = 'settled'")
    assert invariants(sealed) == ({"I13", "I14"}, {"I13", "I14"})


def test_a_sealed_request_that_is_called_returned_is_found_by_the_full_proof(sealed):
    tamper(sealed, f"UPDATE payout_requests SET {CALLED['returned']} WHERE status = 'settled'")
    assert invariants(sealed) == (set(), {"I13"})


def test_a_sealed_request_that_is_called_returned_today_is_found_at_once(sealed):
    called = CALLED["returned"].replace("ended_at,", "now(),")
    tamper(sealed, f"UPDATE payout_requests SET {called} WHERE status = 'settled'")
    assert invariants(sealed) == ({"I13"}, {"I13"})


@pytest.mark.parametrize("key", ["payout_reversal:0", "of no request"])
def test_an_open_reversal_of_no_request_is_found_at_once_and_by_the_full_proof(sealed, key):
    with sealed.begin() as session:
        artist_id = session.scalar(select(PayoutRequest.user_id).limit(1))
        earned = ledger.account_of(session, artist_id, AccountKind.EARNED)
        platform = ledger.account_of(session, None, AccountKind.PLATFORM)
        ledger.move(session, platform, earned, 500, TransferKind.PAYOUT_REVERSAL, key=key)
    assert invariants(sealed) == ({"I15"}, {"I15"})


def test_a_sealed_request_that_was_deleted_is_found_by_the_full_proof(sealed):
    tamper(sealed, "DELETE FROM payout_requests WHERE status = 'returned'")
    assert invariants(sealed) == (set(), {"I15"})


def test_another_amount_of_a_sealed_request_is_found_by_the_full_proof(sealed):
    tamper(sealed, "UPDATE payout_requests SET amount_tokens = 121 WHERE status = 'settled'")
    assert invariants(sealed) == (set(), {"I13"})


@pytest.fixture
def made(committed, storage):
    """Ids of an artist who earned 300 tokens and of an administrator, committed."""
    with committed.begin() as session:
        style = making.style(session, storage, price_tokens=150)
        for _ in range(2):
            sold(session, storage, style)
        return style.artist_id, making.user(session, role=Role.ADMIN).id


def attempt(committed, act):
    """Return a call that acts in a transaction of its own, and says whether it was done."""

    def run():
        try:
            with committed.begin() as session:
                act(session)
        except (InsufficientTokens, InvalidTransition, PayoutDecided, PayoutOpen) as refusal:
            return refusal.code
        return "done"

    return run


def holds(committed):
    with committed() as session:
        return ledger_check.check(session) == []


def test_of_administrators_who_settle_at_once_one_does(committed, made):
    artist_id, admin_id = made
    with committed.begin() as session:
        payout_id = payouts.request(session, artist_id, 200, TERMS)
        others = [making.user(session, role=Role.ADMIN).id for _ in range(5)]

    def settling(who):
        return attempt(
            committed,
            lambda session: payouts.settle(
                session,
                admin_id=who,
                payout_id=payout_id,
                paid_krw=14_000,
                reference=f"by {who}",
                note="",
            ),
        )

    ended = at_once(*[settling(who) for who in (admin_id, *others)])
    assert sorted(ended) == ["PAYOUT_DECIDED"] * 5 + ["done"]
    with committed() as session:
        assert len(told(session, artist_id)) == 1
        assert waiting(session, artist_id) == 0
    assert holds(committed)


def test_a_request_that_is_settled_declined_and_withdrawn_at_once_ends_once(committed, made):
    artist_id, admin_id = made
    for _ in range(8):
        with committed.begin() as session:
            payout_id = payouts.request(session, artist_id, 100, TERMS)
        acts = (
            lambda session, each=payout_id: payouts.settle(
                session, admin_id=admin_id, payout_id=each, paid_krw=1, reference="one", note="tax"
            ),
            lambda session, each=payout_id: payouts.decline(
                session, admin_id=admin_id, payout_id=each, reason="Another name."
            ),
            lambda session, each=payout_id: payouts.withdraw(session, artist_id, each),
        )
        ended = at_once(*[attempt(committed, act) for act in acts])
        assert sorted(ended) == ["PAYOUT_DECIDED", "PAYOUT_DECIDED", "done"]
        with committed.begin() as session:
            assert waiting(session, artist_id) == 0
            if ledger.balances(session, artist_id).earned < 100:
                break
    assert holds(committed)


def test_of_returns_at_once_one_gives_the_tokens_back(committed, made):
    """Beside conversions, which lock the same account."""
    artist_id, admin_id = made
    with committed.begin() as session:
        payout_id = payouts.request(session, artist_id, 200, TERMS)
        payouts.settle(
            session,
            admin_id=admin_id,
            payout_id=payout_id,
            paid_krw=14_000,
            reference="one",
            note="",
        )
    returning = attempt(
        committed,
        lambda session: payouts.return_paid(
            session, admin_id=admin_id, payout_id=payout_id, reason="No such account."
        ),
    )
    converting = attempt(committed, lambda session: earnings.convert(session, artist_id, 20))
    ended = at_once(*[returning] * 6, *[converting] * 3)
    assert sorted(ended[:6]) == ["INVALID_TRANSITION"] * 5 + ["done"]
    assert ended[6:] == ["done"] * 3
    with committed() as session:
        assert ledger.balances(session, artist_id).earned == 300 - 60
        assert len(told(session, artist_id)) == 2
    assert holds(committed)


def test_of_requests_at_once_one_is_made(committed, made):
    artist_id, _ = made
    ask = attempt(committed, lambda session: payouts.request(session, artist_id, 100, TERMS))
    assert sorted(at_once(*[ask] * 8)) == ["PAYOUT_OPEN"] * 7 + ["done"]
    with committed() as session:
        assert ledger.balances(session, artist_id).earned == 200
    assert holds(committed)


def test_a_request_and_conversions_at_once_never_spend_tokens_twice(committed, made):
    artist_id, _ = made
    acts = [
        attempt(committed, lambda session: payouts.request(session, artist_id, 200, TERMS)),
        *[attempt(committed, lambda session: earnings.convert(session, artist_id, 150))] * 3,
    ]
    ended = at_once(*acts)
    assert {each for each in ended if each != "done"} == {"INSUFFICIENT_TOKENS"}
    with committed() as session:
        found = ledger.balances(session, artist_id)
        assert found.earned + (found.spendable - 100) + (waiting(session, artist_id) or 0) == 300
    assert holds(committed)


def test_requests_refunds_and_leaving_at_once_all_end(committed, made):
    """Locked in another order, they would wait for each other."""
    artist_id, admin_id = made
    with committed.begin() as session:
        payout_id = payouts.request(session, artist_id, 250, TERMS)
        pictures = list(session.scalars(select(Generation.id)))

    def leave(session):
        artist = session.get(User, artist_id)
        leaving.leave(session, user=artist, confirm=artist.username)

    def reverse(picture_id):
        return lambda session: earnings.reverse(session, session.get(Generation, picture_id))

    settling = attempt(
        committed,
        lambda session: payouts.settle(
            session,
            admin_id=admin_id,
            payout_id=payout_id,
            paid_krw=17_500,
            reference="one",
            note="",
        ),
    )
    acts = [
        settling,
        attempt(committed, leave),
        *(attempt(committed, reverse(each)) for each in pictures),
    ]
    ended = at_once(*acts)
    assert ended[0] == "done"
    assert ended[1] in {"done", "PAYOUT_OPEN"}
    assert ended[2:] == ["done", "done"]
    assert holds(committed)
