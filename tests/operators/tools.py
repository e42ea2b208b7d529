"""Programs of operators: those of the system, else those that tests/services.sh has unpacked."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = f"{os.environ['PATH']}{os.pathsep}{ROOT / 'var/tools/usr/bin'}"


def tool(name: str, *arguments: str) -> str:
    """Run a program; return what it prints. Raises AssertionError when it fails or is absent."""
    program = shutil.which(name, path=FOLDERS)
    assert program, f"{name} is needed: tests/services.sh"
    done = subprocess.run([program, *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
