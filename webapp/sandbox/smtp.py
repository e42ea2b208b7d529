"""A small SMTP server that delivers nothing: it hands each mail to a function.

It speaks as much of RFC 5321 as programs need that send mails, with STARTTLS or TLS if it has a
certificate and AUTH PLAIN if it has users. Its answers to commands can be set, for what real
servers do on a bad day.
"""

import asyncio
import base64
import binascii
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from ssl import SSLContext

OK, ENDED = "250 OK", "END"  # the end of a mail's text, as a command
SILENCE = ""  # the answer of a server that hangs; None closes the connection


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as it arrived; `user` is who signed in."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    is_encrypted: bool
    user: str


@dataclass
class SmtpServer:
    """One server; `answers` replaces the answers to commands, by their names or ENDED.

    A mail has been taken when its text has ended, even if the answer to that is lost.
    """

    take: Callable[[Letter], None]
    answers: Mapping[str, str | None] = field(default_factory=dict)
    tls: SSLContext | None = None
    is_tls_implicit: bool = False
    users: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def running(self, *, port: int = 0) -> Iterator[int]:
        """Serve on loopback in a thread of its own; gives the port."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        try:
            opening = asyncio.run_coroutine_threadsafe(self._open(port), loop)
            server = opening.result(timeout=10)
            yield server.sockets[0].getsockname()[1]
            asyncio.run_coroutine_threadsafe(self._close(server), loop).result(timeout=10)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _open(self, port: int) -> asyncio.Server:
        context = self.tls if self.is_tls_implicit else None
        return await asyncio.start_server(
            lambda reader, writer: _Conversation(self, reader, writer).run(),
            "127.0.0.1",
            port,
            ssl=context,
        )

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        own = asyncio.current_task()
        others = [each for each in asyncio.all_tasks() if each is not own]
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)


class _Conversation:
    """One connection."""

    def __init__(
        self, server: SmtpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server, self._reader, self._writer = server, reader, writer
        self._is_encrypted = server.is_tls_implicit
        self._user = self._sender = ""
        self._recipients: list[str] = []

    async def run(self) -> None:
        try:
            await self._answer("CONNECT", "220 sandbox")
            while line := await self._reader.readline():
                command, _, rest = line.decode(errors="replace").strip().partition(" ")
                if not await self._execute(command.upper(), rest):
                    break
        except ConnectionError:
            pass
        finally:
            self._writer.close()

    async def _execute(self, command: str, rest: str) -> bool:
        """Do one command; return whether the conversation goes on."""
        if command in {"EHLO", "HELO"}:
            await self._answer(command, self._greeting())
        elif command == "STARTTLS" and self._server.tls:
            await self._answer(command, "220 go ahead")
            await self._writer.start_tls(self._server.tls)
            self._is_encrypted = True
        elif command == "AUTH":
            await self._answer(command, self._signed_in(rest))
        elif command == "MAIL":
            self._sender, self._recipients = _address(rest), []
            await self._answer(command, OK)
        elif command == "RCPT":
            self._recipients.append(_address(rest))
            await self._answer(command, OK)
        elif command == "DATA":
            if await self._answer(command, "354 go ahead"):
                await self._read_text()
        else:
            await self._answer(command, "221 bye" if command == "QUIT" else OK)
            return command != "QUIT"
        return not self._writer.is_closing()

    async def _answer(self, command: str, usual: str) -> bool:
        """Send an answer; return whether it is the usual one."""
        answer = self._server.answers.get(command, usual)
        if answer is None:
            self._writer.close()
        elif answer == SILENCE:
            await asyncio.sleep(3600)
        else:
            self._writer.write(answer.encode() + b"\r\n")
            await self._writer.drain()
        return answer == usual

    def _greeting(self) -> str:
        lines = ["sandbox"]
        if self._server.tls and not self._is_encrypted:
            lines.append("STARTTLS")
        if self._server.users:
            lines.append("AUTH PLAIN")
        return "\r\n".join([*(f"250-{each}" for each in lines[:-1]), f"250 {lines[-1]}"])

    def _signed_in(self, rest: str) -> str:
        try:
            given = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")
        except (binascii.Error, UnicodeDecodeError):
            given = []
        if len(given) != 3 or self._server.users.get(given[1]) != given[2]:  # noqa: PLR2004
            return "535 wrong user or password"
        self._user = given[1]
        return "235 OK"

    async def _read_text(self) -> None:
        lines = []
        while (line := await self._reader.readline()) != b".\r\n":
            if not line:
                return
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        letter = Letter(
            self._sender, tuple(self._recipients), b"".join(lines), self._is_encrypted, self._user
        )
        answer = self._server.answers.get(ENDED, OK)
        if answer is None or answer in {OK, SILENCE}:
            self._server.take(letter)
        await self._answer(ENDED, OK)


def _address(rest: str) -> str:
    return rest.partition("<")[2].partition(">")[0]
