"""Cache of adapters on disk, by hash; the least recently used are deleted first."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


class AdapterFiles:
    """A folder of adapters, shared by the processes of one machine.

    A file is named by its hash and never changes; the renderer verifies the hash when it loads it.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    def get(self, sha256: str, fetch: Callable[[Path], object]) -> Path:
        """Return the file of an adapter; `fetch` is called if it is missing, and may raise."""
        path = self._path(sha256)
        try:
            os.utime(path)  # most recently used
        except FileNotFoundError:
            self._folder.mkdir(parents=True, exist_ok=True)
            fetch(path)
        return path

    def forget(self, sha256: str) -> None:
        """Delete a damaged adapter, so that the next order downloads it again."""
        self._path(sha256).unlink(missing_ok=True)

    def make_room(self) -> None:
        """Delete the least recently used files above `max_bytes`; call it between batches."""
        used = []
        with suppress(FileNotFoundError):  # nothing was downloaded yet
            for path in self._folder.iterdir():
                with suppress(FileNotFoundError):  # deleted by another process
                    status = path.stat()
                    used.append((status.st_mtime_ns, status.st_size, path))
        total = 0
        for _, size, path in sorted(used, reverse=True):
            total += size
            if total > self._max_bytes:
                path.unlink(missing_ok=True)

    def _path(self, sha256: str) -> Path:
        return self._folder / f"{sha256}.safetensors"
