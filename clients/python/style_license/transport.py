"""Requests to a site: its key, repeated requests, pages, files and errors.

`operations.py`, which is generated, calls a Transport. A parameter that is None is not sent.
"""

import json as json_format
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from enum import Enum
from pathlib import Path
from typing import IO, Any, Final, Generic, Literal, TypeAlias, TypedDict, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx

BUSY = frozenset({429, 503})
REPEATABLE = frozenset({"GET", "PUT", "PATCH", "DELETE"})
UNCHANGED, REDIRECT, FIRST_ERROR = 304, 302, 400
RETRY_SECONDS = 5.0
MAX_REMEMBERED = 64  # answers, for If-None-Match

# A file to upload: its content, where it is, or its name and its content.
File: TypeAlias = bytes | Path | tuple[str, bytes]
_Part: TypeAlias = tuple[str | None, bytes | IO[bytes]]
Item = TypeVar("Item")


class _NullType(Enum):
    NULL = "null"


# Sends JSON null, where None would send nothing: styles.edit(4, valid_to=NULL).
Null: TypeAlias = Literal[_NullType.NULL]
NULL: Final = _NullType.NULL


class ApiError(Exception):
    """The site refused a request; `code` is stable, `message` is for people.

    `fields` has the problems of each field of a VALIDATION_ERROR. `request_id` names the request in
    the logs of the site.
    """

    def __init__(self, status: int, error: Mapping[str, Any], request_id: str = "") -> None:
        self.status = status
        self.code = str(error.get("code", "UNKNOWN"))
        self.message = str(error.get("message", ""))
        self.details: dict[str, Any] = error.get("details", {})
        self.fields: dict[str, list[str]] = self.details.get("fields", {})
        self.request_id = request_id
        super().__init__(f"{status} {self.code}: {self.message} {self.details or ''}".strip())


class Page(TypedDict, Generic[Item]):
    """One page of a list; `next_cursor` continues the list, also later and in another process."""

    results: list[Item]
    next_cursor: str | None
    has_more: bool


class Listing(Generic[Item]):
    """A list of a site. Iteration requests one page after the other, `limit` items each."""

    def __init__(self, transport: "Transport", path: str, query: Mapping[str, Any]) -> None:
        self._transport, self._path, self._query = transport, path, query

    def __iter__(self) -> Iterator[Item]:
        for page in self.pages():
            yield from page["results"]

    def pages(self) -> Iterator[Page[Item]]:
        """Yield the pages, from `cursor` on if the list was requested with one."""
        query = self._query
        while True:
            page: Page[Item] = self._transport.call("GET", self._path, query=query)
            yield page
            if not page["has_more"]:
                return
            query = {**query, "cursor": page["next_cursor"]}


class Transport:
    """Sends requests with a key, and repeats them while the site is busy or out of reach."""

    def __init__(self, address: str, key: str, *, patience: float) -> None:
        self._api = f"{address.rstrip('/')}/api/v1"
        self._key = {"Authorization": f"Bearer {key}"}
        self._patience = patience
        self._remembered: dict[str, httpx.Response] = {}
        self._http = httpx.Client(timeout=30.0)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        files: Mapping[str, Sequence[File]] | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """Return the data of an answer, None if it has no content. Raises ApiError."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        request = self._http_request(method, path, query, headers)
        if json is not None:
            request["json"] = {name: _json_value(value) for name, value in _given(json).items()}
        if method == "GET":
            return self._read(request).json()["data"]
        answer = self._send(request, form=form, files=files)
        return answer.json()["data"] if answer.content else None

    def listing(self, path: str, query: Mapping[str, Any]) -> Listing[Any]:
        """Return a list, of which nothing is requested yet."""
        return Listing(self, path, query)

    def download(self, path: str, *, query: Mapping[str, Any] | None = None) -> bytes:
        """Return a file. The key is not sent to the signed URL that the site redirects to."""
        answer = self._send(self._http_request("GET", path, query, {}))
        if answer.status_code == REDIRECT:
            answer = self._send({"method": "GET", "url": answer.headers["Location"], "headers": {}})
        return answer.content

    def _http_request(
        self, method: str, path: str, query: Mapping[str, Any] | None, headers: dict[str, str]
    ) -> dict[str, Any]:
        parameters = {name: _query_value(value) for name, value in _given(query or {}).items()}
        url = str(httpx.URL(self._api + path, params=parameters))
        return {"method": method, "url": url, "headers": self._key | headers}

    def _read(self, request: dict[str, Any]) -> httpx.Response:
        """Send a GET; what has not changed since the same GET before comes without a body."""
        url = request["url"]
        known = self._remembered.pop(url, None)
        if known is not None:
            request["headers"]["If-None-Match"] = known.headers["ETag"]
        answer = self._send(request)
        if answer.status_code == UNCHANGED and known is not None:
            answer = known
        if "ETag" in answer.headers:
            self._remembered[url] = answer
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.pop(next(iter(self._remembered), ""), None)
        return answer

    def _send(
        self,
        request: dict[str, Any],
        *,
        form: Mapping[str, Any] | None = None,
        files: Mapping[str, Sequence[File]] | None = None,
    ) -> httpx.Response:
        """Send a request until it is answered.

        After a lost connection a POST is sent again only with an Idempotency-Key: else it could run
        twice.
        """
        deadline = time.monotonic() + self._patience
        is_repeatable = request["method"] in REPEATABLE or "Idempotency-Key" in request["headers"]
        while True:
            wait, answer = RETRY_SECONDS, None
            try:
                with ExitStack() as opened:
                    parts = [*_fields(form or {}), *_files(files or {}, opened)]
                    answer = self._http.request(**request, files=parts or None)
            except httpx.TransportError as error:
                is_unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if not (is_repeatable or is_unsent) or time.monotonic() + wait > deadline:
                    raise
            if answer is not None:
                after = answer.headers.get("Retry-After", "")
                wait = float(after) if after.isdecimal() else wait
                if answer.status_code not in BUSY or time.monotonic() + wait > deadline:
                    return _accepted(answer)
            time.sleep(wait)


def segment(value: int | str) -> str:
    """Return a parameter as one segment of a path."""
    return quote(str(value), safe="")


def new_key() -> str:
    """Return a new Idempotency-Key."""
    return uuid4().hex


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _json_value(value: Any) -> Any:
    return None if value is NULL else value


def _query_value(value: Any) -> Any:
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return ",".join(str(each) for each in value) if is_list else value


def _fields(form: Mapping[str, Any]) -> Iterator[tuple[str, _Part]]:
    """Yield the fields of a form: a list is a repeated field, an object is sent as JSON."""
    for name, value in _given(form).items():
        is_list = isinstance(value, Sequence) and not isinstance(value, str)
        for each in value if is_list else [value]:
            text = each if isinstance(each, str) else json_format.dumps(each)
            yield name, (None, text.encode())


def _files(files: Mapping[str, Sequence[File]], opened: ExitStack) -> Iterator[tuple[str, _Part]]:
    for name, of_name in files.items():
        for file in of_name:
            yield name, _part(file, opened)


def _part(file: File, opened: ExitStack) -> _Part:
    if isinstance(file, Path):
        return file.name, opened.enter_context(file.open("rb"))
    return ("file", file) if isinstance(file, bytes) else file


def _accepted(answer: httpx.Response) -> httpx.Response:
    if answer.status_code < FIRST_ERROR:
        return answer
    is_json = answer.headers.get("Content-Type", "").startswith("application/json")
    error = answer.json()["error"] if is_json else {}
    raise ApiError(answer.status_code, error, answer.headers.get("X-Request-ID", ""))
