"""Processes whose clock is wrong: a library in C that is loaded before all others."""

import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


def wrong_clock(folder: Path, hours: int) -> dict[str, str]:
    """The environment in which a process sees a clock that is wrong by so many hours.

    The library is compiled into `folder`, once. Only the wall clock is wrong.
    """
    library = folder / "wrong_clock.so"
    if not library.exists():
        command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True)
    return {"LD_PRELOAD": str(library), "CLOCK_ERROR_SECONDS": str(3600 * hours)}
