"""The browser of this machine: nothing is downloaded."""

import os
import shutil
from typing import Any

# First the one without windows: a new context costs it a second of CPU less.
NAMES = (
    *("chromium-headless-shell", "chrome-headless-shell"),
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
)


def find() -> str:
    """Return the program; tests/services.sh installs it where it is missing."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    assert found, "Chromium is needed: apt-get install chromium"
    return found


def launch_options() -> dict[str, Any]:
    """What playwright starts it with; its sandbox refuses to run as root."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    # Containers give little shared memory; a headless machine draws on its processor anyway.
    arguments += ["--disable-dev-shm-usage", "--disable-gpu"]
    return {"executable_path": find(), "args": arguments}
