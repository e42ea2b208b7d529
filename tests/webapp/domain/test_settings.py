import json

import pytest

from tests import signing
from tests.fixtures import ENVIRONMENT
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
