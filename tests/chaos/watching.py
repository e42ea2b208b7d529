"""The ledger is proved again and again while a storm goes on."""

from tests.chaos.beside import Beside
from tests.stack import Stack


class Watcher(Beside):
    """Counts its `checks`; what it found broken is in `found`."""

    def __init__(self, stack: Stack) -> None:
        super().__init__()
        self.found: list[str] = []
        self.checks = 0
        self._stack = stack

    def go(self) -> None:
        while not self.stopped.wait(1.0):
            self.found += self._stack.violations()
            self.checks += 1
