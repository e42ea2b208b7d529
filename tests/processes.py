"""Real processes under test: started in groups of their own, killed, watched and started again."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.waiting import wait_for

ROOT = Path(__file__).parents[1]
PYTHON = sys.executable
STOP_SECONDS = 60

# Every place in the product where a process may die; see `failpoints`.
FAILPOINTS = (
    "before_commit",
    "after_commit",
    "after_mark",
    "after_publish",
    "after_claim",
    "mid_render",
    "after_render",
    "after_segment",
    "mid_training",
    "after_progress",
    "after_checkpoint",
    "after_payment",
    "after_cancellation",
    "after_put",
    "after_complete",
    "before_mail",
    "after_mail",
)


def has_ended(pid: int) -> bool:
    """Whether a process has closed all it had open; its status may still wait to be read."""
    try:
        process = psutil.Process(pid)
        return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
    except psutil.NoSuchProcess:
        return True


class Process:
    """One process of the product, with a switch for each of its failpoints.

    Every failpoint is asked for with certainty and once, but has already happened; `arm` makes
    it happen again, exactly once.
    """

    def __init__(
        self,
        name: str,
        command: list[str],
        environment: dict[str, str],
        folder: Path,
        *,
        directory: Path = ROOT,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.deaths = folder / f"{name}.deaths"
        self.starts = 0
        self.is_wanted = False
        # Held by whoever arms, stops or kills it while others do so too.
        self.fault = threading.Lock()
        self._switches = folder / f"{name}.failpoints"
        self._ended: set[int] = set()  # lines of `deaths`
        self._command = command
        self._directory = directory
        self.environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()

    def start(self) -> None:
        """Start it; whether it is ready is for others to judge."""
        self._switches.mkdir(parents=True, exist_ok=True)
        for name in FAILPOINTS:
            self.disarm(name)
        with self._lock:  # a keeper must not start it a second time in between
            self.is_wanted = True
            self._launch()

    def _launch(self) -> None:
        armed = ",".join(f"{name}=1" for name in FAILPOINTS)
        with self._lock, self.log.open("ab") as log:
            self.starts += 1
            self._process = subprocess.Popen(
                self._command,
                cwd=self._directory,
                env=self.environment
                | {
                    "FAILPOINTS": armed,
                    "FAILPOINTS_ONCE": str(self._switches),
                    "FAILPOINTS_LOG": str(self.deaths),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def arm(self, failpoint: str) -> None:
        """Let the process die when it next comes to this place."""
        assert failpoint in FAILPOINTS
        (self._switches / failpoint).unlink()

    def disarm(self, failpoint: str) -> None:
        (self._switches / failpoint).touch()

    @contextmanager
    def dies_at(self, failpoint: str) -> Iterator[None]:
        """Let the process die when it comes to this place in the block; wait until it has."""
        deaths = self.deaths_at(failpoint)
        self.arm(failpoint)
        try:
            yield
            wait_for(
                lambda: self.deaths_at(failpoint) > deaths,
                f"{self.name} to die at {failpoint}",
                explain=self.tail,
            )
        finally:
            self.disarm(failpoint)

    def has_fired(self, failpoint: str) -> bool:
        return (self._switches / failpoint).exists()

    def deaths_at(self, failpoint: str) -> int:
        """How often the process died at this place.

        A process writes its line before it dies. It counts when it has ended: until then it keeps
        its connections, and a request on one of them is neither answered nor refused.
        """
        lines = self.deaths.read_text().splitlines() if self.deaths.exists() else []
        # Remembered, because the number of a process is given again.
        self._ended.update(
            number
            for number, line in enumerate(lines)
            if number not in self._ended and has_ended(int(line.split()[1]))
        )
        return sum(lines[number].split()[0] == failpoint for number in self._ended)

    def revive(self) -> bool:
        """Start it again if it died though it is wanted."""
        with self._lock:
            if not self.is_wanted or self._process is None or self._process.poll() is None:
                return False
            self._end_group()
            self._launch()
            return True

    @property
    def status(self) -> int | None:
        """How it ended, None while it runs."""
        return self._process.poll() if self._process else None

    def kill(self) -> None:
        """End it and all its children as a power cut would; a keeper may start it again."""
        with self._lock:
            self._end_group()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to every process of its group."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                os.killpg(self._process.pid, number)

    def terminate(self) -> None:
        """Ask it to end, as a container engine does; its children hear it from itself."""
        self.is_wanted = False
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> None:
        """End it in order if it follows, else by force; nothing of it is left."""
        self.is_wanted = False
        with self._lock:
            if self._process is None:
                return
            if self._process.poll() is None:
                self._process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(STOP_SECONDS)
            self._end_group()

    def _end_group(self) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def has_said(self, words: str) -> bool:
        """Whether its latest run has logged these words."""
        return self.log.exists() and self.log.read_bytes().count(words.encode()) >= self.starts

    def tail(self, characters: int = 3000) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else "(no log)"
        return f"\n--- {self.name} ---\n{text[-characters:]}"


class Keeper:
    """Starts processes again that died though they are wanted, as a supervisor would."""

    def __init__(self, processes: list[Process]) -> None:
        self._processes = processes
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _keep(self) -> None:
        while not self._stopped.wait(0.1):
            for process in list(self._processes):
                process.revive()
