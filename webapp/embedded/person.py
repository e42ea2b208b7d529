"""A person at the site, through HTTP only: signs in at the sandbox, sends forms, watches."""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

import httpx

API = "/api/v1"


class RefusedError(Exception):
    """The site answered with an error; the message is its code and details."""

    def __init__(self, message: str, code: str = "", details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.details = details or {}


class Person:
    """One browser-like client of one signed-in person, from a loopback address of their own."""

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
        """Go through the sandbox's consent as this person."""
        start = self.http.get(f"{API}/auth/google/login", params={"next": "/"})
        if start.status_code != httpx.codes.FOUND:
            raise RefusedError(start.text)
        consent = f"{start.headers['location']}&{urlencode({'login_hint': self.email})}"
        back = self.http.get(consent)
        landed = self.http.get(back.headers["location"])
        if "error" in landed.headers.get("location", ""):
            raise RefusedError(landed.headers["location"])
        self._csrf_token = self.get("/auth/csrf")["csrf_token"]
        self.http.headers["X-CSRFToken"] = self._csrf_token
        return self

    def get(self, path: str, **params: str | int) -> Any:
        """Return the data of a GET."""
        return data_of(self.http.get(f"{API}{path}", params=params))

    def post(self, path: str, **request: Any) -> Any:
        """Return the data of a POST of `json=…` or of `data=…` with `files=…`."""
        headers = {"X-CSRFToken": self._csrf_token} | request.pop("headers", {})
        return data_of(self.http.post(f"{API}{path}", headers=headers, **request))

    def patch(self, path: str, **request: Any) -> Any:
        """Return the data of a PATCH."""
        headers = {"X-CSRFToken": self._csrf_token}
        return data_of(self.http.patch(f"{API}{path}", headers=headers, **request))

    def pay(self, package_id: str, path: str = "/tokens/purchase") -> None:
        """Buy a package: order, press the button at the provider's sandbox, come back."""
        order = self.post(path, json={"package_id": package_id})
        page = self.http.get(order["payment_url"]).text
        address = html.unescape(re.findall(r'href="([^"]*/checkout[^"]*)"', page)[0])
        checkout, _, asked = address.partition("?")
        pressed = dict(parse_qsl(asked)) | {"decision": "pay"}
        back = self.http.post(checkout, data=pressed).headers["location"]
        self.http.get(back)

    def watch(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield every state of an event stream until its end."""
        with self.http.stream("GET", f"{API}{path}/events") as stream:
            stream.raise_for_status()
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    yield json.loads(line.removeprefix("data:"))

    def download(self, path: str, file: Path) -> bytes:
        """Save what a path leads to."""
        return self.save(f"{API}{path}", file)

    def save(self, url: str, file: Path) -> bytes:
        """Save what lies at an address that an answer named."""
        answer = self.http.get(url, follow_redirects=True)
        answer.raise_for_status()
        file.write_bytes(answer.content)
        return answer.content


def data_of(answer: httpx.Response) -> Any:
    """Return the data of an answer; raises RefusedError with the error's code."""
    body = answer.json()
    if not body["success"]:
        error = body["error"]
        raise RefusedError(f"{error['code']} {error['details']}", error["code"], error["details"])
    return body["data"]
