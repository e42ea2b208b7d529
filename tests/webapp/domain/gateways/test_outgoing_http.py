"""Requests to strangers: to checked addresses alone, once, and not for long."""

import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.broker import free_port
from tests.failing_server import CLOSES_CONNECTION, TRUNCATES_BODY, failing_server
from webapp.domain import outgoing_addresses
from webapp.domain.gateways import outgoing_http
from webapp.domain.gateways.outgoing_http import NotAnswered, Problem, post

LOOPBACK = ip_address("127.0.0.1")
PUBLIC = ip_address("93.184.216.34")


@contextmanager
def tcp_server(answer):
    """A server that lets `answer` talk to each connection."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                answer(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def read_request(connection):
    """Read a request of ours to its end: closed before, the connection may be reset."""
    request = b""
    while not request.endswith(b"\r\n\r\n{}"):
        received = connection.recv(4096)
        if not received:
            raise ConnectionError(f"the request broke off: {request!r}")
        request += received


def sent(url, **options):
    return post(url, {"webhook-id": "1"}, b"{}", may_be_local=True, **options)


def problem_of(url, *, may_be_local=True, **options):
    with pytest.raises(NotAnswered) as failed:
        post(url, {}, b"{}", may_be_local=may_be_local, **options)
    return failed.value.problem


def names(*addresses):
    """A name server that has these addresses for every name, and the names it was asked for."""
    asked = []

    def resolve(host, _port):
        asked.append(host)
        return [ip_address(each) for each in addresses]

    return resolve, asked


@pytest.fixture
def connections(monkeypatch):
    """Where connections would be made to; nobody answers."""
    made = []

    def connect(_self, host, port, *_arguments):
        made.append((host, port))
        raise outgoing_http.httpcore.ConnectError

    monkeypatch.setattr(outgoing_http.httpcore.SyncBackend, "connect_tcp", connect)
    return made


def test_the_request_arrives_as_it_was_signed_and_the_status_comes_back():
    with failing_server() as server:
        server.statuses = [204]
        assert sent(f"{server.url}/hook?a=b") == 204
    [(method, path, body, headers)] = server.requests
    assert (method, path, body) == ("POST", "/hook?a=b", b"{}")
    assert headers["webhook-id"] == "1"
    assert headers["Host"] == server.url.removeprefix("http://")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_private_address_is_not_followed(status):
    with failing_server() as inside, failing_server() as server:
        server.statuses, server.location = [status], f"{inside.url}/secret"
        assert sent(server.url) == status
        assert inside.requests == []


def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    with failing_server() as proxy, failing_server() as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        assert sent(server.url) == 200
        assert proxy.requests == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.1.2.3"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["fd00:ec2::254"],
        ["93.184.216.34", "127.0.0.1"],
        ["10.0.0.1", "93.184.216.34"],
        ["2606:4700:4700::1111", "fe80::1"],
    ],
)
def test_a_name_with_an_address_that_is_not_public_is_refused(connections, addresses):
    resolve, _ = names(*addresses)
    problem = problem_of("https://shop.example/", may_be_local=False, resolve=resolve)
    assert (problem, connections) == (Problem.ADDRESS_REFUSED, [])


@pytest.mark.parametrize(
    "url",
    ["http://shop.example/", "https://127.0.0.1/", "https://[::1]/", "https://shop.example:22/"],
)
def test_an_address_that_may_not_be_registered_is_not_asked_for(connections, url):
    resolve, asked = names("93.184.216.34")
    assert problem_of(url, may_be_local=False, resolve=resolve) == Problem.ADDRESS_REFUSED
    assert (asked, connections) == ([], [])


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "0177.0.0.1"])
def test_other_ways_to_write_loopback_are_resolved_and_refused(connections, host):
    assert problem_of(f"https://{host}/", may_be_local=False) == Problem.ADDRESS_REFUSED
    assert connections == []


def test_the_connection_goes_to_the_address_that_was_checked(connections):
    answers = iter([[PUBLIC], [LOOPBACK]])
    resolve = lambda _host, _port: next(answers)  # noqa: E731 - a name server that changes its mind
    problem = problem_of("https://shop.example:8443/", may_be_local=False, resolve=resolve)
    assert (problem, connections) == (Problem.NO_CONNECTION, [(str(PUBLIC), 8443)])


def test_the_next_address_is_tried_but_not_for_ever(connections):
    resolve, asked = names(*(f"93.184.216.{number}" for number in range(9)))
    problem_of("https://shop.example/", may_be_local=False, resolve=resolve)
    assert (asked, len(connections)) == (["shop.example"], outgoing_http.MOST_ADDRESSES)


def test_a_name_without_an_address():
    def resolve(_host, _port):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    assert problem_of("https://shop.example/", resolve=resolve) == Problem.UNKNOWN_HOST


def test_a_slow_name_server_is_not_waited_for():
    is_given_up = threading.Event()

    def resolve(_host, _port):
        is_given_up.wait(60)
        return []

    assert problem_of("http://shop.example/", resolve=resolve, seconds=0.3) == Problem.TIMEOUT
    is_given_up.set()


def test_nobody_listens():
    assert problem_of(f"http://127.0.0.1:{free_port()}/") == Problem.NO_CONNECTION


def test_a_connection_that_is_closed_without_an_answer():
    with failing_server() as server:
        server.statuses = [CLOSES_CONNECTION]
        assert problem_of(server.url) == Problem.BAD_ANSWER


def greet(connection):
    """Answer as a server of mails would."""
    connection.recv(4096)
    connection.sendall(b"220 mail.example ESMTP\r\n")


def test_an_answer_that_is_not_http():
    with tcp_server(greet) as url:
        assert problem_of(url) == Problem.BAD_ANSWER


def test_an_answer_that_breaks_off_has_a_status():
    with failing_server() as server:
        server.statuses = [TRUNCATES_BODY]
        assert sent(server.url) == TRUNCATES_BODY


def until_closed(connection):
    """Read until the other side leaves."""
    with suppress(ConnectionError):
        while connection.recv(4096):
            pass


def test_a_server_that_is_silent_is_left():
    with tcp_server(until_closed) as url:
        assert problem_of(url, seconds=0.4) == Problem.TIMEOUT


def drip(connection):
    """Send a byte of a head again and again, until the other side leaves."""
    with suppress(ConnectionError):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            time.sleep(0.05)
            connection.sendall(b"a")


def test_a_server_that_sends_byte_by_byte_is_left_too():
    with tcp_server(drip) as url:
        assert problem_of(url, seconds=0.5) == Problem.TIMEOUT


def test_the_body_of_an_answer_is_not_waited_for():
    def without_body(connection):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        until_closed(connection)

    with tcp_server(without_body) as url:
        assert sent(url) == 200


@pytest.fixture
def secure(tmp_path):
    """A TLS server for the name shop.example: its address, and the certificate to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("shop.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + pem
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    def answer(connection):
        try:
            with context.wrap_socket(connection, server_side=True) as wrapped:
                read_request(wrapped)
                wrapped.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        except OSError:
            return

    with tcp_server(answer) as url:
        yield int(url.rstrip("/").rpartition(":")[2]), pem.decode()


def test_the_certificate_must_be_that_of_the_name(secure, monkeypatch):
    port, pem = secure
    resolve, _ = names("127.0.0.1")
    assert problem_of(f"https://shop.example:{port}/", resolve=resolve) == Problem.BAD_CERTIFICATE
    trust = ssl.create_default_context(cadata=pem)
    monkeypatch.setattr(outgoing_http, "_trust", lambda: trust)
    assert sent(f"https://shop.example:{port}/", resolve=resolve) == 202
    assert problem_of(f"https://other.example:{port}/", resolve=resolve) == Problem.BAD_CERTIFICATE


def test_the_check_of_addresses_is_the_one_of_registering(monkeypatch, connections):
    resolve, _ = names("127.0.0.1")
    monkeypatch.setattr(outgoing_addresses, "is_public", lambda _address: True)
    problem_of("https://shop.example/", may_be_local=False, resolve=resolve)
    assert connections == [("127.0.0.1", 443)]
