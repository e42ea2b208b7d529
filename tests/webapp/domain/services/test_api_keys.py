"""API keys: how many, what is stored of them, and when one is refused."""

import hashlib
import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError

from tests import making
from tests.database import at_once
from webapp.domain.api_key_errors import ApiKeyExpired, ApiKeyInvalid, ApiKeyLimitReached
from webapp.domain.db import transaction
from webapp.domain.errors import AccountInactive, NotFound
from webapp.domain.models.account import User
from webapp.domain.models.api_key import ApiKey, Scope
from webapp.domain.services import api_keys, leaving
from webapp.domain.services.api_keys import MAX_KEYS


@pytest.fixture
def person(session):
    return making.user(session)


def made(session, person, *scopes, **options):
    return api_keys.create(session, user=person, name="Catalogue", scopes=scopes, **options)


def row(session, key_id):
    return session.get(ApiKey, key_id, populate_existing=True)


def test_only_the_hash_and_the_start_of_a_secret_are_stored(session, person):
    key = made(session, person)
    assert re.fullmatch("sl_[0-9a-f]{40}", key.secret)
    stored = session.execute(text("SELECT api_keys::text FROM api_keys")).scalar_one()
    assert key.secret not in stored
    assert hashlib.sha256(key.secret.encode()).hexdigest() in stored
    assert row(session, key.id).start == key.secret[:9]


def test_two_keys_have_two_secrets(session, person):
    assert made(session, person).secret != made(session, person).secret


@pytest.mark.parametrize(
    "wanted, given",
    [
        ((), ["read"]),
        ((Scope.READ, Scope.READ), ["read"]),
        ((Scope.MANAGE, Scope.ORDER, Scope.ORDER), ["read", "order", "manage"]),
    ],
)
def test_every_key_may_read_and_has_each_scope_once(session, person, wanted, given):
    assert row(session, made(session, person, *wanted).id).scopes == given


@pytest.mark.parametrize("scopes", [["read", "admin"], ["order"], []])
def test_the_database_refuses_a_scope_that_does_not_exist_and_a_key_that_cannot_read(
    session, person, scopes
):
    key = made(session, person)
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(update(ApiKey).where(ApiKey.id == key.id).values(scopes=scopes))


def test_a_secret_leads_to_its_person(session, person):
    made(session, making.user(session))
    key = made(session, person, expires_in_days=1)
    found, whose = api_keys.authenticate(session, key.secret)
    assert (found.id, whose.id) == (key.id, person.id)


def test_whatever_is_no_secret_of_a_key_is_refused(session, person):
    key = made(session, person)
    stored = row(session, key.id).sha256
    wrong = ["", "sl_", key.secret[:-1], key.secret + "0", key.secret.upper(), f" {key.secret}",
             f"{key.secret}\n", stored, f"sl_{stored}", "sl_" + "0" * 40, "sl_" + "０" * 40,
             "sl_' OR true --"]  # fmt: skip
    for secret in wrong:
        with pytest.raises(ApiKeyInvalid):
            api_keys.authenticate(session, secret)


def test_an_expired_key_is_refused(session, person):
    key = made(session, person, expires_in_days=30)
    assert api_keys.authenticate(session, key.secret)
    expires_at = row(session, key.id).expires_at
    assert expires_at - row(session, key.id).created_at == pytest.approx(
        timedelta(days=30), abs=timedelta(minutes=1)
    )
    session.execute(update(ApiKey).values(expires_at=func.clock_timestamp()))
    with pytest.raises(ApiKeyExpired):
        api_keys.authenticate(session, key.secret)


def test_a_revoked_key_is_refused_and_the_others_stay(session, person):
    key, other = made(session, person), made(session, person)
    api_keys.revoke(session, user_id=person.id, key_id=key.id)
    with pytest.raises(ApiKeyInvalid):
        api_keys.authenticate(session, key.secret)
    assert api_keys.authenticate(session, other.secret)
    with pytest.raises(NotFound):
        api_keys.revoke(session, user_id=person.id, key_id=key.id)


def test_nobody_revokes_the_key_of_another(session, person):
    key = made(session, person)
    with pytest.raises(NotFound):
        api_keys.revoke(session, user_id=making.user(session).id, key_id=key.id)
    assert api_keys.authenticate(session, key.secret)


def test_the_limit_counts_expired_keys_and_is_of_each_person(session, person):
    for _ in range(MAX_KEYS):
        made(session, person, expires_in_days=1)
    session.execute(update(ApiKey).values(expires_at=func.clock_timestamp()))
    with pytest.raises(ApiKeyLimitReached) as refused:
        made(session, person)
    assert refused.value.details["limit"] == MAX_KEYS
    assert made(session, making.user(session))


def test_the_limit_holds_for_keys_that_are_made_at_once(committed):
    with committed.begin() as session:
        person = making.user(session)
        for _ in range(MAX_KEYS - 2):
            made(session, person)

    def make():
        with committed() as session, transaction(session):
            return made(session, session.get_one(User, person.id))

    results = at_once(*[make] * 8)
    assert [type(each) for each in results].count(ApiKeyLimitReached) == 6
    with committed() as session:
        assert session.scalar(select(func.count()).select_from(ApiKey)) == MAX_KEYS


def test_closing_an_account_revokes_its_keys(session, person):
    key = made(session, person)
    other = made(session, making.user(session))
    leaving.leave(session, user=person, confirm=person.username)
    with pytest.raises(ApiKeyInvalid):
        api_keys.authenticate(session, key.secret)
    assert api_keys.authenticate(session, other.secret)


def test_so_does_an_administrator_who_closes_it(session, person):
    key = made(session, person)
    leaving.deactivate(session, person.id)
    with pytest.raises(ApiKeyInvalid):
        api_keys.authenticate(session, key.secret)


def test_a_key_of_an_account_that_was_closed_by_older_code_is_refused(session, person):
    key = made(session, person)
    session.execute(update(User).where(User.id == person.id).values(is_active=False))
    with pytest.raises(AccountInactive):
        api_keys.authenticate(session, key.secret)


def test_no_key_is_made_for_a_closed_account(session, person):
    leaving.deactivate(session, person.id)
    with pytest.raises(AccountInactive):
        made(session, person)


def test_the_day_of_its_last_use_is_recorded_once_a_day(session, person):
    key = row(session, made(session, person).id)
    assert (key.last_used_on, api_keys.is_new_day(key)) == (None, True)
    api_keys.record_use(session, key.id)
    session.refresh(key)
    assert not api_keys.is_new_day(key)
    session.execute(update(ApiKey).values(last_used_on=key.last_used_on - timedelta(days=1)))
    session.refresh(key)
    assert api_keys.is_new_day(key)
