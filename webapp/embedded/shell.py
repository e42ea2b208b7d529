"""A shell, or psql, in the environment of the embedded stack that runs beside it."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from sqlalchemy.engine import make_url

from webapp.embedded.postgres import find_binaries

FOLDER = Path("var")


def running_environment(folder: Path = FOLDER) -> dict[str, str]:
    """Return the variables that the stack of a folder added; exits when none ever ran there."""
    file = folder / "environment"
    if not file.exists():
        sys.exit("Nothing is running: start `make up` first.")
    return dict(line.split("=", 1) for line in shlex.split(file.read_text(encoding="utf-8")))


def main() -> None:
    """Replace this process by a shell, or by psql if that is an argument."""
    added = running_environment()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | added | {"PATH": path}
    if "psql" in sys.argv:
        url = make_url(environment["DATABASE_URL"]).set(drivername="postgresql")
        program = shutil.which("psql") or str(find_binaries()[0].folder / "psql")
        os.execve(program, ["psql", url.render_as_string(hide_password=False)], environment)  # noqa: S606
    shell = os.environ.get("SHELL", "/bin/sh")
    os.execve(shell, [shell], environment)  # noqa: S606


if __name__ == "__main__":
    main()
