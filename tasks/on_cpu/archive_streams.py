"""Archives that are uploaded while they are written, without a disk, under a lease that is kept."""

import io
import time
from collections.abc import Callable, Iterator
from typing import Any

from tasks.on_cpu import pictures
from tasks.on_cpu.attempt import keep_lease
from webapp.domain.jobs import Lease

RENEW_EVERY_SECONDS = 20.0


class LeaseRenewal:
    """Renews the lease while pictures are read and the archive is uploaded."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._renewed = time.monotonic()

    def reader(self, key: str) -> Callable[[], bytes]:
        """Return a function that reads an object; it raises LeaseLost and AttemptFailed."""

        def read() -> bytes:
            self.renew()
            return pictures.read(key)

        return read

    def renew(self) -> None:
        """Renew the lease at most every RENEW_EVERY_SECONDS. Raises LeaseLost."""
        if time.monotonic() - self._renewed > RENEW_EVERY_SECONDS:
            keep_lease(self._lease)
            self._renewed = time.monotonic()


class ArchiveStream(io.RawIOBase):
    """An archive that is written as it is read; reads renew the lease.

    `size` is the number of bytes read.
    """

    def __init__(self, pieces: Iterator[bytes], renewal: LeaseRenewal) -> None:
        self._pieces, self._renewal = pieces, renewal
        self._piece = memoryview(b"")
        self.size = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer; raises what writing the archive raises."""
        self._renewal.renew()
        while not self._piece:
            self._piece = memoryview(next(self._pieces, b""))
            if not self._piece:
                return 0
        target = memoryview(buffer)
        count = min(len(target), len(self._piece))
        target[:count], self._piece = self._piece[:count], self._piece[count:]
        self.size += count
        return count
