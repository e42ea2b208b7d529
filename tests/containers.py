"""The services of docker-compose.yml as processes: what a container would be, without an engine.

Each has an address of its own on loopback and so the ports of the file, an empty folder for its
/tmp, folders for its volumes, and no other variables than a container would have. Ours run in the
files that the Dockerfile copies, as its user where we may become one, and cannot write there.
"""

import os
import re
import secrets
import shutil
import subprocess
import sys
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import httpx

from tests import compose
from tests.broker import Broker
from tests.processes import PYTHON, ROOT, Process
from tests.waiting import wait_for
from webapp.embedded.persisted import private_file
from webapp.embedded.postgres import Postgres
from webapp.embedded.redis import find_server

BIN = Path(PYTHON).parent
PATH = f"{BIN}{os.pathsep}{os.environ['PATH']}"
READY_SECONDS = 120
# No thread of numpy's or torch's may spin for a core that others need.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
CAPABILITY = "-all,+dac_read_search"  # to read this machine's Python, wherever it lies
AS_USER = (
    *("setpriv", "--reuid", "{user}", "--regid", "{user}", "--clear-groups", "--no-new-privs"),
    *(f"--inh-caps={CAPABILITY}", f"--ambient-caps={CAPABILITY}", f"--bounding-set={CAPABILITY}"),
)
# Python imports it before anything else. Names of Celery's workers come from the host's.
HOST = """
import dataclasses, os, socket
socket.gethostname = lambda: os.environ["HOSTNAME"]
if "TINY_MODEL_FOLDER" in os.environ:
    import tests.tiny_base
    from gpu.base_models.registry import REGISTRY
    REGISTRY["tiny"] = dataclasses.replace(REGISTRY["tiny"], training_steps=40)
"""
PUBLIC = "127.0.0.1"  # where ports are published


@cache
def as_user(user: int) -> tuple[str, ...]:
    """What a command begins with to run as a user who can read all and write nothing."""
    command = tuple(part.format(user=user) for part in AS_USER)
    try:
        subprocess.run([*command, PYTHON, "-c", ""], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return ()  # we are not root ourselves, or not allowed to
    return command


class Containers:
    """All services of the file, started in its order; `env` are the lines of `.env`."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self.env = env
        self.services = compose.services(env)
        self._files = compose.files(env)
        # Other names of services; a name that several have leads to the first of them.
        self._aliases = {
            alias: name
            for name, service in self.services.items()
            for alias in service.get("networks", {}).get("default", {}).get("aliases", ())
            if alias not in self.services
        }
        self.began = 0.0  # of the clock of `time.monotonic`, when there was nothing yet
        self.processes: dict[str, Process] = {}
        self.images: dict[str, compose.Image] = {}
        self._net = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250)}"
        self._addresses: dict[str, str] = {}
        self._parts = ExitStack()
        self._is_stopped = False
        self._host = folder / "host"
        self._host.mkdir()
        (self._host / "sitecustomize.py").write_text(HOST)

    @property
    def environment(self) -> dict[str, str]:
        """What every process needs of this machine."""
        return {"PATH": PATH, "LANG": "C.UTF-8", "PYTHONPATH": str(self._host)} | ONE_THREAD

    # ── places ───────────────────────────────────────────────────────────────────────────────

    def address(self, service: str) -> str:
        """The address on which a service listens."""
        return (
            PUBLIC
            if service == "proxy"
            else f"{self._net}.{list(self.services).index(service) + 1}"
        )

    def _translated(self, service: str, text: str) -> str:
        """A text of the file with this machine's addresses and folders."""
        for place, here in self._places(service).items():
            if text == place or text.startswith(f"{place}/"):
                return f"{here}{text.removeprefix(place)}"
        text = text.replace("0.0.0.0", self.address(service))  # noqa: S104 - is replaced

        def located(found: re.Match[str]) -> str:
            name, port = found.groups()
            name = self._aliases.get(name, name)
            return self._addresses.get(name, f"{self.address(name)}:{port}")

        names = "|".join([*self.services, *self._aliases])
        return re.sub(rf"(?<![\w.-])({names}):(\d+)", located, text)

    def _places(self, service: str) -> dict[str, Path]:
        """Folders of a container, and where they are here."""
        spec = self.services[service]
        found = {}
        for volume in spec.get("volumes", ()):
            source, target, *_ = volume.split(":")
            found[target] = ROOT / source if source[0] in "./" else self.volume(source)
        paths = [f"/{name}" for name in spec.get("configs", ())]
        paths += [f"/run/secrets/{name}" for name in spec.get("secrets", ())]
        found |= {path: self._files[path] for path in paths if path in self._files}
        return found | {"/tmp": self._tmp(service)}  # noqa: S108 - of the container

    def volume(self, name: str) -> Path:
        """The folder of a volume."""
        return self.folder / "volumes" / name

    def _tmp(self, service: str) -> Path:
        return self.folder / "tmp" / service

    # ── life ─────────────────────────────────────────────────────────────────────────────────

    def start_backing_services(self) -> None:
        """Start PostgreSQL, RabbitMQ, Redis and the S3 storage, as the file sets them up."""
        conf = self._mounted("rabbitmq", "/etc/rabbitmq/conf.d/20-style-license.conf").read_text()
        told = self.services["rabbitmq"]["environment"]
        conf += f"default_user = {told['RABBITMQ_DEFAULT_USER']}\n"
        conf += f"default_pass = {told['RABBITMQ_DEFAULT_PASS']}\n"
        broker = Broker(self.folder / "rabbitmq", more=conf)
        self._parts.callback(broker.stop)
        broker.launch()
        self._addresses["rabbitmq"] = f"127.0.0.1:{broker.port}"

        folder = self.folder / "postgres"
        folder.mkdir()
        private_file(
            folder / "password", self.services["postgres"]["environment"]["POSTGRES_PASSWORD"]
        )
        postgres = Postgres(folder)
        self._parts.callback(postgres.remove)
        self._parts.callback(postgres.stop)
        postgres.start()
        self._addresses["postgres"] = re.sub(r".*@(.*)/.*", r"\1", postgres.url)

        # The image does without the protected mode, too.
        redis = ["--bind", self.address("redis"), "--save", "", "--protected-mode", "no"]
        self._run("redis", [str(find_server())], redis)
        self._run("storage", [_program("rclone")], self.services["storage"]["command"])
        broker.wait_until_up()

    def _mounted(self, service: str, place: str) -> Path:
        return self._places(service)[place]

    def start(self, service: str, *, command: list[str] | None = None, **extra: str) -> Process:
        """Start a service as the file says, or with another command; `extra` are more variables."""
        spec = self.services[service]
        if "build" not in spec:
            program, *arguments = [*spec.get("entrypoint", ()), *spec["command"]]
            return self._run(service, [_program(program)], arguments)
        image = self.image(spec["build"]["target"])
        told = image.environment | {n: str(value) for n, value in spec["environment"].items()}
        for volume in spec.get("volumes", ()):
            name, target = volume.split(":")[:2]
            self._mount(name, image, target)
        program, *arguments = command or spec.get("command") or image.command
        programs = [*as_user(image.user or 0), program]
        return self._run(service, programs, arguments, image, told, extra)

    def image(self, target: str) -> compose.Image:
        """The files of one target of the Dockerfile, which its user cannot change."""
        if target not in self.images:
            image = self.images[target] = compose.build(target, self.folder / "images" / target)
            for path in (image.folder, *image.folder.rglob("*")):
                if not path.is_symlink() and path not in image.own_folders:
                    path.chmod(path.stat().st_mode & ~0o222)
            for own in image.own_folders:
                if as_user(image.user or 0):
                    os.chown(own, image.user or 0, image.user or 0)
        return self.images[target]

    def _mount(self, name: str, image: compose.Image, target: str) -> None:
        """Let a new volume take the files and the owner of its place in the image."""
        place = image.folder / Path(target).relative_to(image.workdir)
        if not self.volume(name).exists():
            self.volume(name).parent.mkdir(parents=True, exist_ok=True)
            self.volume(name).symlink_to(place)
        assert place.is_dir(), f"{target} would be made by the engine, for root"

    def _run(
        self,
        service: str,
        program: list[str],
        arguments: list[str],
        image: compose.Image | None = None,
        told: dict[str, str] | None = None,
        extra: dict[str, str] | None = None,
    ) -> Process:
        spec = self.services[service]
        told = dict(spec.get("environment") or {}) if told is None else told
        for folder in self._places(service).values():
            if not folder.exists():
                folder.mkdir(parents=True)
        tmp = self._tmp(service)
        tmp.chmod(0o1777)
        known = {name: self._translated(service, str(value)) for name, value in told.items()}
        environment = self.environment | {"TMPDIR": str(tmp), "HOSTNAME": service} | known
        if service == "proxy":
            environment |= {"BIND_ADDRESS": PUBLIC, "HOME": str(tmp)}
        environment |= extra or {}
        process = Process(
            service,
            [*program, *(self._translated(service, part) for part in arguments)],
            environment,
            self.folder,
            directory=image.folder if image else tmp,
        )
        self.processes[service] = process
        self._parts.callback(process.stop)
        process.start()
        return process

    def wait_for_end(self, service: str) -> None:
        """Wait until a service has done its work well, as `service_completed_successfully`."""
        process = self.processes[service]
        wait_for(lambda: process.status is not None, service, seconds=READY_SECONDS)
        assert process.status == 0, process.tail()

    def wait_until_it_answers(self, service: str, url: str) -> None:
        """Wait until a service answers at its health check."""
        wait_for(
            lambda: _answers(url),
            service,
            seconds=READY_SECONDS,
            explain=self.processes[service].tail,
        )

    def stop(self) -> None:
        """End all; nothing is left running. Once more does nothing."""
        if self._is_stopped:
            return
        self._is_stopped = True
        for process in self.processes.values():
            process.kill()  # how they stop in order is for others to test
        self._parts.close()
        for image in self.images.values():
            for path in (image.folder, *image.folder.rglob("*")):
                if path.is_dir():
                    path.chmod(0o755)  # so that it can be deleted

    def tails(self) -> str:
        """The ends of all logs."""
        return "".join(process.tail(1500) for process in self.processes.values())


def _program(name: str) -> str:
    found = shutil.which(name, path=PATH)
    assert found, f"{name} is needed: pip install -r requirements/dev.txt"
    return found


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except (httpx.HTTPError, OSError):
        return False


assert sys.platform == "linux", "each service needs an address of its own on loopback"
