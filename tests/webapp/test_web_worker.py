"""The worker of the site: slow clients, few threads and short time-outs; and how it stops."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.broker import free_port
from tests.waiting import wait_for

ROOT = Path(__file__).parents[2]
HELLO = """
import os
import time
from webapp import web_worker
from webapp.http import draining
from webapp.web_worker import WebWorker
web_worker.HEAD_SECONDS = {head}
web_worker.BODY_SECONDS = {body}
web_worker.DISCARD_SECONDS = 60

class LateWorker(WebWorker):
    def _accept_all(self, listener):
        super()._accept_all(listener)
        time.sleep({gap})

    def wait_for_and_dispatch_events(self, timeout):
        super().wait_for_and_dispatch_events(timeout)
        time.sleep({late})

def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(3)
    if environ["PATH_INFO"] == "/draining":
        start_response("200 OK", [("Content-Length", "1")])
        return [str(int(draining.has_begun())).encode()]
    if environ["PATH_INFO"] == "/process":
        process = str(os.getpid())
        start_response("200 OK", [("Content-Length", str(len(process)))])
        return [process.encode()]
    is_read = environ["PATH_INFO"] != "/refused"
    body = environ["wsgi.input"].read() if is_read else b""
    start_response("200 OK", [("Content-Length", str(len(str(len(body)))))])
    return [str(len(body)).encode()]
"""
HALF = b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "


@pytest.fixture
def served(tmp_path):
    """Start a server of two threads; return its port. `served.stop` asks the last one to stop."""
    running = []

    def start(head=60, body=60, *, keepalive=60, late=0, gap=0, grace=1, worker="hello.LateWorker"):
        app = HELLO.format(head=head, body=body, late=late, gap=gap)
        (tmp_path / "hello.py").write_text(app)
        port, log = free_port(), tmp_path / "log"
        command = [sys.executable, "-m", "gunicorn", "--worker-class", worker]
        command += ["--threads", "2", "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
        command += ["--keep-alive", str(keepalive)]
        command += ["--graceful-timeout", str(grace), "--pythonpath", str(ROOT), "hello:app"]
        with log.open("wb") as output:
            running.append(subprocess.Popen(command, cwd=tmp_path, stdout=output, stderr=output))
        wait_for(lambda: answers(port), "the server", seconds=90, explain=log.read_text)
        return port

    def stop():
        running[-1].terminate()

    start.stop = stop
    yield start
    for each in running:
        each.terminate()
        each.wait(30)


def answers(port, timeout=30):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        return get(connection) == b"0"
    except OSError:
        return False
    finally:
        connection.close()


def get(connection, path="/"):
    connection.request("GET", path)
    return connection.getresponse().read()


@pytest.fixture
def connected():
    """Open a connection and send something; closed at the end of the test."""
    with ExitStack() as clients:

        def connect(port, data=b""):
            client = socket.create_connection(("127.0.0.1", port), timeout=60)
            clients.enter_context(client)
            client.sendall(data)
            return client

        yield connect


@pytest.fixture
def kept():
    """A connection that is kept alive."""
    connection = http.client.HTTPConnection("127.0.0.1", timeout=30)
    yield connection
    connection.close()


def test_five_hundred_half_heads_stop_nobody(served, connected, kept):
    kept.port = port = served()
    for number in range(500):
        connected(port, HALF if number % 2 else b"")
    for _ in range(5):
        assert answers(port)
        assert get(kept) == b"0"


def test_a_head_that_does_not_come_in_time_is_closed(served, connected, kept):
    kept.port = port = served(head=1)
    client = connected(port, HALF)
    assert client.recv(100) == b""
    assert get(kept) == b"0"
    kept.sock.sendall(HALF)
    assert kept.sock.recv(100) == b""
    assert answers(port)


@pytest.mark.long
def test_a_request_that_has_arrived_is_answered_however_late_the_event_loop_looks(served, kept):
    # Idle for a second, the connection may be closed; the next request is there long before, but
    # the loop comes to it after two.
    kept.port = served(keepalive=1, late=2)
    for _ in range(3):
        assert get(kept) == b"0"
    assert kept.sock, "all on one connection"


def test_a_head_that_has_arrived_is_read_however_late_the_event_loop_looks(served):
    assert answers(served(head=1, late=2))


def test_an_idle_connection_is_closed_after_its_time(served, kept):
    kept.port = served(keepalive=1)
    assert get(kept) == b"0"
    assert kept.sock.recv(1) == b""


def test_a_body_that_comes_too_slowly_is_given_up(served, connected):
    port = served(body=1)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    slow = [connected(port, head + b"x") for _ in range(2)]  # as many as there are threads
    assert answers(port, timeout=60)
    for client in slow:
        client.settimeout(60)
        assert b"200 OK" not in client.recv(1000)


def test_a_head_in_pieces_and_a_large_body_arrive(served, connected):
    port = served()
    client = connected(port)
    body = bytes(3 << 20)
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for place in range(0, len(head), 7):
        client.sendall(head[place : place + 7])
        time.sleep(0.01)
    client.sendall(body)
    assert answer(client) == str(len(body)).encode()
    client.sendall(head + body)  # the head comes with the beginning of its body
    assert answer(client) == str(len(body)).encode()


def test_a_body_that_is_refused_unread_leaves_the_connection_open(served, kept):
    kept.port = served()
    for _ in range(3):
        kept.request("POST", "/refused", body=bytes(20 << 20))
        assert kept.getresponse().read() == b"0"
        assert kept.sock


def answer(client):
    """The body of an answer of this app."""
    received = b""
    while len(received.partition(b"\r\n\r\n")[2]) < 7:
        received += client.recv(1000)
    return received.partition(b"\r\n\r\n")[2]


def answers_until_refused(port):
    """Open connection after connection; how each was answered, until one is refused."""
    answered = []
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", "/draining")
            answer = connection.getresponse()
            answered.append((answer.read(), answer.headers["Connection"]))
        except ConnectionRefusedError:
            return answered
        except OSError as error:
            answered.append(type(error).__name__)
        finally:
            connection.close()
        time.sleep(0.01)


def test_a_process_that_is_stopped_drains_then_refuses_and_resets_nobody(served, kept):
    kept.port = port = served(grace=30)
    assert get(kept) == b"0"
    served.stop()
    answered = set(answers_until_refused(port))
    assert (b"1", "close") in answered
    assert answered <= {(b"0", "keep-alive"), (b"1", "close")}


def test_who_connects_between_the_last_accept_and_the_close_is_refused(served):
    port = served(grace=6, gap=0.5)
    served.stop()
    assert set(answers_until_refused(port)) <= {(b"0", "keep-alive"), (b"1", "close")}


def test_a_worker_that_is_replaced_leaves_the_port_open(served, kept):
    kept.port = served(grace=1)
    before = get(kept, "/process")
    os.kill(int(before), signal.SIGTERM)

    def another_answers():
        kept.close()
        try:
            return get(kept, "/process") != before
        except ConnectionRefusedError:
            raise
        except (OSError, http.client.HTTPException):
            return False  # it was taken by the one that stops

    wait_for(another_answers, "another process to answer")


def test_without_draining_connections_are_reset(served, kept):
    """The control: gunicorn's own worker, while it waits for an open connection."""
    kept.port = port = served(grace=6, worker="gthread")
    assert get(kept) == b"0"
    served.stop()
    lost = [each for each in answers_until_refused(port) if isinstance(each, str)]
    assert lost


def test_a_request_in_flight_is_answered_by_a_process_that_is_stopped(served, connected):
    port = served(grace=18)
    client = connected(port, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    wait_for(lambda: answers(port), "another answer: the first request is in flight")
    served.stop()
    with client.makefile("rb") as stream:
        assert stream.read().endswith(b"\r\n\r\n0")


def test_an_open_connection_is_answered_while_the_process_drains(served, kept):
    kept.port = served(grace=18)
    assert get(kept) == b"0"
    served.stop()
    other = http.client.HTTPConnection("127.0.0.1", kept.port, timeout=30)
    wait_for(lambda: is_draining(other), "the process to drain")
    assert is_draining(kept)
    assert kept.sock is None, "closed after its answer"


def is_draining(connection):
    """Ask whether the process drains."""
    connection.request("GET", "/draining")
    return connection.getresponse().read() == b"1"
