"""The envelope of every answer: success, data or error, and meta with the request's id."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson
from flask import Flask, Response, g, request
from flask.json.provider import JSONProvider

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
    """Return an answer with data: dataclasses, dicts, lists and plain values."""
    return _answer({"success": True, "data": data, "meta": _meta()}, status, headers)


def cacheable(data: object, *, seconds: int) -> Response:
    """Return an answer that a cache may keep; 304 to whoever has it.

    The ETag is that of the data, because `meta` is another one each time. Only the answer to a
    request without cookies may be kept for others.
    """
    response = success(data)
    digest = sha256(orjson.dumps(data, option=JSON_OPTIONS)).hexdigest()
    response.set_etag(digest, weak=True)
    scope = "private" if request.cookies else "public"
    response.headers["Cache-Control"] = f"{scope}, max-age={seconds}"
    response.make_conditional(request)
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
