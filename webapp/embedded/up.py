"""`make up`: runs the whole platform on this machine, until Ctrl-C.

All data is in `var/`; service URLs in the environment replace the embedded services. If only
embedded services and sandboxes are used, the fixture is restored before the site starts, and
`world.py` adds to it over HTTP.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from webapp.embedded.cast import introductions
from webapp.embedded.environment import uses_sandbox
from webapp.embedded.fixture import FILE
from webapp.embedded.persisted import EmbeddedError
from webapp.embedded.processes import PYTHON, find_proxy
from webapp.embedded.supervisor import Stack

WEB_PORT, GOOGLE_PORT, TOSS_PORT, MAIL_PORT = 8000, 8001, 8002, 8003
FLOWER_PORT, TLS_PORT = 5555, 8443


def main() -> int:
    """Start, print the URLs and accounts, stop all on Ctrl-C or SIGTERM; 1 if it cannot start."""
    signal.signal(signal.SIGTERM, _interrupt)
    proxy = find_proxy(os.environ.get("PATH", ""))
    stack = Stack(
        Path("var"),
        environ=os.environ,
        web_port=None if proxy else WEB_PORT,
        proxy=proxy,
        proxy_port=WEB_PORT,
        tls_port=TLS_PORT,
        google_port=GOOGLE_PORT,
        toss_port=TOSS_PORT,
        mail_port=MAIL_PORT,
        flower_port=FLOWER_PORT,
        fixture=FILE,
        report=lambda line: print(f"  {line}", flush=True),
    )
    try:
        with stack:
            _print_urls(stack)
            _print_accounts(stack)
            print("\nCtrl-C stops everything.", flush=True)
            with _filled(stack):
                stack.wait()
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", flush=True)
    return 0


def _print_urls(stack: Stack) -> None:
    print(f"\nStyle License runs at {stack.site}")
    if "tls" in stack.urls:
        tls = stack.urls["tls"].replace("http:", "https:")
        certificate = stack.directory / "proxy/caddy/pki/authorities/local/root.crt"
        print(f"  over TLS          {tls}  (root certificate: {certificate})")
    if uses_sandbox(os.environ, "google"):
        print(f"  sign-in sandbox   {stack.urls['google']}  (anyone may sign in as anyone)")
    if uses_sandbox(os.environ, "toss"):
        print(f"  payment sandbox   {stack.urls['toss']}  (no money moves)")
    if uses_sandbox(os.environ, "mail"):
        print(f"  mail sandbox      {stack.urls['mail']}  (no mail is delivered)")
    name, _, password = stack.environment["FLOWER_BASIC_AUTH"].partition(":")
    print(f"  Flower            {stack.urls['flower']}  (as {name}, password {password})")
    print(f"  metrics           {stack.urls['web']}/metrics")
    print(f"  logs              {stack.log('*')}")
    print(f"  other terminals   set -a; . {stack.directory}/environment; set +a")


def _print_accounts(stack: Stack) -> None:
    if not stack.is_all_ours:
        return
    print("\nAccounts that you may sign in as")
    for line in account_lines(introductions()):
        print(f"  {line}")
    print("  or any other e-mail address: a new account begins with 100 tokens")
    print("\nOn two cores a picture takes 5 to 15 seconds, a training 2 to 10 minutes.")


def account_lines(accounts: list[tuple[str, str, str]]) -> list[str]:
    """Return a line for each (name, e-mail address, role), in columns as wide as their longest."""
    names, addresses, _ = (max(map(len, column)) for column in zip(*accounts, strict=True))
    return [f"{name:<{names}}  {email:<{addresses}}  {role}" for name, email, role in accounts]


@contextmanager
def _filled(stack: Stack) -> Iterator[None]:
    """Fill the site from a process of its own (`world.py`) while it can be used already."""
    if not stack.is_all_ours:
        yield
        return
    command = ("nice", "-n", "10", PYTHON, "-m", "webapp.embedded.world", str(stack.directory))
    process = subprocess.Popen(command, env=stack.environment, start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
