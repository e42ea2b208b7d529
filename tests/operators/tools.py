"""Programs of operators: those of the system, else those that tests/services.sh has unpacked."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "var/tools/usr"
FOLDERS = os.pathsep.join((os.environ["PATH"], str(TOOLS / "bin"), str(TOOLS / "sbin")))


def program(name: str) -> str:
    """Return the path of a program. Raises AssertionError when it is absent."""
    found = shutil.which(name, path=FOLDERS)
    assert found, f"{name} is needed: tests/services.sh"
    return found


def tool(name: str, *arguments: str) -> str:
    """Run a program; return what it prints. Raises AssertionError when it fails or is absent."""
    done = subprocess.run([program(name), *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
