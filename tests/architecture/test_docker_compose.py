"""What docker-compose.yml and docker/Caddyfile promise, read without a container engine."""

import json
import os
import re
import runpy
import subprocess
from pathlib import Path

import pytest
import yaml

from tests import compose
from webapp.domain.secret_rules import NOT_GIVEN
from webapp.domain.settings import Settings
from webapp.embedded.processes import find_proxy
from webapp.http import bodies, csrf

ROOT = Path(__file__).parents[2]
ENV = {
    name: f"{name.lower()}-filled-in"
    for name in compose.environment_file((ROOT / ".env.example").read_text(encoding="utf-8"))
    if name not in {"DATABASE_URL", "BROKER_URL", "REDIS_URL", "STORAGE_URL"}
} | {"PUBLIC_BASE_URL": "https://styles.example"}
SERVICES = compose.services(ENV)
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
GPU_WORKERS = {name for name in OURS if "tasks.on_gpu" in SERVICES[name].get("command", ())}
WEBS = {"web", "web-2"}
CPU_WORKERS = {name for name in OURS if "tasks.on_cpu" in SERVICES[name].get("command", ())}
# Of make backup, make restore and make recover.
ONCE = {name for name, service in SERVICES.items() if "backups" in service.get("profiles", ())}
SECONDS = 1_000_000_000  # Caddy counts in nanoseconds


def caddy(*arguments):
    program = find_proxy(os.environ["PATH"])
    assert program, "caddy is needed: pip install -r requirements/dev.txt"
    file = ("--config", str(ROOT / "docker/Caddyfile"), "--adapter", "caddyfile")
    return subprocess.run(
        [program.command[0], *arguments, *file],
        env={"SITE_ADDRESS": "https://styles.example", "HOME": "/nonexistent"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.fixture(scope="module")
def proxy():
    """The proxy's configuration as Caddy reads it."""
    return json.loads(caddy("adapt"))


def found(node, name):
    """Every value of a name, however deep."""
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == name)
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from found(each, name)


def test_every_service_starts_again():
    for name, service in SERVICES.items():
        once = {"prepare": "on-failure"} | dict.fromkeys(ONCE, "no")
        assert service["restart"] == once.get(name, "unless-stopped"), name


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_can_gain_rights_or_take_the_whole_machine(name):
    service = SERVICES[name]
    assert service["read_only"] is (name != "rabbitmq")
    assert service["cap_drop"] == ["ALL"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else [])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "/tmp" in service["tmpfs"]  # noqa: S108 - of the container
    assert 0 < service["pids_limit"] <= 1024
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    options = service["logging"]["options"]
    assert int(options["max-file"]) * int(options["max-size"].removesuffix("m")) <= 200


def test_a_service_with_a_read_only_file_system_is_given_secrets_and_configs_as_files():
    """Compose refuses others there: "`file` is the sole supported option"."""
    read = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    used = set()
    for service in SERVICES.values():
        for kind in ("secrets", "configs"):
            names = set(service.get(kind, ()))
            used |= names
            for name in names if service["read_only"] else ():
                assert set(read[kind][name]) == {"file"}, name
    assert used == {*read["secrets"], *read["configs"]}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_that_stays_says_whether_it_is_healthy(name):
    check = SERVICES[name].get("healthcheck")
    if name in ONCE | {"prepare"}:
        assert check == {"disable": True}
    else:
        assert check["test"][0] in {"CMD", "CMD-SHELL"}


def test_the_proxy_alone_is_reached_from_elsewhere():
    reached = {
        name
        for name, service in SERVICES.items()
        if any(not str(port).startswith("127.0.0.1:") for port in service.get("ports", ()))
    }
    assert reached == {"proxy"}
    assert SERVICES["proxy"]["ports"] == ["80:80", "443:443"]


def test_without_urls_in_env_the_services_of_the_file_are_used():
    variables = SERVICES["web"]["environment"]
    assert variables["DATABASE_URL"].endswith(
        "://style_license:postgres_password-filled-in@postgres:5432/style_license"
    )
    assert variables["STORAGE_URL"].endswith("?secure=0&public_endpoint=https://styles.example")
    given = compose.services(ENV | {"STORAGE_URL": "s3://a:b@elsewhere/c"})
    assert given["web"]["environment"]["STORAGE_URL"] == "s3://a:b@elsewhere/c"


# The relay, webhooks and mails need no file.
WITH_FILES = CPU_WORKERS - {"worker-outgoing", "worker-mail"}
# Which services know a secret of .env, whether by itself or within a URL.
KNOWN_BY = {
    "POSTGRES_PASSWORD": {"prepare", *WEBS, "relay", *CPU_WORKERS, "postgres", "postgres-exporter"}
    | {"wal", *(ONCE - {"backup-files", "restore-files"})},
    "RABBITMQ_PASSWORD": {*OURS, "rabbitmq"},
    "STORAGE_SECRET_KEY": {"prepare", *WEBS, *WITH_FILES, "storage"}
    | {"backup-files", "restore-files"},
    "REDIS_URL": {*WEBS, "worker-verify"},
    "WATERMARK_KEYS": {*WEBS, "worker-cpu", "worker-verify", "worker-editing"},
    "STORAGE_OTHER_KEYS": {"storage"},
    "SECRET_KEY": WEBS,
    "SECRET_KEY_FALLBACKS": WEBS,
    "GOOGLE_CLIENT_SECRET": WEBS,
    "METRICS_TOKEN": {*WEBS, "prometheus"},
    "TOSS_SECRET_KEY": {*WEBS, "worker-housekeeping"},
    "SMTP_URL": {"worker-mail"},
    "INTERNAL_API_TOKEN": {*WEBS, *GPU_WORKERS},
    "INTERNAL_API_TOKEN_FALLBACKS": WEBS,
    "FLOWER_BASIC_AUTH": {"flower"},
    "GRAFANA_PASSWORD": {"grafana"},
    "ALERT_SMTP_PASSWORD": {"alertmanager"},
}


@pytest.mark.parametrize("secret, services", KNOWN_BY.items())
def test_a_secret_is_known_only_by_those_who_use_it(secret, services):
    known = compose.services(ENV | {secret: "looked-for"})
    values_of = {
        name: [*service.get("environment", {}).values(), service.get("command")]
        for name, service in known.items()
    }
    holders = {name for name, values in values_of.items() if "looked-for" in str(values)}
    assert holders == services
    assert not any("env_file" in service for service in known.values())


def test_who_has_no_secret_gets_the_text_that_the_site_refuses_to_serve_with():
    variables = {name: service["environment"] for name, service in OURS.items()}
    for secret in ("SECRET_KEY", "INTERNAL_API_TOKEN"):
        given = {name for name, each in variables.items() if each.get(secret) == NOT_GIVEN}
        assert given == {"prepare", "relay", *CPU_WORKERS}
    reading = {name for name, each in variables.items() if "DATABASE_URL" in each}
    given = {name for name in reading if NOT_GIVEN in variables[name]["WATERMARK_KEYS"]}
    assert given == reading - KNOWN_BY["WATERMARK_KEYS"]


def test_every_setting_of_env_reaches_the_site_and_production_is_the_default():
    variables = SERVICES["web"]["environment"]
    missing = {name.upper() for name in Settings.model_fields} - set(variables)
    assert missing == {"CONTENT_CREDENTIALS_KEY", "SMTP_URL"}
    for name, service in OURS.items():
        assert service["environment"]["ENV"] == "production", name
    assert compose.services(ENV | {"ENV": "test"})["relay"]["environment"]["ENV"] == "test"


def test_mails_are_offered_only_where_there_is_a_server_for_them():
    sender = {"MAIL_FROM": "no-reply@styles.example"}
    for url, offered in (("", ""), ("smtps://mail.example", sender["MAIL_FROM"])):
        services = compose.services(ENV | sender | {"SMTP_URL": url})
        assert services["web"]["environment"]["MAIL_FROM"] == offered
        assert services["worker-cpu"]["environment"]["MAIL_FROM"] == offered


def test_one_service_alone_has_the_key_that_signs_pictures():
    readers = {name for name, service in SERVICES.items() if "credentials_key" in str(service)}
    assert readers == {"worker-cpu"}
    assert "stamping" in str(SERVICES["worker-cpu"]["command"])
    for service in SERVICES.values():
        if "DATABASE_URL" in service.get("environment", {}):
            assert {"credentials_chain", "credentials_roots"} <= set(service["configs"])


def test_no_gpu_is_needed_and_the_override_gives_one_to_each_pool():
    assert not any("deploy" in service for service in SERVICES.values())
    override = yaml.safe_load((ROOT / "docker-compose.gpu.yml").read_text())["services"]
    pools = {name for name, service in OURS.items() if service["build"]["target"] == "gpu"}
    given = {name: service for name, service in override.items() if "deploy" in service}
    assert set(given) == pools | {"worker-segmentation"}
    for service in given.values():
        [device] = service["deploy"]["resources"]["reservations"]["devices"]
        assert device["driver"] == "nvidia"


def test_all_who_look_for_masks_know_the_segmenter_of_the_override():
    override = yaml.safe_load((ROOT / "docker-compose.gpu.yml").read_text())["services"]
    told = {name for name, service in override.items() if "SEGMENTER" in str(service)}
    assert told == {*WEBS, "worker-uploads", "worker-editing", "worker-segmentation"}
    assert override["worker-segmentation"]["build"]["target"] == "gpu"
    assert OURS["worker-segmentation"]["build"]["target"] == "cpu"


@pytest.fixture
def serving(monkeypatch, tmp_path):
    """The configuration of gunicorn."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))  # else the file sets it for good
    return runpy.run_path(str(ROOT / "webapp/serving.py"))


def test_the_proxy_gives_up_idle_connections_before_the_site_does(proxy, serving):
    [kept, *others] = [each["idle_timeout"] for each in found(proxy, "keep_alive")]
    assert others
    assert max(kept, *others) < serving["keepalive"] * SECONDS


def test_the_proxy_buffers_what_anybody_may_send_and_passes_on_what_artists_may(proxy):
    assert set(found(proxy, "request_buffers")) == {csrf.LONGEST_FORM}
    assert bodies.MAX_BODY <= csrf.LONGEST_FORM
    [most] = found(proxy, "max_size")
    assert most > bodies.MAX_STYLE_BODY


def test_the_proxy_waits_for_no_slow_client(proxy):
    [server] = proxy["apps"]["http"]["servers"].values()
    assert 0 < server["read_header_timeout"] <= 10 * SECONDS
    assert 0 < server["read_timeout"] <= 3600 * SECONDS
    assert 0 < server["idle_timeout"] <= 300 * SECONDS
    assert "trusted_proxies" not in server, "no client may say where it comes from"


def test_the_proxy_serves_the_bucket_of_the_storage(proxy):
    bucket = SERVICES["web"]["environment"]["STORAGE_URL"].partition("?")[0].rpartition("/")[2]
    assert f"/{bucket}/*" in {path for paths in found(proxy, "path") for path in paths}
    hosts = {each["dial"] for upstreams in found(proxy, "upstreams") for each in upstreams}
    assert hosts == {"web:8000", "storage:9000"}


def test_the_lines_of_env_that_compose_needs_are_in_the_example():
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    known = {line.removeprefix("# ").partition("=")[0] for line in text.splitlines()}
    asked = set(compose.VARIABLE.findall((ROOT / "docker-compose.yml").read_text()))
    assert asked <= known, asked - known
    assert {name.upper() for name in Settings.model_fields} <= known


@pytest.mark.parametrize(
    "target, steps",
    [
        ("backup", ["backup-files", "backup-database", "backup-files"]),
        ("base-backup", ["base-backup"]),
        ("restore", ["restore-database", "restore-files", "prepare", "prepare", "prepare"]),
        ("recover", ["recover", "recovered", "prepare", "prepare", "prepare"]),
        ("recovered", ["recovered", "prepare", "prepare", "prepare"]),
    ],
)
def test_make_runs_the_services_that_back_up_and_restore(target, steps):
    commands = subprocess.run(
        ["/usr/bin/env", "make", "-n", target], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    run = [line.split() for line in commands if " run " in line]
    assert [next(word for word in words if word in SERVICES) for words in run] == steps
    proofs = [" ".join(words).partition("webapp.app ")[2] for words in run if "flask" in words]
    assert proofs in ([], ["restored", "ledger check --full", "license check-files"])
    assert set(steps) <= ONCE | {"prepare"}


def test_nothing_waits_for_a_recovery_with_a_limit():
    commands = subprocess.run(
        ["/usr/bin/env", "make", "-n", "recover"], cwd=ROOT, check=True, capture_output=True
    ).stdout.decode()
    started = re.findall(r"docker compose up (.*)", commands)
    assert started == ["--detach --wait storage", "--detach postgres"]
    assert SERVICES["recovered"]["command"] == ["sh", "/scripts/recovered.sh"]
    assert SERVICES["recovered"]["volumes"] == SERVICES["wal"]["volumes"], "it sets the log aside"


def test_a_database_is_healthy_only_at_the_address_that_others_use():
    """The server that makes a new database, before the real one, has a socket alone."""
    check = SERVICES["postgres"]["healthcheck"]
    assert check["test"][:4] == ["CMD", "pg_isready", "-h", "127.0.0.1"]
    assert check["start_period"] == "10m", "after a crash it reads its log first"


def test_what_is_backed_up_is_what_the_site_uses():
    variables = SERVICES["web"]["environment"]
    assert variables["DATABASE_URL"].endswith("@postgres:5432/style_license")
    for name in ("backup-database", "restore-database"):
        assert SERVICES[name]["environment"]["PG_URL"].endswith("@postgres:5432/style_license")
    bucket = variables["STORAGE_URL"].partition("?")[0].rpartition("/")[2]
    assert f"site:{bucket}" in SERVICES["backup-files"]["command"]
    assert SERVICES["restore-files"]["command"][-1] == f"site:{bucket}"
    images = {name: SERVICES[name]["image"] for name in ("backup-database", "recover", "postgres")}
    assert len(set(images.values())) == 1, "pg_dump must not be older than its server"
    assert SERVICES["postgres"]["volumes"][-1].endswith(":/backups:ro")
