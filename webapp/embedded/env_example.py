"""`.env.example`, made from the settings themselves so that it can never be out of date.

`python -m webapp.embedded.env_example` rewrites it; with --check it only says whether it is right.
"""

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

# What docker-compose.yml gives its own services; the URLs below must name the same.
POSTGRES_PASSWORD=
RABBITMQ_PASSWORD=
STORAGE_ACCESS_KEY=
STORAGE_SECRET_KEY=
# name:password of operators at Flower, port 5555 of this machine
FLOWER_BASIC_AUTH=
# password of "admin" at Grafana, port 3000 of this machine; only with --profile operators
GRAFANA_PASSWORD=
"""


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
        if field.default is PydanticUndefined:
            lines.append(f"{name.upper()}=")
        else:
            lines.append(f"# {name.upper()}={_shown(field.default)}")
    return "\n".join(lines) + "\n"


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return str(list(default))
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
