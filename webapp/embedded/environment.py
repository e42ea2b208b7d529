"""The environment variables of the embedded stack's processes.

Variables of the environment that starts the stack win: so a real service replaces an embedded one.
"""

import hashlib
import hmac
import shlex
from collections.abc import Mapping
from pathlib import Path

from webapp.domain.chain_issuing import CHAIN, KEY, ROOTS
from webapp.embedded.persisted import persisted_chain, persisted_secret, private_file

MARK = "STYLE_LICENSE_STACK"  # in every child: what outlived a crash is found by it and ended
# Each sandbox, and the variables that are set where the real provider is used.
SANDBOXES = {
    "google": ("GOOGLE_CLIENT_ID", "GOOGLE_BASE_URL"),
    "toss": ("TOSS_SECRET_KEY", "TOSS_BASE_URL"),
    "mail": ("SMTP_URL",),
}
CHAIN_FILES = {
    "CONTENT_CREDENTIALS_CHAIN": CHAIN,
    "CONTENT_CREDENTIALS_ROOTS": ROOTS,
    "CONTENT_CREDENTIALS_KEY": KEY,
}
SERVICES = ("DATABASE_URL", "BROKER_URL", "REDIS_URL", "STORAGE_URL")


def environment(
    directory: Path,
    *,
    environ: Mapping[str, str],
    web_port: int,
    google_port: int,
    toss_port: int,
    smtp_port: int,
    flower_port: int,
    database_url: str,
    redis_url: str,
    proxy_ports: tuple[int, int] | None = None,
) -> dict[str, str]:
    """Return all variables of a child: those of `environ`, completed by the embedded services'.

    `redis_url` names database 0, for the cache; the broker uses database 1. The URL of an unused
    service may be empty if its variable is in `environ`. `proxy_ports` are those of a proxy, for
    HTTP and HTTPS; the site is then reached at the first.
    """
    secret = persisted_secret(directory / "secret")
    embedded = {
        "ENV": "development",
        "SECRET_KEY": secret,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "BROKER_URL": redis_url.removesuffix("/0") + "/1",
        "STORAGE_URL": f"folder://{directory.absolute()}/storage",
        "PUBLIC_BASE_URL": f"http://localhost:{web_port}",
        "INTERNAL_API_URL": f"http://127.0.0.1:{web_port}",
        "INTERNAL_API_TOKEN": _derived(secret, "internal api"),
        "FLOWER_BASIC_AUTH": f"operator:{_derived(secret, 'flower')[:20]}",
        "FLOWER_URL": f"http://localhost:{flower_port}",
        "WORKER_CACHE_DIR": str(directory.absolute() / "worker"),
        "PYTHONUNBUFFERED": "1",  # lines reach the logs when they are written
        "FLASK_APP": "webapp.app",
        "WEBHOOKS_MAY_BE_LOCAL": "true",
    }
    if not environ.get("CONTENT_CREDENTIALS_CHAIN"):
        folder = directory.absolute() / "credentials"
        persisted_chain(folder)
        embedded |= {name: str(folder / file) for name, file in CHAIN_FILES.items()}
    if proxy_ports:
        embedded |= _of_proxy(directory, web_port, *proxy_ports)
    if uses_sandbox(environ, "google"):
        embedded |= _of_google_sandbox(secret, google_port)
    if uses_sandbox(environ, "toss"):
        embedded |= _of_toss_sandbox(secret, toss_port)
    if uses_sandbox(environ, "mail"):
        embedded |= {
            "SMTP_URL": f"smtp://127.0.0.1:{smtp_port}",
            "MAIL_FROM": "Style License <no-reply@styles.example>",
        }
    present = {name: value for name, value in environ.items() if value or name not in embedded}
    return embedded | present | {MARK: str(directory.resolve())}


def _of_proxy(directory: Path, web_port: int, http_port: int, https_port: int) -> dict[str, str]:
    return {
        "PUBLIC_BASE_URL": f"http://localhost:{http_port}",
        "TRUSTED_PROXIES": "1",
        "SITE_ADDRESS": f"http://localhost:{http_port}, http://127.0.0.1:{http_port},"
        f" https://localhost:{https_port}",
        "WEB_ADDRESS": f"127.0.0.1:{web_port}",
        "BIND_ADDRESS": "127.0.0.1",
        "HTTP_PORT": str(http_port),
        "HTTPS_PORT": str(https_port),
        "XDG_DATA_HOME": f"{directory.absolute()}/proxy",
    }


def _of_google_sandbox(secret: str, port: int) -> dict[str, str]:
    return {
        "GOOGLE_BASE_URL": f"http://localhost:{port}",
        "GOOGLE_CLIENT_ID": "style-license-sandbox",
        "GOOGLE_CLIENT_SECRET": _derived(secret, "google sandbox"),
        "OAUTHLIB_INSECURE_TRANSPORT": "1",  # the sandbox uses plain HTTP on loopback
    }


def _of_toss_sandbox(secret: str, port: int) -> dict[str, str]:
    return {
        "TOSS_BASE_URL": f"http://localhost:{port}",
        "TOSS_CLIENT_KEY": "test_ck_sandbox",
        "TOSS_SECRET_KEY": f"test_sk_{_derived(secret, 'toss sandbox')}",
        # No money moves, and Mina of the fixture has earned 60: her wallet offers a payout.
        "PAYOUT_MINIMUM_TOKENS": "50",
    }


def uses_sandbox(environ: Mapping[str, str], name: str) -> bool:
    """Return whether a sandbox replaces a provider: no variable of the real one is set.

    True for a process that is not a sandbox.
    """
    return not any(environ.get(variable) for variable in SANDBOXES.get(name, ()))


def write_environment(file: Path, child: Mapping[str, str], environ: Mapping[str, str]) -> None:
    """Write the variables that `environ` lacks, for other terminals: `. var/environment`."""
    added = {
        name: value for name, value in child.items() if environ.get(name) != value and name != MARK
    }
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in sorted(added.items())]
    private_file(file, "".join(lines))


def _derived(secret: str, purpose: str) -> str:
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()
