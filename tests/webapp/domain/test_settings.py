import json

import pytest

from tests import signing
from tests.fixtures import ENVIRONMENT
from webapp.domain.secret_rules import NOT_GIVEN
from webapp.domain.settings import (
    DEVELOPMENT_WATERMARK_KEY,
    Environment,
    Settings,
    SettingsError,
)

COMPLETE = ENVIRONMENT | {
    "DATABASE_URL": "postgresql+psycopg2://site@localhost/site",
    "STORAGE_URL": "folder:///var/objects",
}


@pytest.fixture
def environment_of(monkeypatch):
    """Give the process exactly these variables of ours."""

    def give(**variables):
        for name in Settings.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return give


def test_a_complete_environment_is_read(environment_of):
    environment_of(**COMPLETE)
    found = Settings.from_environment()
    assert found.env is Environment.TEST
    assert found.retry_delays_seconds == (0, 30, 120)
    assert (found.republish_seconds, found.training_slice_seconds) == (30, 600)
    assert found.base_model == "built-in"


def test_everything_missing_is_named_at_once(environment_of):
    environment_of(ENV="test")
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment()
    text = str(refused.value)
    required = [name for name, field in Settings.model_fields.items() if field.is_required()]
    assert all(f"{name.upper()}: missing" in text for name in required)


def test_bad_values_are_named_with_the_missing_ones(environment_of):
    environment_of(**{**COMPLETE, "SECRET_KEY": "short", "GENERATION_LEASE_SECONDS": "soon"})
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment()
    assert "SECRET_KEY" in str(refused.value)
    assert "GENERATION_LEASE_SECONDS" in str(refused.value)


def test_an_error_never_shows_a_secret(environment_of):
    environment_of(**{**COMPLETE, "SECRET_KEY": "hunter2"})
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment()
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None


LIVE = {"TOSS_CLIENT_KEY": "live_ck_1", "TOSS_SECRET_KEY": "live_sk_1"}
PRODUCTION = (
    COMPLETE
    | LIVE
    | signing.production()
    | {
        "ENV": "production",
        "PUBLIC_BASE_URL": "https://example.org",
        "WATERMARK_KEYS": json.dumps({1: "first key of watermarks, never published"}),
    }
)


@pytest.mark.parametrize(
    "change, named",
    [
        ({"GOOGLE_BASE_URL": "http://localhost:9001"}, "GOOGLE_BASE_URL"),
        ({"TOSS_BASE_URL": "http://localhost:9002"}, "TOSS_BASE_URL"),
        ({"TOSS_CLIENT_KEY": "test_ck_1", "TOSS_SECRET_KEY": "test_sk_1"}, "TOSS_SECRET_KEY"),
        ({"PUBLIC_BASE_URL": "http://example.org"}, "PUBLIC_BASE_URL"),
        ({"FAILPOINTS": "after_commit=1"}, "FAILPOINTS"),
        (signing.development(), "CONTENT_CREDENTIALS_CHAIN was made for development"),
        ({"CONTENT_CREDENTIALS_CHAIN": "/nowhere.pem"}, "/nowhere.pem cannot be read"),
        ({"CONTENT_CREDENTIALS_KEY": "/nowhere.pem"}, "/nowhere.pem cannot be read"),
        ({"SECRET_KEY": "x" * 31}, "SECRET_KEY"),
        ({"INTERNAL_API_TOKEN": "x" * 31}, "INTERNAL_API_TOKEN"),
        ({"WATERMARK_KEYS": ""}, "WATERMARK_KEYS"),
        (
            {"WATERMARK_KEYS": json.dumps({1: "x" * 32, 2: DEVELOPMENT_WATERMARK_KEY})},
            "WATERMARK_KEYS",
        ),
    ],
)
def test_production_refuses_what_is_for_development_and_weak(environment_of, change, named):
    environment_of(**PRODUCTION | change)
    with pytest.raises(SettingsError, match=named):
        Settings.from_environment()


@pytest.mark.parametrize(
    "name", ["SECRET_KEY", "INTERNAL_API_TOKEN", "METRICS_TOKEN", "WATERMARK_KEYS"]
)
@pytest.mark.parametrize("weak", ["x" * 64, "0123456" * 6, "{{openssl rand -hex 32}}" * 2])
def test_production_refuses_a_key_that_nobody_drew(environment_of, name, weak):
    value = json.dumps({1: weak}) if name == "WATERMARK_KEYS" else weak
    environment_of(**PRODUCTION | {name: value})
    with pytest.raises(SettingsError, match=name) as refused:
        Settings.from_environment()
    assert weak not in str(refused.value)
    environment_of(**COMPLETE | {name: value})
    assert Settings.from_environment().env is Environment.TEST


@pytest.mark.parametrize(
    "change, named",
    [
        ({"GOOGLE_CLIENT_SECRET": "{{of the Google console}}"}, "GOOGLE_CLIENT_SECRET"),
        ({"TOSS_SECRET_KEY": "live_{{sk}}"}, "TOSS_SECRET_KEY"),
        ({"BROKER_URL": "amqp://{{user}}:{{password}}@{{host}}:5672//"}, "BROKER_URL"),
        ({"SECRET_KEY_FALLBACKS": json.dumps(["{{openssl rand -hex 32}}" * 2])}, "_FALLBACKS"),
    ],
)
def test_production_refuses_the_placeholders_of_an_example(environment_of, change, named):
    environment_of(**PRODUCTION | change)
    with pytest.raises(SettingsError, match=f"{named} is a placeholder"):
        Settings.from_environment()


CURRENT = "the current value, drawn at random", "another value that was drawn at random"


@pytest.mark.parametrize("name", ["SECRET_KEY", "INTERNAL_API_TOKEN"])
@pytest.mark.parametrize(
    "fallbacks, reason",
    [
        ([CURRENT[0]], "holds the current"),
        ([CURRENT[1], CURRENT[0]], "holds the current"),
        ([CURRENT[1], CURRENT[1]], "names a value twice"),
        ([NOT_GIVEN], "is no secret"),
        (["short"], "at least 32 characters"),
    ],
)
def test_fallbacks_are_other_secrets(environment_of, name, fallbacks, reason):
    variables = {name: CURRENT[0], f"{name}_FALLBACKS": json.dumps(fallbacks)}
    environment_of(**COMPLETE | variables)
    with pytest.raises(SettingsError, match=f"{name}_FALLBACKS.*{reason}") as refused:
        Settings.from_environment()
    assert not any(each in str(refused.value) for each in (*CURRENT, "short"))


def test_production_refuses_weak_fallbacks(environment_of):
    for name in ("SECRET_KEY_FALLBACKS", "INTERNAL_API_TOKEN_FALLBACKS"):
        environment_of(**PRODUCTION | {name: json.dumps(["x" * 32])})
        with pytest.raises(SettingsError, match=f"{name} has fewer than 8"):
            Settings.from_environment()


def test_fallbacks_come_after_the_current_value(environment_of):
    environment_of(
        **COMPLETE | {"SECRET_KEY": CURRENT[0], "SECRET_KEY_FALLBACKS": json.dumps([CURRENT[1]])}
    )
    assert Settings.from_environment().secret_keys == CURRENT
    environment_of(**COMPLETE)
    assert Settings.from_environment().secret_keys == (COMPLETE["SECRET_KEY"],)
    assert Settings.from_environment().internal_api_tokens == (COMPLETE["INTERNAL_API_TOKEN"],)


@pytest.mark.parametrize("text", ["not a list", '"a text"', "{"])
def test_a_list_that_is_no_json_is_named(environment_of, text):
    environment_of(**COMPLETE | {"SECRET_KEY_FALLBACKS": text})
    with pytest.raises(SettingsError, match=r"(?i)secret_key_fallbacks") as refused:
        Settings.from_environment()
    assert text == "{" or text not in str(refused.value)


@pytest.mark.parametrize(
    "name, text",
    [
        ("SECRET_KEY", NOT_GIVEN),
        ("INTERNAL_API_TOKEN", NOT_GIVEN),
        ("WATERMARK_KEYS", json.dumps({1: NOT_GIVEN})),
    ],
)
def test_the_site_does_not_serve_without_its_own_secrets(environment_of, name, text):
    environment_of(**PRODUCTION | {name: text})
    other_process = Settings.from_environment()
    assert other_process.env is Environment.PRODUCTION
    with pytest.raises(SettingsError, match=name):
        other_process.require_own_secrets()
    environment_of(**PRODUCTION)
    Settings.from_environment().require_own_secrets()


@pytest.mark.parametrize(
    "change, named",
    [
        (LIVE | {"TOSS_BASE_URL": "http://localhost:9002"}, "TOSS_BASE_URL"),
        (LIVE | {"TOSS_CLIENT_KEY": "test_ck_1"}, "TOSS_CLIENT_KEY"),
        (LIVE | {"TOSS_SECRET_KEY": "test_sk_1"}, "TOSS_SECRET_KEY"),
    ],
)
def test_live_keys_are_never_mixed_with_a_sandbox(environment_of, change, named):
    environment_of(**COMPLETE | change)
    with pytest.raises(SettingsError, match=named):
        Settings.from_environment()


def test_real_production_boots(environment_of):
    environment_of(**PRODUCTION)
    assert Settings.from_environment().env is Environment.PRODUCTION


def test_settings_never_change_under_a_running_process(environment_of):
    environment_of(**COMPLETE)
    with pytest.raises(Exception, match="frozen"):
        Settings.from_environment().env = Environment.PRODUCTION


def test_every_setting_says_what_it_is_for():
    assert all(field.description for field in Settings.model_fields.values())


def test_watermark_keys_are_numbered_and_old_ones_stay(environment_of):
    environment_of(**COMPLETE)
    assert Settings.from_environment().watermark_keys == {1: DEVELOPMENT_WATERMARK_KEY}
    environment_of(**COMPLETE, WATERMARK_KEYS=json.dumps({1: "a" * 32, 12: "b" * 32}))
    assert Settings.from_environment().watermark_keys == {1: "a" * 32, 12: "b" * 32}


@pytest.mark.parametrize(
    "keys", ["{}", '{"0": "%s"}', '{"32768": "%s"}', '{"old": "%s"}', '{"1": "short"}', '["%s"]']
)
def test_watermark_keys_that_could_not_be_recorded_are_refused(environment_of, keys):
    environment_of(**COMPLETE, WATERMARK_KEYS=keys.replace("%s", "x" * 32))
    with pytest.raises(SettingsError, match="WATERMARK_KEYS") as refused:
        Settings.from_environment()
    assert "short" not in str(refused.value)


def test_mails_need_a_server_and_a_sender(environment_of):
    environment_of(**COMPLETE)
    assert not Settings.from_environment().sends_mail
    environment_of(**COMPLETE, MAIL_FROM="Style License <no-reply@styles.example>")
    assert Settings.from_environment().sends_mail
    environment_of(**COMPLETE, SMTP_URL="smtps://mail.example")
    with pytest.raises(SettingsError, match="SMTP_URL needs MAIL_FROM"):
        Settings.from_environment()


@pytest.mark.parametrize(
    "name, value",
    [
        ("SMTP_URL", "smtp://me:secret-word@relay?tls=off"),
        ("SMTP_URL", "secret-word"),
        ("MAIL_FROM", "Style License"),
        ("MAIL_FROM", "a@b.example\nBcc: c@d.example"),
        ("MAIL_FROM", "two words@b.example"),
    ],
)
def test_a_wrong_mail_server_or_sender_is_named_without_its_password(environment_of, name, value):
    environment_of(**{**COMPLETE, "MAIL_FROM": "a@b.example", name: value})
    with pytest.raises(SettingsError, match=name) as refused:
        Settings.from_environment()
    assert "secret-word" not in str(refused.value)
