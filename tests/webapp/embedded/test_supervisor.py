"""Real stacks: real databases, a real supervisor, and children that misbehave."""

import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import httpx
import psutil
import psycopg2
import pytest
import redis

from webapp.embedded.configuration import PROJECT
from webapp.embedded.environment import MARK
from webapp.embedded.leftovers import end_leftovers
from webapp.embedded.persisted import EmbeddedError
from webapp.embedded.processes import PROCESSES, Group, Process, find_proxy
from webapp.embedded.supervisor import Stack

GOOGLE = next(process for process in PROCESSES if process.name == "google")
SLEEPER = Process(
    "sleeper", Group.WORKERS, (sys.executable, "-c", "import time; time.sleep(600)"), stop_seconds=1
)
SITE = """
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
handler = partial(SimpleHTTPRequestHandler, directory=sys.argv[2])
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), handler).serve_forever()
"""
BARE = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
NOT_EMBEDDED = BARE | {
    "DATABASE_URL": "postgresql+psycopg2://elsewhere/x",
    "BROKER_URL": "redis://elsewhere/1",
    "REDIS_URL": "redis://elsewhere/0",
}


def python(folder: Path, name: str, code: str, **options) -> Process:
    script = folder / f"{name}.py"
    script.write_text(code)
    return Process(name, Group.WORKERS, (sys.executable, "-u", str(script)), **options)


def light(folder: Path, *processes: Process, **options) -> Stack:
    """A stack without databases, which starts within a second."""
    environ = options.pop("environ", NOT_EMBEDDED)
    return Stack(folder / "var", environ=environ, processes=processes, migrations=None, **options)


def until(check: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(directory: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(directory.resolve()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def is_gone(process: psutil.Process) -> bool:
    """Ended; where nobody collects orphans, what is left of one is a zombie."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture(autouse=True)
def _nothing_is_left_running(folder: Path) -> Iterator[None]:
    yield
    assert end_leftovers(folder / "var") == []


def test_a_whole_stack_starts_serves_and_leaves_nothing_running(folder: Path) -> None:
    said: list[str] = []
    stack = Stack(
        folder / "var",
        environ=BARE,
        processes=(GOOGLE, SLEEPER),
        migrations=(sys.executable, "-c", "import os; print(os.environ['DATABASE_URL'])"),
        report=said.append,
    )
    with stack:
        child = stack.environment
        psycopg2.connect(child["DATABASE_URL"].replace("+psycopg2", "")).close()
        for name in ("REDIS_URL", "BROKER_URL"):
            with redis.Redis.from_url(child[name]) as client:
                assert client.ping()
        assert httpx.get(child["GOOGLE_BASE_URL"] + "/healthz").json() == {"status": "ok"}
        assert stack.log("migrations").read_text().strip() == child["DATABASE_URL"]
        assert {stack.state(name) for name in ("postgres", "redis")} <= {"RUNNING", "STARTING"}
        running = alive(stack.directory)
        assert len(running) >= 5
        assert said.index("starting postgres") < said.index("migrating the database")
        assert said.index("migrating the database") < said.index("starting google")
        assert said.index("starting google") < said.index("starting sleeper")
    assert all(is_gone(process) for process in running)
    assert alive(stack.directory) == []


def test_a_second_start_finds_data_secrets_and_ports_again(folder: Path) -> None:
    seen = []
    for query in ("CREATE TABLE kept AS SELECT 42", "DROP TABLE kept"):
        stack = Stack(folder / "var", environ=BARE, processes=(), migrations=None)
        with stack:
            connection = psycopg2.connect(
                stack.environment["DATABASE_URL"].replace("+psycopg2", "")
            )
            connection.cursor().execute(query)
            connection.commit()
            connection.close()
            names = ("SECRET_KEY", "INTERNAL_API_TOKEN", "DATABASE_URL", "REDIS_URL")
            seen.append([stack.environment[name] for name in names])
    assert seen[0] == seen[1]


def test_a_killed_child_comes_back(folder: Path) -> None:
    with light(folder, SLEEPER) as stack:
        until(lambda: stack.pid("sleeper"))
        first = stack.pid("sleeper")
        os.kill(first, signal.SIGKILL)
        until(lambda: stack.pid("sleeper") not in {0, first})
        assert stack.state("sleeper") in {"STARTING", "RUNNING"}


# It waits for what it measures; the test above starts a child again once.
@pytest.mark.long
def test_a_child_that_keeps_failing_waits_longer_each_time(folder: Path) -> None:
    child = python(folder, "failing", "raise SystemExit(3)")
    with light(folder, child) as stack:
        until(lambda: len(_spawned(stack, "failing")) >= 4)
        starts = _spawned(stack, "failing")
    # a busy machine may make any pause longer, but none shorter
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(starts)]
    assert all(pause >= turn for turn, pause in enumerate(pauses[:3], start=1))


def _spawned(stack: Stack, name: str) -> list[datetime]:
    """When the supervisor itself says that it started a process."""
    lines = stack.log("supervisord").read_text().splitlines()
    said = [line for line in lines if f"spawned: '{name}'" in line]
    shape = "%Y-%m-%d %H:%M:%S,%f"
    return [datetime.strptime(line[:23], shape).replace(tzinfo=UTC) for line in said]


def test_workers_stop_before_databases(folder: Path) -> None:
    code = """
import os, signal, sys, time, redis
client = redis.Redis.from_url(os.environ["REDIS_URL"])
def stop(*_):
    time.sleep(1)
    print("redis still answers:", client.ping())
    sys.exit()
signal.signal(signal.SIGTERM, stop)
print("ready")
time.sleep(600)
"""
    environ = {name: value for name, value in NOT_EMBEDDED.items() if "URL" not in name}
    environ["DATABASE_URL"] = "postgresql://elsewhere"
    stack = light(folder, python(folder, "worker", code), environ=environ)
    with stack:
        until(lambda: stack.log("worker").exists() and "ready" in stack.log("worker").read_text())
    assert "redis still answers: True" in stack.log("worker").read_text()


def test_what_does_not_stop_is_killed_with_its_children(folder: Path) -> None:
    code = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = "import signal, time; signal.signal(15, signal.SIG_IGN); print('child'); time.sleep(600)"
subprocess.run([sys.executable, "-u", "-c", child])
"""
    stack = light(folder, python(folder, "stubborn", code, stop_seconds=1))
    with stack:
        until(lambda: "child" in stack.log("stubborn").read_text())
        running = alive(stack.directory)
        assert len(running) == 3
    assert all(is_gone(process) for process in running)


def test_nothing_outlives_a_person_who_is_killed(folder: Path) -> None:
    code = f"""
import sys, time
from pathlib import Path
from webapp.embedded.processes import Group, Process
from webapp.embedded.supervisor import Stack
sleeper = Process("sleeper", Group.WORKERS, (sys.executable, "-c", "import time; time.sleep(600)"))
stack = Stack(Path({str(folder / "var")!r}), environ={NOT_EMBEDDED!r},
              processes=(sleeper,), migrations=None)
stack.start()
print(stack.pid("sleeper"), flush=True)
time.sleep(600)
"""
    person = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.PIPE)
    assert person.stdout is not None
    assert person.stdout.readline()
    # Between fork and exec a child does not carry its environment yet.
    until(lambda: len(alive(folder / "var")) == 2)
    person.kill()
    person.wait()
    person.stdout.close()
    until(lambda: not alive(folder / "var"))


def test_leftovers_of_a_killed_supervisor_are_ended_at_the_next_start(folder: Path) -> None:
    stack = light(folder, SLEEPER)
    stack.start()
    until(lambda: stack.pid("sleeper"))
    orphan = psutil.Process(stack.pid("sleeper"))
    assert stack._supervisord is not None
    assert stack._supervisord.process is not None
    stack._supervisord.process.kill()
    stack.wait()
    assert not is_gone(orphan)
    stack.stop()
    assert is_gone(orphan)


def test_a_server_that_does_not_start_says_why_and_nothing_runs(folder: Path) -> None:
    child = python(
        folder, "web", "raise SystemExit('the reason')", answers_at="http://127.0.0.1:9/"
    )
    stack = light(folder, child)
    with pytest.raises(EmbeddedError, match=r"web did not start:\s+the reason"):
        stack.start()
    assert alive(stack.directory) == []
    with light(folder, SLEEPER):  # and the folder is free again
        pass


def test_failing_migrations_say_why_and_nothing_runs(folder: Path) -> None:
    stack = Stack(
        folder / "var",
        environ=NOT_EMBEDDED,
        processes=(SLEEPER,),
        migrations=(sys.executable, "-c", "raise SystemExit('no such column')"),
    )
    with pytest.raises(EmbeddedError, match="migrations failed:\nno such column"):
        stack.start()
    assert alive(stack.directory) == []


def test_two_stacks_in_one_folder_are_refused(folder: Path) -> None:
    with light(folder, SLEEPER) as stack:
        until(lambda: stack.pid("sleeper"))
        with pytest.raises(EmbeddedError, match="already running"):
            light(folder, SLEEPER).start()
        assert stack.pid("sleeper")


def test_a_port_that_is_taken_is_named(folder: Path) -> None:
    with light(folder, GOOGLE) as stack:
        port = int(stack.urls["google"].rpartition(":")[2])
        second = Stack(folder / "other", environ=NOT_EMBEDDED, web_port=port, processes=())
        with pytest.raises(EmbeddedError, match=f"port {port} for web is taken"):
            second.start()


def test_people_come_to_the_proxy_and_the_site_stands_behind_it(folder: Path) -> None:
    (folder / "site/readyz").mkdir(parents=True)
    for probe in ("healthz", "readyz/process"):
        (folder / "site" / probe).write_text("the site")
    web = python(folder, "web", SITE, answers_at="http://127.0.0.1:{web_port}/healthz")
    web = replace(web, group=Group.SITE, command=(*web.command, "{web_port}", str(folder / "site")))
    with light(folder, web, proxy=find_proxy(os.environ["PATH"])) as stack:
        assert stack.environment["PUBLIC_BASE_URL"] == stack.site == stack.urls["proxy"]
        assert stack.site != stack.urls["web"]
        assert stack.environment["TRUSTED_PROXIES"] == "1"
        assert httpx.get(f"{stack.site}/healthz").text == "the site"
        authority = stack.directory / "proxy/caddy/pki/authorities/local/root.crt"
        trust = ssl.create_default_context(cafile=str(authority))
        tls = stack.urls["tls"].replace("http:", "https:")
        assert httpx.get(f"{tls}/healthz", verify=trust).text == "the site"
    assert alive(stack.directory) == []


def test_given_services_replace_embedded_ones(folder: Path) -> None:
    environ = NOT_EMBEDDED | {"STORAGE_URL": "s3://a:b@c/d", "GOOGLE_CLIENT_ID": "real"}
    with light(folder, GOOGLE, SLEEPER, environ=environ) as stack:
        for name in environ:
            assert stack.environment[name] == environ[name]
        assert "GOOGLE_BASE_URL" not in stack.environment
        assert not (folder / "var/postgres").exists()
        assert not (folder / "var/redis").exists()
        assert not stack.log("google").exists()


def test_a_long_path_to_the_project_is_no_hindrance(folder: Path) -> None:
    deep = folder / ("deep" * 20)
    deep.mkdir()
    stack = light(deep, SLEEPER)
    with stack:
        assert stack.state("sleeper") in {"STARTING", "RUNNING"}
        running = alive(stack.directory)
        socket = stack._socket
        assert socket.exists()
    assert all(is_gone(process) for process in running)
    assert not socket.parent.exists()


def test_other_terminals_can_take_over_the_environment(folder: Path) -> None:
    with light(folder, SLEEPER) as stack:
        file = stack.directory / "environment"
        assert file.stat().st_mode & 0o077 == 0
        script = f". {file}; echo $SECRET_KEY"
        shown = subprocess.run(["/bin/sh", "-c", script], check=True, capture_output=True)
        assert shown.stdout.decode().strip() == stack.environment["SECRET_KEY"]
        assert MARK not in file.read_text()


def up(folder: Path, environ: dict[str, str]) -> subprocess.Popen[str]:
    """`make up` of a stack with one process that sleeps."""
    code = f"""
import signal, sys
from pathlib import Path
from webapp.embedded import up
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background inherit none
from webapp.embedded.processes import Group, Process
from webapp.embedded.supervisor import Stack
sleeper = Process("sleeper", Group.WORKERS, (sys.executable, "-c", "import time; time.sleep(600)"))
up.Stack = lambda *_, **__: Stack(Path({str(folder / "var")!r}), environ={environ!r},
                                  processes=(sleeper,), migrations=None)
sys.exit(up.main())
"""
    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)


# Of a stack that is stopped otherwise, `make test` looks whether anything is left running.
@pytest.mark.long
def test_ctrl_c_in_the_terminal_stops_everything(folder: Path) -> None:
    for sent in (signal.SIGINT, signal.SIGTERM):
        with up(folder, NOT_EMBEDDED) as person:
            assert person.stdout is not None
            until(lambda shown=person.stdout: "Ctrl-C stops everything." in shown.readline())
            person.send_signal(sent)
            assert person.wait(60) == 0
            assert person.stdout.read() == "stopped\n"
        assert alive(folder / "var") == []


def test_only_a_stack_that_is_all_ours_is_filled_with_people(folder: Path) -> None:
    for real in ("DATABASE_URL", "GOOGLE_CLIENT_ID", "TOSS_SECRET_KEY"):
        assert not Stack(folder / "var", environ=BARE | {real: "real"}).is_all_ours
    elsewhere = {"BROKER_URL": "redis://elsewhere/1", "REDIS_URL": "redis://elsewhere/0"}
    assert Stack(folder / "var", environ=BARE | elsewhere).is_all_ours

    with up(folder, BARE | elsewhere) as person:
        assert person.stdout is not None
        # No site runs here, so the people can only say so; what runs is not harmed.
        until(lambda shown=person.stdout: "world: stopped here" in shown.readline())
        person.send_signal(signal.SIGINT)
        assert person.wait(60) == 0
    assert alive(folder / "var") == []
