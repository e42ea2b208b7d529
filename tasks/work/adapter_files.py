"""Adapters on this worker's disk, by hash; the least recently used go when there are too many."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


class AdapterFiles:
    """A folder of adapters, shared by the processes of one machine.

    Names are hashes, so a file never changes; who loads one verifies that it is what its name says.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    def get(self, sha256: str, fetch: Callable[[Path], object]) -> Path:
        """Return the adapter's file, fetched when it is not there. Raises what `fetch` raises."""
        path = self._path(sha256)
        try:
            os.utime(path)  # used now
        except FileNotFoundError:
            self._folder.mkdir(parents=True, exist_ok=True)
            fetch(path)
        return path

    def forget(self, sha256: str) -> None:
        """Delete an adapter, or it would fail every later order when it is damaged."""
        self._path(sha256).unlink(missing_ok=True)

    def make_room(self) -> None:
        """Delete what was not used for longest until the rest fits; call it between batches."""
        used = []
        with suppress(FileNotFoundError):  # nothing was ever fetched
            for path in self._folder.iterdir():
                with suppress(FileNotFoundError):  # another process was faster
                    about = path.stat()
                    used.append((about.st_mtime_ns, about.st_size, path))
        total = 0
        for _, size, path in sorted(used, reverse=True):
            total += size
            if total > self._max_bytes:
                path.unlink(missing_ok=True)

    def _path(self, sha256: str) -> Path:
        return self._folder / f"{sha256}.safetensors"
