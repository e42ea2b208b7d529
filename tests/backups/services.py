"""The services of docker-compose.yml that back up and restore, as processes, without an engine."""

import os
import subprocess
import time
from pathlib import Path

from sqlalchemy import URL

from tests import compose
from tests.processes import PYTHON, ROOT

PATH = f"{Path(PYTHON).parent}{os.pathsep}{os.environ['PATH']}"


class BackupServices:
    """Backups of a database and of a folder with a bucket `files`, in another folder."""

    def __init__(self, backups: Path, objects: Path) -> None:
        self.folder = backups
        self._objects = objects
        self.seconds: dict[str, float] = {}
        backups.mkdir()

    def run(self, name: str, database: URL, **variables: str) -> str:
        """Run a service to its end; return its output."""
        spec = compose.services(self._required() | variables)[name]
        known = spec["environment"] | {
            "PG_URL": database.set(drivername="postgresql").render_as_string(hide_password=False),
            "RCLONE_CONFIG": "/dev/null",
            "RCLONE_CONFIG_SITE_TYPE": "alias",
            "RCLONE_CONFIG_SITE_REMOTE": str(self._objects.parent),
        }
        places = {
            "/backups": str(self.folder),
            "/scripts": str(ROOT / "ops/backups"),
            "site:files": f"site:{self._objects.name}",
        }
        began = time.monotonic()
        done = subprocess.run(
            [_here(part, places) for part in [*spec.get("entrypoint", ()), *spec["command"]]],
            env={"PATH": PATH} | {name: _here(value, places) for name, value in known.items()},
            check=False,
            capture_output=True,
            text=True,
            timeout=600,
        )
        self.seconds[name] = time.monotonic() - began
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _required(self) -> dict[str, str]:
        """Variables that docker-compose.yml insists on; none of them is for backups."""
        text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
        return dict.fromkeys(compose.VARIABLE.findall(text), "") | {
            name: "-" for name in compose.VARIABLE.findall(text) if f"{{{name}:?" in text
        }


def _here(text: str, places: dict[str, str]) -> str:
    for place, here in places.items():
        if text == place or text.startswith(f"{place}/"):
            return here + text.removeprefix(place)
    return text
