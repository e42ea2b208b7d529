"""The children's environment: what is given wins, what is missing is made."""

import pytest

from webapp.embedded.environment import environment


@pytest.fixture
def make(tmp_path):
    def make(**given):
        return environment(
            tmp_path,
            environ=given,
            web_port=8000,
            google_port=8001,
            toss_port=8002,
            smtp_port=8025,
            flower_port=5555,
            database_url="postgresql://embedded/site",
            redis_url="redis://embedded/0",
        )

    return make


def test_a_given_service_replaces_the_embedded_one(make):
    made = make(BROKER_URL="amqp://real")
    assert made["BROKER_URL"] == "amqp://real"
    assert made["DATABASE_URL"] == "postgresql://embedded/site"


def test_the_broker_and_the_cache_have_databases_of_their_own(make):
    made = make()
    assert (made["REDIS_URL"], made["BROKER_URL"]) == ("redis://embedded/0", "redis://embedded/1")


def test_a_given_chain_is_used_and_none_is_made(make, tmp_path):
    made = make(CONTENT_CREDENTIALS_CHAIN="/real/chain.pem")
    assert made["CONTENT_CREDENTIALS_CHAIN"] == "/real/chain.pem"
    assert not (tmp_path / "credentials").exists()


def test_a_real_google_client_leaves_no_trace_of_the_sandbox(make):
    made = make(GOOGLE_CLIENT_ID="real", GOOGLE_CLIENT_SECRET="given")
    assert "OAUTHLIB_INSECURE_TRANSPORT" not in made
    assert "GOOGLE_BASE_URL" not in made


def test_real_keys_of_toss_leave_no_trace_of_the_sandbox(make):
    made = make(TOSS_CLIENT_KEY="live_ck_real", TOSS_SECRET_KEY="live_sk_real")
    assert made["TOSS_SECRET_KEY"] == "live_sk_real"
    assert "TOSS_BASE_URL" not in made


def test_where_no_money_moves_a_payout_takes_less_than_the_artist_of_the_fixture_has(make):
    assert int(make()["PAYOUT_MINIMUM_TOKENS"]) < 60
    assert make(PAYOUT_MINIMUM_TOKENS="70")["PAYOUT_MINIMUM_TOKENS"] == "70"
    real = make(TOSS_CLIENT_KEY="live_ck_real", TOSS_SECRET_KEY="live_sk_real")
    assert "PAYOUT_MINIMUM_TOKENS" not in real


def test_without_a_mail_server_mails_go_to_the_sandbox(make):
    made = make()
    assert made["SMTP_URL"] == "smtp://127.0.0.1:8025"
    assert made["MAIL_FROM"] == "Style License <no-reply@styles.example>"


def test_a_real_mail_server_leaves_no_trace_of_the_sandbox(make):
    made = make(SMTP_URL="smtps://real.example")
    assert made["SMTP_URL"] == "smtps://real.example"
    assert "MAIL_FROM" not in made
