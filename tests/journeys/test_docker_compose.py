"""`docker compose up` with a filled `.env`, rehearsed without a container engine."""

import secrets
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import sync_playwright

from tests import compose
from tests.broker import free_port
from tests.browser import chromium
from tests.client import Person
from tests.containers import Containers
from tests.processes import PYTHON, ROOT, Process
from tests.stack_fixtures import works
from tests.waiting import wait_for
from webapp.domain.chain_issuing import issue_chain

# It starts the whole file twice, one after the other. `make test` reads the file instead:
# tests/architecture/test_docker_compose.py.
pytestmark = pytest.mark.long

ROOT_CERTIFICATE = "caddy/pki/authorities/local/root.crt"
HALF = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
SLOW_BODY = (
    b"POST /api/v1/reports HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"
)


def filled(google: str, credentials: Path) -> dict[str, str]:
    """`.env.example` with every empty line filled in that must be, on other ports than usual."""
    http, https = free_port(), free_port()
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    own_services = {"DATABASE_URL", "BROKER_URL", "REDIS_URL", "STORAGE_URL"}
    env = {
        name: "" if name in own_services else secrets.token_hex(32)
        for name in compose.environment_file(text)
    }
    return env | {
        "ENV": "development",  # sign-in and payment are sandboxes, and the chain is of nobody
        "PUBLIC_BASE_URL": f"https://localhost:{https}",
        "HTTP_PORT": str(http),
        "HTTPS_PORT": str(https),
        "GOOGLE_BASE_URL": google,
        "TOSS_CLIENT_KEY": "test_ck_rehearsal",
        "TOSS_SECRET_KEY": "test_sk_rehearsal",
        "BASE_MODEL": "tiny",
        "CREDENTIALS_FOLDER": str(credentials),
        "BACKUP_FOLDER": str(credentials.with_name("backups")),
        "DUMP": "",
        "UNTIL": "",
    }


@pytest.fixture(scope="module")
def containers():
    """The services of docker-compose.yml, running."""
    with tempfile.TemporaryDirectory(prefix="style-license-compose-") as folder:
        Path(folder).chmod(0o755)  # the user of the images must come through
        yield from rehearsed(Path(folder))


@contextmanager
def public(running):
    """The proxy in front of a web that answers; this process trusts its certificate."""
    running.wait_until_it_answers("web", f"http://{running.address('web')}:8000/readyz/process")
    running.start("proxy")
    certificate = running.volume("certificates") / ROOT_CERTIFICATE
    wait_for(certificate.exists, "the certificate", explain=running.processes["proxy"].tail)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(certificate))
        running.wait_until_it_answers("proxy", f"{site(running)}/healthz")
        yield


def rehearsed(folder):
    """Start all in the order of the file, with the tiny model on the disk of the GPU workers."""
    began = time.monotonic()
    port = free_port()
    credentials = folder / "credentials"
    issue_chain(credentials)
    running = Containers(folder, filled(f"http://127.0.0.1:{port}", credentials))
    running.began = began
    command = [PYTHON, "-m", "webapp.sandbox.google", "--port", str(port)]
    google = Process(
        "google", command, running.environment | {"HOSTNAME": "here"} | running.env, folder
    )
    tiny = tiny_model(running, folder)
    try:
        google.start()
        running.image("gpu")
        known = running.environment | {"HOSTNAME": "here"} | tiny
        with subprocess.Popen([PYTHON, "-c", ""], cwd=ROOT, env=known) as made:
            running.start_backing_services()
            running.start("prepare")
            running.wait_for_end("prepare")
        assert made.returncode == 0
        start_ours(running, tiny)
        with public(running):
            yield running
    finally:
        print(running.tails())  # noqa: T201 - shown when a test fails
        google.stop()
        running.stop()


def start_ours(running, tiny):
    """What `docker compose up` starts of ours, once the database is prepared."""
    for name, service in running.services.items():
        if "build" in service and name != "prepare":
            is_gpu = service["build"]["target"] == "gpu"
            # Flower is told where to listen by its variables alone.
            flower = {"FLOWER_ADDRESS": running.address(name)} if name == "flower" else {}
            running.start(name, **(tiny if is_gpu else flower))


def tiny_model(running: Containers, folder: Path) -> dict[str, str]:
    """Variables that make the tiny base model of a folder known, as if it had been installed."""
    packages = running.folder / "packages"
    packages.mkdir()
    (packages / "tests").symlink_to(ROOT / "tests")
    places = f"{running.environment['PYTHONPATH']}:{packages}:{running.folder}/images/gpu"
    return {"TINY_MODEL_FOLDER": str(folder / "tiny"), "PYTHONPATH": places}


def site(containers):
    return containers.env["PUBLIC_BASE_URL"]


@dataclass(frozen=True)
class Delivered:
    """A picture that was bought, its certificate, and its file."""

    generation_id: int
    style_id: int
    license_id: str
    image: bytes
    seconds: float  # since there was nothing on the host


@pytest.fixture(scope="module")
def delivered(containers):
    """A style is trained, a picture is bought and fetched, all through the public address."""
    artist = Person(site(containers), "mina@example.com", "Mina Park")
    buyer = Person(site(containers), "jun@example.com", "Jun Seo")
    try:
        artist.become_artist("Mina Park")
        style = artist.create_style("Ink Harbor", works(10))
        events = list(artist.events(f"/styles/{style['id']}/events"))
        assert len(events) > 1, "one by one, while it is trained"
        artist.on_sale(style["id"])
        ordered = buyer.order(style["id"]).json()["data"]["id"]
        for _ in buyer.events(f"/generations/{ordered}/events"):
            pass
        done = buyer.get(f"/generations/{ordered}")
        assert done["status"] == "completed", containers.tails()

        image = buyer.http.get(f"/api/v1/generations/{ordered}/image")
        assert image.status_code == 200
        assert image.content.startswith(b"\x89PNG")
        assert str(image.url).startswith(f"{site(containers)}/files/")
        assert image.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert httpx.get(str(image.url).partition("?")[0]).status_code == 404
        forged = str(image.url).replace("X-Amz-Signature=", "X-Amz-Signature=0")
        assert httpx.get(forged).status_code in {400, 403}
        assert shown_in_a_browser(buyer, f"{site(containers)}/g/{ordered}")
        public_id = done["license"]["public_id"]
        seconds = time.monotonic() - containers.began
        return Delivered(ordered, style["id"], public_id, image.content, seconds)
    finally:
        artist.http.close()
        buyer.http.close()


def test_a_picture_is_delivered_through_the_public_address(delivered):
    assert delivered.license_id.startswith("L_")


def verified(containers, delivered):
    """What the site says to somebody who uploads the picture to verify it."""
    answer = httpx.post(
        f"{site(containers)}/api/v1/verify",
        files={"image": ("picture.png", delivered.image, "image/png")},
    )
    assert answer.is_success, answer.text
    return answer.json()["data"]


def shown_in_a_browser(person, address):
    """Whether all pictures of a page appear in Chromium, the person's cookies given."""
    cookies = [
        {"name": each.name, "value": each.value or "", "url": address}
        for each in person.http.cookies.jar
    ]
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(**chromium.launch_options()) as browser,
    ):
        # The browser has a trust store of its own; other tests check the certificate.
        context = browser.new_context(ignore_https_errors=True)
        context.add_cookies(cookies)
        page = context.new_page()
        page.goto(address, wait_until="load")
        widths = page.eval_on_selector_all("main img", "all => all.map((one) => one.naturalWidth)")
        return bool(widths) and all(widths)


def test_cookies_are_for_tls_alone_and_http_leads_to_it(containers):
    answer = httpx.get(f"http://localhost:{containers.env['HTTP_PORT']}/styles?page=1")
    assert answer.status_code == 308
    assert answer.headers["Location"] == "https://localhost/styles?page=1"
    page = httpx.get(f"{site(containers)}/api/v1/auth/google/login")
    assert "; Secure" in page.headers["Set-Cookie"]


def test_numbers_are_not_published(containers):
    for path in ("/metrics", "/metrics/", "/%6detrics", "//metrics"):
        answer = httpx.get(f"{site(containers)}{path}")
        assert answer.status_code in {401, 404}, path
        assert b"http_request_seconds" not in answer.content


def test_a_client_cannot_choose_its_own_address(containers):
    left = [
        int(
            httpx.get(
                f"{site(containers)}/api/v1/tags", headers={"X-Forwarded-For": f"198.51.100.{n}"}
            ).headers["X-RateLimit-Remaining"]
        )
        for n in range(3)
    ]
    assert left == [left[0], left[0] - 1, left[0] - 2]


def test_a_body_that_is_too_large_is_refused_by_the_site_with_its_code(containers):
    answer = httpx.post(
        f"{site(containers)}/api/v1/reports",
        content=bytes(9 << 20),
        headers={"Content-Type": "application/json"},
    )
    assert answer.json()["error"]["code"] == "UNAUTHORIZED"  # not of the proxy: nobody signed in


def test_five_hundred_slow_clients_stop_nobody(containers):
    trust = ssl.create_default_context(
        cafile=str(containers.volume("certificates") / ROOT_CERTIFICATE)
    )
    port = int(containers.env["HTTPS_PORT"])
    with ExitStack() as clients:
        for number in range(500):
            client = socket.create_connection(("127.0.0.1", port), timeout=60)
            if number % 5 == 0:  # not even a handshake
                clients.enter_context(client)
                continue
            client = clients.enter_context(trust.wrap_socket(client, server_hostname="localhost"))
            client.sendall(HALF if number % 2 else SLOW_BODY)
            if number % 50 == 49:
                # Who had to wait for the slow ones would wait for ten seconds and more.
                assert httpx.get(f"{site(containers)}/healthz", timeout=8).is_success
        assert httpx.get(f"{site(containers)}/styles").is_success


def test_all_is_destroyed_and_an_empty_host_is_restored_from_its_backup(
    containers, delivered, monkeypatch
):
    """As `make backup` and, on a host without anything else, `make restore` run the services.

    The last test of the file: it stops the services of the others.
    """
    began = time.monotonic()
    for name in ("backup-files", "backup-database", "backup-files"):
        containers.start(name)
        containers.wait_for_end(name)
    backed_up = time.monotonic() - began
    containers.stop()
    for lost in ("volumes", "postgres", "rabbitmq", "tmp"):
        shutil.rmtree(containers.folder / lost, ignore_errors=True)
    monkeypatch.delenv("SSL_CERT_FILE")  # the certificate of a proxy that is no more

    began = time.monotonic()
    folder = containers.folder / "other"
    folder.mkdir()
    other = Containers(folder, containers.env)
    tiny = tiny_model(other, containers.folder)
    try:
        other.start_backing_services()
        for name in ("restore-database", "restore-files"):
            other.start(name)
            other.wait_for_end(name)
        for command in ("restored", "ledger check --full", "license check-files"):
            other.start("prepare", command=["flask", "--app", "webapp.app", *command.split()])
            other.wait_for_end("prepare")
        assert other.processes["prepare"].has_said("the pictures of 1 certificates are there")
        other.start("prepare")  # as at each `docker compose up`
        other.wait_for_end("prepare")
        start_ours(other, tiny)
        with public(other):
            [match] = verified(other, delivered)["matches"]
            restored = time.monotonic() - began
            assert (match["public_id"], match["method"]) == (delivered.license_id, "hash")
            buyer = Person(site(other), "jun@example.com", "Jun Seo")
            path = f"/api/v1/generations/{delivered.generation_id}/image"
            assert buyer.http.get(path).content == delivered.image
            ordered = buyer.order(delivered.style_id).json()["data"]["id"]
            assert buyer.final(ordered)["status"] == "completed", "all services work again"
            buyer.http.close()
        print(  # noqa: T201 - RTO
            f"an empty host delivered a picture after {delivered.seconds:.1f} s, its backup took"
            f" {backed_up:.1f} s; destroyed, restored and the certificate verified after"
            f" {restored:.1f} s"
        )
    finally:
        print(other.tails())  # noqa: T201 - shown when the test fails
        other.stop()
