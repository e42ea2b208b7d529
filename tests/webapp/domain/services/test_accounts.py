from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from tests import making
from tests.database import at_once
from webapp.domain import names as name_rules
from webapp.domain.db import transaction
from webapp.domain.errors import AccountInactive, AlreadyArtist, SessionExpired
from webapp.domain.image_errors import ImageCorrupt
from webapp.domain.models.account import Artist, Role, SignIn, User
from webapp.domain.models.ledger import Transfer
from webapp.domain.services import accounts, ledger
from webapp.domain.services.accounts import AddressNotVerified, GoogleIdentity

MINA = GoogleIdentity(sub="1000", email="mina@example.org", name="Mina Park")


def test_the_first_sign_in_makes_the_account_with_its_bonus(session):
    opened = accounts.sign_in(session, MINA)
    user = session.get(User, opened.user_id)
    assert (user.username, user.email, user.role) == ("Mina_Park", MINA.email, Role.USER)
    assert ledger.balances(session, user.id) == ledger.Balances(100, 0, 0)


def test_later_sign_ins_find_the_account_by_the_providers_id_and_not_by_mail(session):
    first = accounts.sign_in(session, MINA)
    moved = accounts.sign_in(session, GoogleIdentity("1000", "new@example.org", "Other"))
    stranger = accounts.sign_in(session, GoogleIdentity("2000", MINA.email, "Mina Park"))
    assert moved.user_id == first.user_id
    assert stranger.user_id != first.user_id
    assert moved.id != first.id
    assert session.scalar(select(func.count()).where(Transfer.kind == "bonus")) == 2


def test_the_address_is_the_one_that_the_provider_verified_last(session):
    user = session.get(User, accounts.sign_in(session, MINA).user_id)
    addresses = []
    for email in ("new@example.org", None, "new@example.org", MINA.email):
        accounts.sign_in(session, GoogleIdentity(MINA.sub, email, MINA.name))
        session.refresh(user)
        addresses.append(user.email)
    assert addresses == ["new@example.org"] * 3 + [MINA.email]


def test_nobody_begins_without_a_verified_address(session):
    with pytest.raises(AddressNotVerified):
        accounts.sign_in(session, GoogleIdentity("1000", None, "Mina Park"))
    assert session.scalar(select(func.count()).select_from(User)) == 0


def test_a_sign_in_while_an_account_is_deleted_stores_no_address(committed):
    """The account was read before it was deleted."""
    with committed.begin() as early:
        accounts.sign_in(early, MINA)
    with committed() as late:
        user = late.scalars(select(User)).one()
        with committed.begin() as other:
            other.execute(update(User).values(is_active=False, email=""))
        assert user.is_active
        accounts.sign_in(late, GoogleIdentity(MINA.sub, "new@example.org", MINA.name))
        late.commit()
    with committed() as after:
        assert after.scalars(select(User.email)).one() == ""


def test_a_taken_or_unwritable_name_becomes_another(session):
    names = ["Mina Park", "Mina Park", "미나", "", "a", "<script>", "x" * 90]
    for number, name in enumerate(names):
        accounts.sign_in(session, GoogleIdentity(str(number), "a@example.org", name))
    found = session.scalars(select(User.username).order_by(User.id)).all()
    assert len(set(found)) == len(names)
    assert found[0] == "Mina_Park"
    assert found[1].startswith("Mina_Park_")
    assert found[2] == "mina"
    assert found[3].startswith("user_")
    assert all(3 <= len(name) <= 50 and name.isascii() for name in found)


def test_a_name_in_any_script_is_shown_beside_a_username_in_ascii(session):
    opened = accounts.sign_in(session, GoogleIdentity("1", "a@example.org", "서\u200b하늘 "))
    user = session.get(User, opened.user_id)
    assert (user.username, user.display_name) == ("seohaneul", "서하늘")


@pytest.mark.parametrize("name", ["Admin", "adm1n", "mina park", "MINA_PARK"])
def test_a_first_sign_in_takes_no_name_that_looks_like_anothers(session, name):
    accounts.sign_in(session, MINA)
    opened = accounts.sign_in(session, GoogleIdentity("2", "a@example.org", name))
    user = session.get(User, opened.user_id)
    assert user.username[-7] == "_"
    assert user.username[-6:].isdigit()
    assert not name_rules.is_reserved(user.display_name)


def test_first_sign_ins_at_once_make_one_account_with_one_bonus(committed):
    def enter():
        with committed() as session, transaction(session):
            return accounts.sign_in(session, MINA).user_id

    assert len(set(at_once(*[enter] * 8))) == 1
    with committed() as session:
        assert session.scalar(select(func.count()).select_from(User)) == 1
        assert session.scalar(select(func.count()).select_from(Transfer)) == 1
        assert session.scalar(select(func.count()).select_from(SignIn)) == 8


def test_a_session_is_its_users_until_it_is_ended(session):
    opened = accounts.sign_in(session, MINA)
    other = accounts.sign_in(session, MINA)
    assert accounts.signed_in_user(session, opened.id).id == opened.user_id
    accounts.end_sign_in(session, opened.id)
    with pytest.raises(SessionExpired):
        accounts.signed_in_user(session, opened.id)
    assert accounts.signed_in_user(session, other.id).id == opened.user_id
    accounts.end_all_sign_ins(session, other.user_id)
    with pytest.raises(SessionExpired):
        accounts.signed_in_user(session, other.id)


def test_a_session_runs_out_after_two_weeks(session):
    opened = accounts.sign_in(session, MINA)
    days = func.extract("epoch", SignIn.expires_at - func.now()) / 86400
    assert 13.99 < session.scalar(select(days)) < 14.01
    session.execute(update(SignIn).values(expires_at=func.now() - timedelta(seconds=1)))
    with pytest.raises(SessionExpired):
        accounts.signed_in_user(session, opened.id)


def test_an_unknown_session_is_expired(session):
    with pytest.raises(SessionExpired):
        accounts.signed_in_user(session, "never heard of")


def test_a_closed_account_neither_signs_in_nor_stays_in(session):
    opened = accounts.sign_in(session, MINA)
    session.execute(update(User).values(is_active=False))
    session.expire_all()
    with pytest.raises(AccountInactive):
        accounts.signed_in_user(session, opened.id)
    with pytest.raises(AccountInactive):
        accounts.sign_in(session, MINA)


def upgrade(session, storage, user, signature=None):
    return accounts.upgrade_to_artist(
        session,
        storage,
        lambda _drawing: True,
        user=user,
        artist_name="J. Han",
        contact_email=None,
        signature=signature or making.signature_png(),
    )


def test_an_upgrade_stores_a_clean_signature_and_happens_once(session, storage):
    user = making.user(session)
    made = upgrade(session, storage, user)
    assert (made.contact_email, user.role) == (user.email, Role.ARTIST)
    assert user.artist is made
    stored = storage.get(made.signature_key)
    assert making.hashlib.sha256(stored).hexdigest() == made.signature_sha256
    with pytest.raises(AlreadyArtist):
        upgrade(session, storage, user)


def test_an_administrator_stays_one_when_becoming_an_artist(session, storage):
    user = making.user(session, role=Role.ADMIN)
    upgrade(session, storage, user)
    assert user.role == Role.ADMIN


def test_an_unreadable_signature_makes_no_artist(session, storage):
    user = making.user(session)
    with pytest.raises(ImageCorrupt):
        upgrade(session, storage, user, making.signature_png()[:-40])
    assert session.get(Artist, user.id) is None
    assert list(storage.list("signatures")) == []


def test_upgrades_at_once_make_one_artist(committed, storage):
    with committed() as session:
        user_id = making.user(session).id
        session.commit()

    def become():
        with committed() as session, transaction(session):
            return upgrade(session, storage, session.get(User, user_id)).user_id

    results = at_once(*[become] * 3)
    assert [each for each in results if each == user_id] == [user_id]
    assert sum(isinstance(each, AlreadyArtist) for each in results) == 2
