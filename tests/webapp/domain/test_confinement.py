import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SPY = """
import os
from webapp.domain.confinement import confine
confine()
for path in (f"/proc/{os.getppid()}/environ", "/etc/passwd"):
    try:
        open(path, "rb")
    except OSError as error:
        print(error.errno, end=" ")
"""


@pytest.fixture
def said():
    """What a process says that was confined and then looks at its parent."""
    environment = {"SECRET_KEY": "of the parent", "PYTHONPATH": str(ROOT), "PATH": os.defpath}
    command = [sys.executable, "-c", SPY]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_a_confined_process_opens_neither_the_environment_of_its_parent_nor_anything(said):
    assert len(said.split()) == 2
