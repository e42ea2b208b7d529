"""The environment of the embedded stack's processes, built in one place.

Whatever is already set by whoever starts the stack wins: that is how a real service replaces an
embedded one.
"""

import hashlib
import hmac
import shlex
from collections.abc import Mapping
from pathlib import Path

from webapp.domain.chain_issuing import CHAIN, KEY, ROOTS
from webapp.embedded.kept import kept_chain, kept_secret, private_file

MARK = "STYLE_LICENSE_STACK"  # in every child, so that what outlived a crash is found and ended
# Each sandbox, and what is given where the real provider is used.
SANDBOXES = {
    "google": ("GOOGLE_CLIENT_ID", "GOOGLE_BASE_URL"),
    "toss": ("TOSS_SECRET_KEY", "TOSS_BASE_URL"),
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
    given: Mapping[str, str],
    web_port: int,
    google_port: int,
    toss_port: int,
    flower_port: int,
    database_url: str,
    redis_url: str,
    proxy_ports: tuple[int, int] | None = None,
) -> dict[str, str]:
    """Return all variables of a child: what was given, completed by what is embedded.

    `redis_url` names database 0, for the cache; the broker uses database 1. An unused service's
    URL may be empty, as long as its variable is given. `proxy_ports` are those of a proxy in front,
    for HTTP and HTTPS; people then come to the first.
    """
    secret = kept_secret(directory / "secret")
    made = {
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
    }
    if not given.get("CONTENT_CREDENTIALS_CHAIN"):
        folder = directory.absolute() / "credentials"
        kept_chain(folder)
        made |= {name: str(folder / file) for name, file in CHAIN_FILES.items()}
    if proxy_ports:
        http_port, https_port = proxy_ports
        made |= {
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
    if uses_sandbox(given, "google"):
        made |= {
            "GOOGLE_BASE_URL": f"http://localhost:{google_port}",
            "GOOGLE_CLIENT_ID": "style-license-sandbox",
            "GOOGLE_CLIENT_SECRET": _derived(secret, "google sandbox"),
            "OAUTHLIB_INSECURE_TRANSPORT": "1",  # the sandbox speaks plain http on loopback
        }
    if uses_sandbox(given, "toss"):
        made |= {
            "TOSS_BASE_URL": f"http://localhost:{toss_port}",
            "TOSS_CLIENT_KEY": "test_ck_sandbox",
            "TOSS_SECRET_KEY": f"test_sk_{_derived(secret, 'toss sandbox')}",
        }
    present = {name: value for name, value in given.items() if value or name not in made}
    return made | present | {MARK: str(directory.resolve())}


def uses_sandbox(given: Mapping[str, str], name: str) -> bool:
    """Tell whether our sandbox stands in for a provider: nothing of the real one was given.

    True for a process that is no sandbox.
    """
    return not any(given.get(variable) for variable in SANDBOXES.get(name, ()))


def write_environment(file: Path, child: Mapping[str, str], given: Mapping[str, str]) -> None:
    """Write what we added, for other terminals: `set -a; . var/environment`."""
    added = {
        name: value for name, value in child.items() if given.get(name) != value and name != MARK
    }
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in sorted(added.items())]
    private_file(file, "".join(lines))


def _derived(secret: str, purpose: str) -> str:
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()
