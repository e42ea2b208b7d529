"""Requests to servers of other people: to public addresses only, within a limited time.

A name is resolved once. All of its addresses must be public, and the connection is made to one of
those that were checked, so that no second answer of a name server leads elsewhere. No redirect is
followed, no proxy of the environment is used, and of the answer only its head is read.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, TimeoutError as NotInTime
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import httpcore

from webapp.domain import outgoing_addresses

SECONDS = 15.0  # for everything: name, connection, request and head of the answer
CONNECT_SECONDS = 5.0  # of one address of several
MOST_ADDRESSES = 3
OUR_HEADERS = (("User-Agent", "StyleLicense-Webhooks/1.0"), ("Connection", "close"))
Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Sequence[Address]]


class Problem(StrEnum):
    """Why there was no answer."""

    ADDRESS_REFUSED = "address_refused"
    UNKNOWN_HOST = "unknown_host"
    NO_CONNECTION = "no_connection"
    BAD_CERTIFICATE = "bad_certificate"
    TIMEOUT = "timeout"
    BAD_ANSWER = "bad_answer"


class NotAnswered(Exception):
    """The server gave no answer, or may not be asked."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.value)
        self.problem = problem


def resolved(host: str, port: int) -> list[Address]:
    """Return the addresses of a name, as the operating system orders them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(str(each[4][0])) for each in found]


def post(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    may_be_local: bool,
    seconds: float = SECONDS,
    resolve: Resolve = resolved,
) -> int:
    """Send one request; return the status of its answer. Raises NotAnswered."""
    if not outgoing_addresses.is_allowed(url, may_be_local=may_be_local):
        raise NotAnswered(Problem.ADDRESS_REFUSED)
    deadline = _Deadline(seconds)
    backend = _CheckedBackend(deadline, resolve, may_be_local=may_be_local)
    sent = [*headers.items(), *OUR_HEADERS]
    try:
        with (
            httpcore.ConnectionPool(ssl_context=_trust(), network_backend=backend) as pool,
            pool.stream("POST", url, headers=sent, content=body) as answer,
        ):
            return answer.status  # what follows is not read: a slow body would hold the process
    except httpcore.TimeoutException as error:
        raise NotAnswered(Problem.TIMEOUT) from error
    except httpcore.ConnectError as error:
        is_tls = isinstance(error.__context__, ssl.SSLError)
        problem = Problem.BAD_CERTIFICATE if is_tls else Problem.NO_CONNECTION
        raise NotAnswered(problem) from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise NotAnswered(Problem.BAD_ANSWER) from error


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


class _Deadline:
    """The moment at which a request must have ended."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self, most: float | None = None) -> float:
        """Return the seconds that are left, at most `most`. Raises TimeoutException."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left if most is None else min(left, most)


class _CheckedBackend(httpcore.NetworkBackend):
    """Connects to checked addresses of a name; the rest of httpcore knows the name alone."""

    def __init__(self, deadline: _Deadline, resolve: Resolve, *, may_be_local: bool) -> None:
        self._deadline, self._resolve, self._may_be_local = deadline, resolve, may_be_local
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline counts
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers. Raises NotAnswered and ConnectError."""
        failure: httpcore.ConnectError | httpcore.ConnectTimeout = httpcore.ConnectError()
        for address in self._addresses(host, port)[:MOST_ADDRESSES]:
            try:
                stream = self._sockets.connect_tcp(
                    str(address),
                    port,
                    self._deadline.left(CONNECT_SECONDS),
                    local_address,
                    socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _TimedStream(stream, self._deadline)
        raise failure

    def _addresses(self, host: str, port: int) -> list[Address]:
        # A name server may let us wait for longer than the deadline, and cannot be interrupted.
        resolver = ThreadPoolExecutor(1)
        try:
            found = resolver.submit(self._resolve, host, port).result(self._deadline.left())
        except NotInTime as error:
            raise NotAnswered(Problem.TIMEOUT) from error
        except (OSError, ValueError) as error:
            raise NotAnswered(Problem.UNKNOWN_HOST) from error
        finally:
            resolver.shutdown(wait=False)
        if not self._may_be_local and not all(map(outgoing_addresses.is_public, found)):
            raise NotAnswered(Problem.ADDRESS_REFUSED)
        return [*found]


class _TimedStream(httpcore.NetworkStream):
    """A connection whose every operation ends at the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        """Read some bytes."""
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """Write all bytes."""
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the deadline counts
    ) -> httpcore.NetworkStream:
        """Encrypt the connection; the certificate must be that of the name."""
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left())
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """Return what is known of the socket."""
        return self._stream.get_extra_info(info)
