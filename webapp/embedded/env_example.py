"""`.env.example`, generated from the settings.

`python -m webapp.embedded.env_example` rewrites it; with --check it only says whether it is up to
date.
"""

import json
import sys
from pathlib import Path

from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from logs import LogSettings
from tasks.exporter import ExporterSettings
from tasks.worker_api import WorkerSettings
from webapp.domain.settings import Settings

FILE = Path(".env.example")
HEADER = """\
# Copy to .env and fill in. Lines that are commented out show the default.
# Made by `python -m webapp.embedded.env_example`; do not edit by hand.

# Credentials of the services of docker-compose.yml. They are part of URLs: letters and digits only,
# for example of `openssl rand -hex 32`.
POSTGRES_PASSWORD=
RABBITMQ_PASSWORD=
STORAGE_ACCESS_KEY=
STORAGE_SECRET_KEY=
# a second pair that the storage accepts, as access,secret; for a rotation (docs/operations.md)
# STORAGE_OTHER_KEYS=
# name:password of operators at Flower, port 5555 of this machine
FLOWER_BASIC_AUTH=
# password of "admin" at Grafana, port 3000 of this machine; docker compose refuses to start
# without it, also without --profile operators
GRAFANA_PASSWORD=
# where alerts go, one of both or both; only with --profile operators
# ALERT_WEBHOOK_URL=
# ALERT_MAIL_TO=
# for mail: the sender, host:port of the server, and what it asks for
# ALERT_MAIL_FROM=
# ALERT_SMTP=
# ALERT_SMTP_TLS=true
# ALERT_SMTP_USER=
# ALERT_SMTP_PASSWORD=
# ports of the proxy; PUBLIC_BASE_URL must name another one than 80 or 443
# HTTP_PORT=80
# HTTPS_PORT=443
# folder with chain.pem, key.pem and roots.pem (docs/operations.md, Content Credentials)
# CREDENTIALS_FOLDER=./credentials
# folder of backups, of user 999; copy it to another machine (docs/operations.md, Backups)
# BACKUP_FOLDER=./backups
# dumps and base backups are deleted after so many days
# BACKUP_DAYS=30
# where the files are, if STORAGE_URL is another S3: its address and rclone's name of its provider;
# STORAGE_ACCESS_KEY and STORAGE_SECRET_KEY are then its keys, and its bucket is `files`
# BACKUP_S3_ENDPOINT=http://storage:9000
# BACKUP_S3_PROVIDER=Rclone
# recovery copies the log of PostgreSQL all the time, for recovery to a point in time; operators are
# Prometheus, Grafana and Alertmanager
# COMPOSE_PROFILES=recovery,operators
# of `make restore` and `make recover`, better given on the command line
# DUMP=latest
# UNTIL=
# the most memory that PostgreSQL and each GPU worker get
# POSTGRES_MEMORY=4g
# GPU_WORKER_MEMORY=24g
# on machines with NVIDIA GPUs
# COMPOSE_FILE=docker-compose.yml:docker-compose.gpu.yml
"""
# docker-compose.yml has a service for each of these.
IN_COMPOSE = {"database_url", "broker_url", "redis_url", "storage_url"}
GIVEN_BY_COMPOSE = {
    "mail_from": "empty without SMTP_URL",
    "env": "production",
    "internal_api_url": "http://web:8000",
    "trusted_proxies": "1",
    "content_credentials_chain": "empty, of CREDENTIALS_FOLDER",
    "content_credentials_roots": "empty, of CREDENTIALS_FOLDER",
    "content_credentials_key": "empty, of CREDENTIALS_FOLDER",
    "watermark_keys": 'required: {"1": "…"}, with what openssl rand -hex 32 prints',
}


def example() -> str:
    """Return the text of `.env.example`."""
    known = set(Settings.model_fields)
    return (
        HEADER
        + _section("The site, the relay and the CPU workers", Settings, known=set())
        + _section("Every process", LogSettings, known=known)
        + _section("Every worker", ExporterSettings, known=known)
        + _section("GPU workers, beside INTERNAL_API_URL and _TOKEN", WorkerSettings, known=known)
    )


def _section(title: str, settings: type[BaseSettings], known: set[str]) -> str:
    lines = [f"\n# ── {title} ──"]
    for name, field in settings.model_fields.items():
        if name in known:
            continue
        if field.description:
            lines.append(f"# {field.description}")
        if name in IN_COMPOSE:
            lines.append("# empty with docker-compose.yml: its own service")
        if name in GIVEN_BY_COMPOSE:
            lines.append(f"# with docker-compose.yml: {GIVEN_BY_COMPOSE[name]}")
        if field.default is PydanticUndefined:
            lines.append(f"{name.upper()}=")
        else:
            lines.append(f"# {name.upper()}={_shown(field.default)}")
    return "\n".join(lines) + "\n"


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return str(list(default))
    if isinstance(default, dict):
        return json.dumps(default)
    return "" if default is None else str(default)


def main() -> None:
    """Write the file, or check it."""
    if "--check" not in sys.argv:
        FILE.write_text(example(), encoding="utf-8")
        return
    if FILE.read_text(encoding="utf-8") != example():
        sys.exit(f"{FILE} is out of date: run python -m webapp.embedded.env_example")


if __name__ == "__main__":
    main()
