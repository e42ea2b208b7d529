"""Restore the world's fixture into an empty site, then bring its database to the newest migration.

`python -m webapp.embedded.restore [fixture]` stands where other sites only migrate; the site does
not run yet. A fixture that does not fit is not used, and a line says why: then people make the
world over HTTP, as `world` does.
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
from webapp.embedded.supervisor import SAID

DAMAGED = (lzma.LZMAError, tarfile.TarError, EOFError, ValidationError)


def main() -> None:
    """Restore if the site is empty, and migrate."""
    file = Path(sys.argv[1]) if sys.argv[1:] else FILE
    with create_app().app_context():
        with unit_of_work() as session:
            is_empty = fixture.is_empty(session)
        if is_empty:
            print(f"{SAID}{restored(file, settings())}", flush=True)
        upgrade()
        if is_empty:
            # A fixture of an older migration has no hashes of the small files.
            registry.backfill(unit_of_work, configured_storage(settings()))


def restored(file: Path, chosen: Settings) -> str:
    """Restore the fixture if it fits; return in words what was done or why nothing was."""
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
