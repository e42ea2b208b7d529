"""deploy/kubernetes: processes start with the variables they get, once the schema is theirs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import database, signing
from tests.newer_code import NEWER, add_migration, copied_migrations, stating
from tests.operators import manifests
from tests.operators.manifests import OVERLAYS, pods, process
from webapp.domain.readiness import own_revisions
from webapp.domain.settings import Settings

ROOT = Path(__file__).parents[2]
# What an operator fills in, in the form that the settings of production accept.
FILLED = {
    "DATABASE_URL": "postgresql+psycopg2://user:password@database.example:5432/style_license",
    "DATABASE_DIRECT_URL": "",
    "BROKER_URL": "amqp://user:password@broker.example:5672//",
    "REDIS_URL": "redis://:password@redis.example:6379/0",
    "STORAGE_URL": "s3://access:secret@storage.example/files",
    "WATERMARK_KEYS": '{"1": "0123456789abcdef0123456789abcdef"}',
    "SECRET_KEY": "0123456789abcdef0123456789abcdef",
    "SECRET_KEY_FALLBACKS": '["89abcdef0123456789abcdef01234567"]',
    "INTERNAL_API_TOKEN_FALLBACKS": "[]",
    "INTERNAL_API_TOKEN": "fedcba9876543210fedcba9876543210",
    "GOOGLE_CLIENT_ID": "client",
    "GOOGLE_CLIENT_SECRET": "secret",
    "METRICS_TOKEN": "a token of thirty-two characters or more",
    "TOSS_CLIENT_KEY": "live_ck_key",
    "TOSS_SECRET_KEY": "live_sk_key",
    "SENTRY_DSN": "",
    "SMTP_URL": "",
}


def variables(overlay, container):
    """The environment of a container, with the secrets and the files of an operator."""
    values = manifests.plain_variables(overlay, container)
    secrets = {name: FILLED[name] for name in manifests.secret_variables(container)}
    files = {name: path for name, path in signing.production().items() if name in values}
    return values | secrets | files


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_process_of_the_database_accepts_its_variables(overlay, monkeypatch):
    reading = {name: pod for name, pod in pods(overlay).items() if "DATABASE_URL" in str(pod)}
    assert len(reading) == 10
    for name, pod in reading.items():
        with monkeypatch.context() as patch:
            for other in set(os.environ) - {"PATH", "HOME"}:
                patch.delenv(other)
            for variable, value in variables(overlay, process(pod)).items():
                patch.setenv(variable, value)
            found = Settings()
        assert found.env == "production"
        assert len(found.secret_key_fallbacks) == (name == "web")
        assert (found.secret_key == FILLED["SECRET_KEY"]) == (name == "web")
        assert (found.toss_secret_key == FILLED["TOSS_SECRET_KEY"]) == (
            name in {"web", "worker-housekeeping"}
        )


def run_schema_check(url):
    [waiting] = pods("gpu-pool")["web"]["spec"]["initContainers"]
    assert waiting["command"] == ["python", "-c"]
    own = {"DATABASE_URL": url.render_as_string(hide_password=False), "PATH": os.environ["PATH"]}
    return subprocess.run(
        [sys.executable, "-c", *waiting["args"]],
        cwd=ROOT,
        env=variables("gpu-pool", waiting) | own,
        check=False,
        capture_output=True,
        text=True,
    )


def test_a_process_waits_until_the_database_is_migrated(server, template):
    with database.database(server) as empty:
        done = run_schema_check(empty)
    assert done.returncode != 0
    assert "alembic_version" in done.stderr
    with database.database(server, template=template) as migrated:
        done = run_schema_check(migrated)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("statement, starts", [(stating(own_revisions()[0]), True), ("", False)])
def test_a_process_starts_at_a_newer_schema_that_names_its_code(
    server, template, tmp_path, statement, starts
):
    folder = copied_migrations(tmp_path / "migrations")
    add_migration(folder, statement)
    with database.database(server, template=template) as newer:
        database.migrate(newer, folder=folder)
        done = run_schema_check(newer)
    assert (done.returncode == 0) is starts, done.stderr
    assert starts or f"the database is at {NEWER}" in done.stderr


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_who_reads_the_database_waits_and_nobody_else(overlay):
    waiting = {name for name, pod in pods(overlay).items() if "initContainers" in pod["spec"]}
    reading = {name for name, pod in pods(overlay).items() if "DATABASE_URL" in str(pod)}
    assert waiting == reading - {"prepare"}
