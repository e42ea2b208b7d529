import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.broker import free_port
from webapp.domain.secret_rules import NOT_GIVEN

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["SECRET_KEY", "INTERNAL_API_TOKEN"])
def test_gunicorn_ends_at_once_without_the_secrets_of_the_site(environment, name):
    served = subprocess.run(
        [
            *(sys.executable, "-m", "gunicorn", "--config", "python:webapp.serving"),
            *("--bind", f"127.0.0.1:{free_port()}", "webapp.app:create_app()"),
        ],
        cwd=ROOT,
        env=os.environ | {name: NOT_GIVEN},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert served.returncode not in {0, None}
    assert f"{name}: the site needs the secret itself" in served.stderr
