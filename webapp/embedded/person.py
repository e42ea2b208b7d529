"""An HTTP client of the site for one person: signs in at the sandbox, calls the API, pays.

Answers are parsed into the models of `webapp.schemas`.
"""

import html
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, TypeVar, overload
from urllib.parse import parse_qsl, urlencode

import httpx

from webapp.schemas.accounts import CsrfToken
from webapp.schemas.fields import Answer
from webapp.schemas.payments import NewOrder

API = "/api/v1"
EVENT_DATA = "data:"

A = TypeVar("A", bound=Answer)


class RefusedError(Exception):
    """The site answered with an error; the message is its code and details.

    `retry_after` is the number of seconds to wait after RATE_LIMIT_EXCEEDED.
    """

    def __init__(self, message: str, code: str = "", retry_after: float = 0) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class Person:
    """A client with the cookies of one signed-in person, from a loopback address of its own."""

    def __init__(self, base_url: str, email: str, *, address: str | None = None) -> None:
        self.email = email
        self.http = httpx.Client(
            base_url=base_url,
            timeout=httpx.Timeout(60, connect=10),
            transport=httpx.HTTPTransport(local_address=address),
        )
        self._csrf_token = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def sign_in(self) -> Self:
        """Sign in at the sandbox of Google as this person."""
        start = self.http.get(f"{API}/auth/google/login", params={"next": "/"})
        if start.status_code != httpx.codes.FOUND:
            raise RefusedError(start.text)
        consent = f"{start.headers['location']}&{urlencode({'login_hint': self.email})}"
        back = self.http.get(consent)
        callback = self.http.get(back.headers["location"])
        if "error" in callback.headers.get("location", ""):
            raise RefusedError(callback.headers["location"])
        self._csrf_token = self.get("/auth/csrf", CsrfToken).csrf_token
        self.http.headers["X-CSRFToken"] = self._csrf_token
        return self

    def get(self, path: str, answer: type[A], **params: str | int) -> A:
        """Return the data of a GET as an `answer`."""
        return parsed(self.http.get(f"{API}{path}", params=params), answer)

    @overload
    def post(
        self, path: str, answer: type[A], *, headers: Mapping[str, str] = ..., **request: Any
    ) -> A: ...

    @overload
    def post(self, path: str, answer: None = None, **request: Any) -> None: ...

    def post(
        self,
        path: str,
        answer: type[A] | None = None,
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
        **request: Any,
    ) -> A | None:
        """POST `json=…`, or `data=…` with `files=…`; return the data as an `answer`, if named."""
        headers = {"X-CSRFToken": self._csrf_token} | dict(headers)
        response = self.http.post(f"{API}{path}", headers=headers, **request)
        data = data_of(response)
        return answer.model_validate(data) if answer else None

    def patch(self, path: str, **request: Any) -> None:
        """PATCH `json=…`."""
        headers = {"X-CSRFToken": self._csrf_token}
        data_of(self.http.patch(f"{API}{path}", headers=headers, **request))

    def put(self, path: str, **request: Any) -> None:
        """PUT `json=…`, or nothing."""
        headers = {"X-CSRFToken": self._csrf_token}
        data_of(self.http.put(f"{API}{path}", headers=headers, **request))

    def pay(self, package_id: str, path: str = "/tokens/purchase") -> None:
        """Buy a package: create the payment, approve it at the sandbox, follow its redirect."""
        order = self.post(path, NewOrder, json={"package_id": package_id})
        page = self.http.get(order.payment_url).text
        address = html.unescape(re.findall(r'href="([^"]*/checkout[^"]*)"', page)[0])
        checkout, _, query = address.partition("?")
        form = dict(parse_qsl(query)) | {"decision": "pay"}
        back = self.http.post(checkout, data=form).headers["location"]
        self.http.get(back)

    def watch(self, path: str, answer: type[A]) -> Iterator[A]:
        """Yield every state of an event stream until its end, as an `answer`."""
        with self.http.stream("GET", f"{API}{path}/events") as stream:
            stream.raise_for_status()
            yield from events(stream, answer)

    def download(self, path: str, file: Path) -> bytes:
        """Save the file that a path of the API redirects to."""
        return self.save(f"{API}{path}", file)

    def save(self, url: str, file: Path) -> bytes:
        """Save the file at a URL of an answer; return its bytes."""
        response = self.http.get(url, follow_redirects=True)
        response.raise_for_status()
        file.write_bytes(response.content)
        return response.content


def data_of(response: httpx.Response) -> Any:
    """Return the data of a response; raises RefusedError with the error's code."""
    body = response.json()
    if not body["success"]:
        error = body["error"]
        details = error["details"]
        raise RefusedError(
            f"{error['code']} {details}", error["code"], details.get("retry_after", 0)
        )
    return body["data"]


def parsed(response: httpx.Response, answer: type[A]) -> A:
    """Return the data of a response as an `answer`; raises RefusedError."""
    return answer.model_validate(data_of(response))


def events(stream: httpx.Response, answer: type[A]) -> Iterator[A]:
    """Yield the data of each event of a stream."""
    for line in stream.iter_lines():
        if line.startswith(EVENT_DATA):
            yield answer.model_validate_json(line.removeprefix(EVENT_DATA))
