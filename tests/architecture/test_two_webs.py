"""Two webs behind the proxy: what docker-compose.yml, docker/Caddyfile and gunicorn agree on."""

import re
import subprocess

import pytest

from tests.architecture.test_docker_compose import ROOT, SECONDS, SERVICES, found, proxy, serving
from tests.operators.manifests import seconds
from webapp.domain import db
from webapp.web_worker import DRAIN_SHARE

__all__ = ["proxy", "serving"]


def test_the_proxy_notices_a_web_that_drains_before_its_port_is_closed(proxy, serving):
    checks = list(found(proxy, "active"))
    assert {check["uri"] for check in checks} == {"/readyz/process"}
    drain = serving["graceful_timeout"] * DRAIN_SHARE
    assert 2 * max(check["interval"] for check in checks) < drain * SECONDS
    # An answer that waits for a connection, and for a statement, is no sign of a dead process.
    waits = db.WEB_WAIT_SECONDS + 15
    assert min(check["timeout"] for check in checks) > waits * SECONDS


@pytest.mark.parametrize("web", ["web", "web-2"])
def test_a_web_is_healthy_when_the_proxy_would_send_it_requests(proxy, web):
    """So `make deploy` replaces the second only when the first gets requests."""
    check = SERVICES[web]["healthcheck"]
    [uri] = {each["uri"] for each in found(proxy, "active")}
    assert f"http://127.0.0.1:8000{uri}'" in str(check["test"])
    # A slow database must not make it unhealthy.
    waits = db.WEB_WAIT_SECONDS + 15
    assert seconds(check["timeout"]) > waits


def test_a_refused_request_is_sent_to_the_other_web(proxy, serving):
    balanced = [each for each in found(proxy, "load_balancing") if each]
    assert len(balanced) == 2, "streams, and all else"
    for each in balanced:
        assert 0 < each["try_duration"] <= 10 * SECONDS
        safe = [{"method": ["GET", "HEAD"]}, {"header": {"Idempotency-Key": ["*"]}}]
        assert each["retry_match"] == safe


def test_the_proxy_knows_each_web_by_a_name_of_its_own():
    upstreams = SERVICES["proxy"]["environment"]["WEB_ADDRESS"].split()
    names = [{name, *SERVICES[name]["networks"]["default"]["aliases"]} for name in ("web", "web-2")]
    for upstream, own, other in zip(upstreams, names, reversed(names), strict=True):
        host, _, port = upstream.partition(":")
        assert port == "8000"
        assert host in own - other
    assert "web" in names[0] & names[1], "workers reach any of them"


def test_one_web_is_replaced_after_the_other_and_has_time_to_end(serving):
    first, second = SERVICES["web"], SERVICES["web-2"]
    own = {"networks", "depends_on"}
    assert {k: v for k, v in second.items() if k not in own} == {
        k: v for k, v in first.items() if k not in own
    }
    waits = {"web": {"condition": "service_healthy"}}
    assert second["depends_on"] == first["depends_on"] | waits
    assert int(first["stop_grace_period"].removesuffix("s")) > serving["graceful_timeout"]


def deploying():
    """What `make deploy` starts without dependencies, in its order, and all its commands."""
    commands = subprocess.run(
        ["/usr/bin/env", "make", "--no-print-directory", "-n", "deploy"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout.decode()
    started = re.findall(
        r"docker compose (?:run|up) (?:--\S+ )*--no-deps(?: --\S+)* (.+)", commands
    )
    return started, commands


def first_to_deploy():
    """What must know all that newer webs write."""
    started, _ = deploying()
    return started[1].split()


def test_make_deploys_what_must_know_new_rows_then_one_web_after_the_other_then_the_rest():
    started, commands = deploying()
    assert started == ["prepare", "relay worker-cpu worker-housekeeping", "web", "web-2"]
    assert commands.rstrip().endswith("docker compose up --detach")
    for web in ("web", "web-2"):
        assert f"docker compose up --detach --no-deps --wait {web}\n" in commands


def test_the_manual_restarts_every_web_in_each_step_of_a_rotation():
    manual = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    secrets = manual.partition("## Secrets")[2].partition("\n## ")[0]
    steps = re.findall(r"^\| (\d)\D.*restart (.*):", secrets, re.MULTILINE)
    assert steps == [(step, "`web`, then `web-2`") for step in "123"]
    assert (
        "`docker compose up --detach --no-deps --wait web`, then the same with `web-2`" in secrets
    )
