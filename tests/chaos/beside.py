"""Something that goes on in a thread beside a test, until its block ends."""

import threading
from abc import ABC, abstractmethod
from typing import Self


class Beside(ABC):
    """Runs `go` from the block's start; `stopped` is set at its end, and `go` is waited for."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self._thread = threading.Thread(target=self.go, daemon=True)

    @abstractmethod
    def go(self) -> None:
        """What goes on; returns soon after `stopped` is set."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._thread.join()
