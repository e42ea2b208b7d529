"""A disk of a few megabytes that can be filled: a file system in memory, mounted for a test."""

import errno
import os
import shutil
import subprocess
from pathlib import Path

SIZE_BYTES = 16 << 20
CHUNK = b"0" * (256 << 10)


class SmallDisk:
    """Mounted at `folder` between `mount` and `unmount`; by root, or with sudo."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filling = folder / "filling"
        self._as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]

    def mount(self) -> None:
        self.folder.mkdir()
        options = f"size={SIZE_BYTES},mode=1777"
        self._run("mount", "-t", "tmpfs", "-o", options, "tmpfs")

    def unmount(self) -> None:
        self._run("umount", "--lazy")

    def fill(self) -> None:
        """Leave no room, and nothing of what was stored: whoever needs a file has to write it."""
        shutil.rmtree(self.folder / "adapters", ignore_errors=True)
        with self._filling.open("ab", buffering=0) as file:
            chunk = CHUNK
            while chunk:
                try:
                    file.write(chunk)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    chunk = chunk[: len(chunk) // 2]

    def clear(self) -> None:
        """Make room again."""
        self._filling.unlink(missing_ok=True)

    def _run(self, *command: str) -> None:
        subprocess.run([*self._as_root, *command, str(self.folder)], check=True)
