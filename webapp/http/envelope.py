"""The envelope of every answer: success, data or error, and meta with the request's id."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any

import orjson
from flask import Flask, Response, g, request
from flask.json.provider import JSONProvider

READS = frozenset({"GET", "HEAD"})
JSON_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC | orjson.OPT_OMIT_MICROSECONDS


class OrjsonProvider(JSONProvider):
    """JSON by orjson: fast, UTF-8, times in UTC ending in Z, never NaN."""

    def dumps(self, obj: Any, **_kwargs: Any) -> str:
        """Return JSON text."""
        return orjson.dumps(obj, option=JSON_OPTIONS).decode()

    def loads(self, s: str | bytes, **_kwargs: Any) -> Any:
        """Return the value of a JSON text."""
        return orjson.loads(s)


def plain(data: Any) -> Any:
    """Return data as plain JSON values, so that a replayed answer equals the first one."""
    return orjson.loads(orjson.dumps(data, option=JSON_OPTIONS))


def success(data: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return an answer with data: dataclasses, dicts, lists and plain values.

    To a GET it has an ETag, and is 304 to whoever has it. The ETag is that of the data, because
    `meta` is another one each time.
    """
    content = orjson.dumps(data, option=JSON_OPTIONS)
    body = {"success": True, "data": orjson.Fragment(content), "meta": _meta()}
    response = _answer(body, status, headers)
    if request.method in READS and status == HTTPStatus.OK:
        response.set_etag(sha256(content).hexdigest(), weak=True)
        response.make_conditional(request)
    return response


def cacheable(data: object, *, seconds: int) -> Response:
    """Return an answer that a cache may keep.

    Only the answer to a request without cookies and without an API key may be kept for others.
    """
    response = success(data)
    is_of_somebody = request.cookies or "Authorization" in request.headers
    scope = "private" if is_of_somebody else "public"
    response.headers["Cache-Control"] = f"{scope}, max-age={seconds}"
    return response


def created(data: object, location: str) -> Response:
    """Return 201 with the path of the created object."""
    return success(data, 201, {"Location": location})


def no_content() -> Response:
    """Return 204, without a body."""
    return Response(status=204)


def failure(
    code: str,
    message: str,
    details: Mapping[str, object],
    status: int,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return the answer of an error."""
    error = {"code": code, "message": message, "details": details}
    return _answer(
        {"success": False, "data": None, "error": error, "meta": _meta()}, status, headers
    )


def listed(results: Sequence[object], next_cursor: str | None) -> dict[str, object]:
    """Return the data of a page of a list; the results are dataclasses or dicts."""
    return {"results": results, "next_cursor": next_cursor, "has_more": next_cursor is not None}


def _meta() -> dict[str, object]:
    return {"request_id": g.get("request_id", ""), "timestamp": datetime.now(UTC)}


def _answer(body: dict[str, object], status: int, headers: dict[str, str] | None) -> Response:
    return Response(
        orjson.dumps(body, option=JSON_OPTIONS),
        status=status,
        headers=headers,
        mimetype="application/json",
    )


def register(app: Flask) -> None:
    """Let Flask use the same JSON."""
    app.json = OrjsonProvider(app)
