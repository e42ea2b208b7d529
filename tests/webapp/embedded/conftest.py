"""Folders for real servers, on a path every account can reach, and emptied afterwards."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from webapp.embedded.postgres import Postgres


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="style-license-test-"))
    made.chmod(0o755)
    yield made
    Postgres(made / "postgres").remove()
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def private_folder(folder: Path) -> Path:
    """A folder that only its owner can enter, as a project in somebody's home is."""
    made = folder / "private"
    made.mkdir(mode=0o700)
    return made
