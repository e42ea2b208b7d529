from tests import making
from webapp.domain.models.account import User
from webapp.domain.queries import accounts as account_queries
from webapp.domain.services import ledger


def test_an_account_has_its_balance_its_unread_notifications_and_its_artist(session, storage):
    artist = making.artist(session, storage)
    user = session.get(User, artist.user_id)
    session.refresh(user)
    account = account_queries.account(session, storage, user)
    assert (account.id, account.email) == (user.id, user.email)
    assert account.token_balance == ledger.balances(session, user.id).spendable
    assert account.unread_notifications == 0
    assert account.artist.artist_name == artist.artist_name
    assert f"/storage/{artist.signature_key}" in account.artist.signature_image_url
    assert account.artist.earned_token_balance == 0


def test_a_user_who_is_no_artist_has_no_artist_side(session, storage):
    assert account_queries.account(session, storage, making.user(session)).artist is None
