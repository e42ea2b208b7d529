"""Runs supervisord, and stops it in order when the process that started it has ended.

Standard input is a pipe that the stack holds open. It closes even if the stack is killed with
`kill -9`, so no database or worker outlives the stack.
"""

import os
import signal
import sys
import threading

from supervisor import supervisord


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run supervisord with the configuration file named as the first argument."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    supervisord.main(["--nodaemon", "--configuration", sys.argv[1]])


if __name__ == "__main__":
    main()
