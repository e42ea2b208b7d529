"""Two webs behind the proxy of docker-compose.yml, on code of two versions: what a deploy changes.

Each web is the gunicorn of the Dockerfile with its configuration, in the files of the image. The
newer image has one migration more. There are no workers: nothing waits for a picture.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from tests import compose, database, making
from tests.broker import free_port
from tests.client import Person
from tests.newer_code import add_migration, stating
from tests.processes import PYTHON, ROOT, Process
from tests.stack import BASE_MODEL, BIN, site_environment
from tests.waiting import wait_for
from webapp.domain.gateways.storage import make_storage
from webapp.domain.readiness import own_revisions
from webapp.domain.services import ledger

LOGGED = re.compile(rb'"event": ?"request"')
PATH = f"{BIN}:/usr/bin:/bin"


@dataclass
class Site:
    """Two webs at addresses of their own, and the proxy in front of them."""

    folder: Path
    environment: dict[str, str]
    address: str
    http: httpx.Client
    ports: tuple[int, int]
    images: dict[str, compose.Image]
    parts: ExitStack
    running: list[Process] = field(default_factory=list)

    def flask(self, version: str, *arguments: str) -> None:
        """Run a command of the code of a version, as the service `prepare` does."""
        command = [PYTHON, "-m", "flask", "--app", "webapp.app", *arguments]
        done = self._process(f"{version}-{arguments[0]}", command, version)
        wait_for(lambda: done.status is not None, "flask", seconds=120, explain=done.tail)
        assert done.status == 0, done.tail()

    def start_web(self, place: int, version: str, *options: str) -> Process:
        """Start a web of a version in one of the two places."""
        program, *arguments = self.images[version].command
        address = f"127.0.0.1:{self.ports[place]}"
        arguments = [each.replace("0.0.0.0:8000", address) for each in arguments]
        name = f"web-{place + 1}-{version}-{secrets.token_hex(2)}"
        command = [str(BIN / program), *arguments, *options]
        return self._process(name, command, version, str(self.folder / name))

    def wait_until_ready(self, *places: int) -> None:
        """Wait until the webs in these places take requests."""
        for place in places:
            name = f"web {place + 1}"
            wait_for(lambda at=place: self.is_ready(at), name, seconds=120, every=0.3)

    def end_web(self, web: Process) -> None:
        """Let a web drain and end by itself."""
        web.terminate()
        wait_for(lambda: web.status is not None, f"{web.name} to end", every=0.2, explain=web.tail)

    def is_ready(self, place: int) -> bool:
        """Tell whether a web takes requests, asked as the proxy asks."""
        return self._answers(f"http://127.0.0.1:{self.ports[place]}/readyz/process")

    def start_proxy(self) -> Process:
        """Start the proxy, and wait until it answers."""
        command = [str(BIN / "caddy"), "run", "--config", str(ROOT / "docker/Caddyfile")]
        proxy = self._process("proxy", [*command, "--adapter", "caddyfile"], "old")
        answers = f"{self.address}/healthz"
        wait_for(lambda: self._answers(answers), "the proxy", every=0.3, explain=proxy.tail)
        return proxy

    def start_sandbox(self) -> None:
        """Start the provider at which people sign in; it is in no image."""
        url = self.environment["GOOGLE_BASE_URL"]
        command = [PYTHON, "-m", "webapp.sandbox.google", "--port", url.rpartition(":")[2]]
        google = Process("google", command, self.environment, self.folder)
        self.parts.callback(google.stop)
        google.start()
        answers = f"{url}/healthz"
        wait_for(lambda: self._answers(answers), "the sandbox", every=0.3, explain=google.tail)

    def _answers(self, url: str) -> bool:
        try:
            return self.http.get(url).is_success
        except httpx.TransportError:
            return False

    def _process(self, name: str, command: list[str], version: str, tmp: str = "") -> Process:
        own = {"TMPDIR": tmp} if tmp else {}
        if tmp:
            Path(tmp).mkdir()
        directory = self.images[version].folder
        process = Process(name, command, self.environment | own, self.folder, directory=directory)
        self.running.append(process)
        process.start()
        return process

    def stop(self) -> None:
        """Stop the webs and the proxy; the services behind them go on."""
        for process in self.running:
            process.kill()
        self.running.clear()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction on the database of the site."""
        engine = create_engine(self.environment["DATABASE_URL"])
        try:
            with Session(engine) as session, session.begin():
                yield session
        finally:
            engine.dispose()

    def count(self, table: str) -> int:
        """How many rows a table has."""
        with self.session() as session:
            return session.scalar(text(f"SELECT count(*) FROM {table}")) or 0

    def buyers(self, count: int) -> tuple[int, list[Person]]:
        """Put a style on sale, sign buyers in through the proxy, and give them tokens.

        Their connections are closed when the site is stopped.
        """
        storage = make_storage(
            storage_url=self.environment["STORAGE_URL"],
            public_base_url=self.address,
            secret_key=self.environment["SECRET_KEY"],
        )
        emails = [f"buyer-{secrets.token_hex(4)}@example.com" for _ in range(count)]
        people = [Person(self.address, email) for email in emails]
        for each in people:
            self.parts.callback(each.http.close)
        with self.session() as session:
            style = making.style(session, storage, base_model=BASE_MODEL)
            for each in people:
                ledger.grant(session, each.me["id"], 100_000, key=secrets.token_hex(8))
            return style.id, people


def requests_of(web: Process) -> int:
    """How many requests a web has logged; those of the proxy's checks are not."""
    return len(LOGGED.findall(web.log.read_bytes()))


@contextmanager
def prepared(folder: Path) -> Iterator[Site]:
    """A site whose database has the schema of the old code; nothing serves it yet."""
    images = {version: compose.build("web", folder / version) for version in ("old", "new")}
    add_migration(images["new"].folder / "migrations", stating(own_revisions()[0]))
    with ExitStack() as parts:
        redis_url = parts.enter_context(database.cache(folder / "redis"))
        server = parts.enter_context(database.server())
        url = parts.enter_context(database.database(server))
        port, ports = free_port(), (free_port(), free_port())
        address = f"http://127.0.0.1:{port}"
        environment = _environment(folder, address) | {
            "DATABASE_URL": url.render_as_string(hide_password=False),
            "REDIS_URL": redis_url,
            "WEB_ADDRESS": " ".join(f"127.0.0.1:{each}" for each in ports),
            "HTTP_PORT": str(port),
        }
        http = parts.enter_context(httpx.Client(timeout=10))
        site = Site(folder, environment, address, http, ports, images, parts)
        parts.callback(site.stop)
        site.start_sandbox()
        site.flask("old", "prepare")
        yield site


def _environment(folder: Path, address: str) -> dict[str, str]:
    return site_environment(folder, address) | {
        "PATH": PATH,
        "XDG_DATA_HOME": str(folder / "caddy"),
        "SITE_ADDRESS": address,
        "BIND_ADDRESS": "127.0.0.1",
        "HTTPS_PORT": str(free_port()),
        "TRUSTED_PROXIES": "1",
        "GOOGLE_BASE_URL": f"http://127.0.0.1:{free_port()}",
        "OAUTHLIB_INSECURE_TRANSPORT": "1",
        "BROKER_URL": "amqp://guest:guest@127.0.0.1:1//",
    }
