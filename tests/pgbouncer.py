"""PgBouncer in transaction mode before a PostgreSQL server, on loopback, in a folder."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, create_engine
from sqlalchemy.exc import OperationalError

from tests.broker import free_port
from tests.operators.tools import TOOLS, program
from tests.waiting import wait_for

CONFIGURATION = """\
[databases]
* = host={host} port={port} user={user}{password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
{account}
"""


@contextmanager
def pgbouncer(server: URL, folder: Path, *, sessions: int) -> Iterator[URL]:
    """Pool the databases of a server: all transactions share so many sessions of it."""
    own_port = free_port()
    file = folder / "pgbouncer.ini"
    text = CONFIGURATION.format(
        host=server.host,
        port=server.port or 5432,
        user=server.username,
        password=f" password='{server.password}'" if server.password else "",
        own_port=own_port,
        sessions=sessions,
        # It refuses to run as root; the folder is open to this user alone.
        account="user = nobody" if os.getuid() == 0 else "",
    )
    file.write_text(text)
    libraries = ":".join(str(path) for path in TOOLS.glob("lib/*-linux-gnu"))
    log = folder / "pgbouncer.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program("pgbouncer"), str(file)],
            env={"LD_LIBRARY_PATH": libraries},
            stdout=subprocess.DEVNULL,
            stderr=output,
        )
    url = server.set(host="127.0.0.1", port=own_port)
    try:
        wait_for(lambda: _answers(url), "PgBouncer", explain=log.read_text)
        yield url
    finally:
        process.terminate()
        process.wait()


def _answers(url: URL) -> bool:
    engine = create_engine(url)
    try:
        engine.connect().close()
    except OperationalError:
        return False
    finally:
        engine.dispose()
    return True
