"""The configuration of supervisord, written from the table of processes, without side effects.

Secrets reach the processes only through the environment.
"""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from webapp.embedded.processes import Group, Process
from webapp.embedded.server import Server

PROJECT = Path(__file__).resolve().parents[2]
STARTED_SECONDS = 10  # a process that ends earlier is restarted after growing pauses


def configuration(
    *, directory: Path, socket: Path, servers: Sequence[Server], processes: Sequence[Process]
) -> str:
    """Return the text of a configuration in which nothing starts by itself.

    Groups have rising priorities, and supervisord stops the highest first, one after the other.
    """
    sections = [
        _section(
            "supervisord",
            logfile=log_file(directory, "supervisord"),
            logfile_maxbytes="1MB",
            pidfile=directory / "supervisor.pid",
            childlogdir=directory / "log",
            umask="077",
            **({"user": "root"} if os.geteuid() == 0 else {}),
        ),
        _section("unix_http_server", file=socket, chmod="0700"),
        _section("supervisorctl", serverurl=f"unix://{socket}"),
        (
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
        ),
    ]
    members: dict[Group, list[str]] = {group: [] for group in Group}
    for server in servers:
        members[Group.DATABASES].append(server.name)
        sections.append(_server_section(directory, server))
    for process in processes:
        members[process.group].append(process.name)
        sections.append(_process_section(directory, process))
    sections += [
        _section(f"group:{group}", programs=",".join(names), priority=priority)
        for priority, (group, names) in enumerate(members.items(), start=1)
        if names
    ]
    return "\n".join(sections)


def log_file(directory: Path, name: str) -> Path:
    """Return where the output of a process goes."""
    return directory / f"log/{name}.log"


def _server_section(directory: Path, server: Server) -> str:
    return _section(
        f"program:{server.name}",
        command=shlex.join(server.argv),
        directory="/",  # its account may have no access to the project
        startsecs=1,
        stopsignal=server.stop_signal.name.removeprefix("SIG"),
        stopwaitsecs=30,
        **({"user": server.account} if server.account else {}),
        **_always(directory, server.name),
    )


def _process_section(directory: Path, process: Process) -> str:
    return _section(
        f"program:{process.name}",
        command=shlex.join(process.command),
        directory=PROJECT,
        startsecs=STARTED_SECONDS,
        stopwaitsecs=process.stop_seconds,
        **_always(directory, process.name),
    )


def _always(directory: Path, name: str) -> dict[str, object]:
    return {
        "autostart": "false",
        "autorestart": "true",
        "startretries": 1_000_000,
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": log_file(directory, name),
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": 1,
    }


def _section(name: str, **options: object) -> str:
    lines = [f"{option} = {str(value).replace('%', '%%')}\n" for option, value in options.items()]
    return f"[{name}]\n{''.join(lines)}"
