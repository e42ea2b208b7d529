"""LICENSE is the Apache licence; NOTICE names every file that is not ours, and its licence."""

import hashlib
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOTICE = (ROOT / "NOTICE").read_text(encoding="utf-8")
FONTS = {".ttf", ".otf", ".woff", ".woff2"}
APACHE = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


def files_of_others():
    listing = subprocess.run(
        ["git", "ls-files"],  # noqa: S607 - git of this machine
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = [Path(line) for line in listing.splitlines()]
    return {str(path) for path in paths if "vendor" in path.parts or path.suffix in FONTS}


def test_the_license_is_the_unchanged_apache_license():
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE


def test_every_vendored_file_and_every_font_is_named():
    assert {path for path in files_of_others() if path not in NOTICE} == set()


def test_every_named_file_exists():
    named = re.findall(r"\S+/\S+\.\w+|\S+/LICENSE", NOTICE)
    named = [path for path in named if "*" not in path]
    assert len(named) > len(files_of_others()) / 2
    assert [path for path in named if not (ROOT / path).is_file()] == []
