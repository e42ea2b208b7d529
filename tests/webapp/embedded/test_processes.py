"""The table agrees with Celery's page, with itself and with the settings."""

import sys
from pathlib import Path

import pytest

from webapp.domain.settings import Settings
from webapp.embedded.configuration import configuration
from webapp.embedded.environment import environment
from webapp.embedded.processes import PROCESSES, Group, Process


def queues() -> list[str]:
    return [
        queue
        for process in PROCESSES
        if "worker" in process.command
        for queue in process.command[process.command.index("-Q") + 1].split(",")
    ]


def test_every_queue_has_exactly_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_URL", "memory://")
    import celery_config

    assert sorted(queues()) == sorted(queue.value for queue in celery_config.QueueName)


def test_names_are_unique_and_databases_are_not_in_the_table() -> None:
    names = [process.name for process in PROCESSES]
    assert len(names) == len(set(names))
    assert all(process.group is not Group.DATABASES for process in PROCESSES)


def test_everything_listens_on_loopback_only() -> None:
    words = " ".join(word for process in PROCESSES for word in process.command)
    assert "0.0.0.0" not in words  # noqa: S104 - that is the point
    assert "--bind 127.0.0.1:" in words
    assert "--address=127.0.0.1" in words


def test_the_environment_satisfies_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = environment(
        tmp_path,
        environ={},
        web_port=8000,
        google_port=8001,
        toss_port=8002,
        smtp_port=4,
        flower_port=5555,
        database_url="postgresql+psycopg2://a:b@c/d",
        redis_url="redis://:password@127.0.0.1:1/0",
    )
    for name, value in child.items():
        monkeypatch.setenv(name, value)
    read = Settings.from_environment()
    assert read.public_base_url == "http://localhost:8000"
    assert read.google_base_url == "http://localhost:8001"
    assert read.toss_base_url == "http://localhost:8002"
    assert read.flower_url == "http://localhost:5555"
    assert read.broker_url == "redis://:password@127.0.0.1:1/1"
    assert read.storage_url == f"folder://{tmp_path}/storage"


def test_an_empty_variable_does_not_hide_an_embedded_service(tmp_path: Path) -> None:
    child = environment(
        tmp_path,
        environ={"REDIS_URL": "", "LANG": ""},
        web_port=1,
        google_port=2,
        toss_port=3,
        smtp_port=4,
        flower_port=5555,
        database_url="d",
        redis_url="redis://r/0",
    )
    assert (child["REDIS_URL"], child["LANG"]) == ("redis://r/0", "")


def test_no_secret_stands_in_the_configuration_and_percent_signs_survive(tmp_path: Path) -> None:
    process = Process("one", Group.WORKERS, (sys.executable, "-n", "cpu@%h", "two words"))
    text = configuration(directory=tmp_path, socket=tmp_path / "s", servers=[], processes=[process])
    assert "cpu@%%h 'two words'" in text
    assert "environment" not in text
