"""How many connections PostgreSQL must allow: counted from what is deployed, and in the manual."""

import math
import re
import runpy
from pathlib import Path

import pytest

from tests.architecture.test_docker_compose import CPU_WORKERS, SERVICES, WEBS
from tests.operators.manifests import of_kind
from webapp.app import create_app

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
# Its session, the one that waits for notifications, and its health check.
OF_A_RELAY = 3
# The exporter's own and that of its collectors; the health check of `wal`, whose copy of the log
# does not count.
OF_OPERATORS = 2 + 1
# `prepare`, backups, `flask` commands and psql of operators; PostgreSQL keeps three for superusers.
SPARE = 20


@pytest.fixture
def of_a_process(environment):
    """The connections of one process of the site: those of all its pools."""
    config = create_app().config
    pools = [config["SQLALCHEMY_ENGINE_OPTIONS"], *config["SQLALCHEMY_BINDS"].values()]
    assert len(pools) == 4
    return sum(pool["pool_size"] + pool["max_overflow"] for pool in pools)


@pytest.fixture
def of_a_web(of_a_process, monkeypatch, tmp_path):
    """Those of all processes of one container of the site."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))  # else the file sets it for good
    return of_a_process * runpy.run_path(str(ROOT / "webapp/serving.py"))["workers"]


def children(name):
    """The children of a worker: each has one connection."""
    command = SERVICES[name]["command"]
    return int(command[command.index("-c") + 1])


def test_the_connections_of_compose_are_counted_in_the_manual_and_allowed(of_a_process, of_a_web):
    of_workers = sum(children(name) for name in CPU_WORKERS)
    total = len(WEBS) * of_a_web + of_workers + OF_A_RELAY + OF_OPERATORS
    for words in (
        f"At most {of_a_process} per process of the site",
        f"{of_a_web} per container",
        f"({of_workers} in `docker-compose.yml`)",
        f"{OF_A_RELAY} per relay",
        f"at most {total} in all",
    ):
        assert words in MANUAL, words
    [allowed] = re.findall(r"max_connections=(\d+)", str(SERVICES["postgres"]["command"]))
    assert f"`max_connections={allowed}`" in MANUAL
    assert total + SPARE <= int(allowed)


def test_who_reads_the_database_is_counted():
    reading = {name for name, each in SERVICES.items() if "DATABASE_URL" in str(each)}
    assert reading == {*WEBS, *CPU_WORKERS, "relay", "prepare"}
    others = {name for name, each in SERVICES.items() if "@postgres:5432" in str(each)} - reading
    once = {name for name in others if "backups" in SERVICES[name].get("profiles", ())}
    assert others - once == {"postgres-exporter"}


def pods(name):
    """The most pods of a Deployment of gpu-pool: all that KEDA may start, while it is replaced."""
    spec = of_kind("gpu-pool", "Deployment")[name]["spec"]
    scaled = of_kind("gpu-pool", "ScaledObject").get(name, {"spec": {}})["spec"]
    most = scaled.get("maxReplicaCount") or spec["replicas"]
    surge = spec.get("strategy", {}).get("rollingUpdate", {}).get("maxSurge", math.ceil(most / 4))
    return most + surge


def test_the_most_connections_of_a_cluster_are_in_the_manual(of_a_web):
    of_workers = sum(pods(name) * children(name) for name in CPU_WORKERS)
    total = pods("web") * of_a_web + of_workers + pods("relay") * OF_A_RELAY + OF_OPERATORS
    assert f"`gpu-pool` needs at most {total}" in MANUAL
