"""Restore the fixture into an empty site, then migrate its database to the newest version.

`python -m webapp.embedded.restore [fixture]` runs instead of `flask db upgrade`, before the site
starts. A fixture of another base model or version is not used, and a line says why: then `world.py`
creates the same accounts over HTTP.
"""

import lzma
import sys
import tarfile
import time
from pathlib import Path

from flask_migrate import upgrade
from pydantic import ValidationError

from gpu.base_models.identity import BUILT_IN_FOLDER, weights_sha256
from webapp.app import create_app
from webapp.domain.db import unit_of_work
from webapp.domain.gateways.storage import configured_storage
from webapp.domain.services import registry
from webapp.domain.settings import Settings, settings
from webapp.embedded import fixture
from webapp.embedded.fixture import FILE, FixtureError, Manifest
from webapp.embedded.supervisor import REPORTED

DAMAGED = (lzma.LZMAError, tarfile.TarError, EOFError, ValidationError)


def main() -> None:
    """Restore if the site is empty, and migrate."""
    file = Path(sys.argv[1]) if sys.argv[1:] else FILE
    with create_app().app_context():
        with unit_of_work() as session:
            is_empty = fixture.is_empty(session)
        if is_empty:
            print(f"{REPORTED}{restored(file, settings())}", flush=True)
        upgrade()
        if is_empty:
            # A fixture of an older migration has no hashes of the small files.
            registry.backfill(unit_of_work, configured_storage(settings()))


def restored(file: Path, chosen: Settings) -> str:
    """Restore the fixture if it fits; return a line that says what was done, or why nothing was."""
    began = time.monotonic()
    if not file.exists():
        return "no fixture is shipped"
    try:
        manifest = fixture.read_manifest(file)
        _check_base(manifest, chosen)
        upgrade(revision=manifest.revision)
        storage = configured_storage(chosen)
        storage.prepare()
        count = fixture.restore(unit_of_work, storage, file)
    except (FixtureError, *DAMAGED) as error:
        return f"the fixture is not used: {error}"
    seconds = time.monotonic() - began
    return f"restored {count['rows']} rows and {count['objects']} files in {seconds:.1f} s"


def _check_base(manifest: Manifest, chosen: Settings) -> None:
    if not chosen.has_demo_model:
        raise FixtureError(f"its styles are for the built-in base model, not {chosen.base_model}")
    if weights_sha256(BUILT_IN_FOLDER) != manifest.base_sha256:
        raise FixtureError("its styles were trained on other base weights (make world)")


if __name__ == "__main__":
    main()
