"""Repeated POSTs: the Idempotency-Key of the API, and the key in plain forms."""

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import orjson
from flask import Response, g, request
from pydantic import JsonValue

from webapp.domain.errors import FieldProblem, ValidationFailed
from webapp.domain.services import idempotency
from webapp.domain.services.idempotency import Answer, KeyOwner
from webapp.extensions import db
from webapp.http import envelope
from webapp.http.access import user
from webapp.http.endpoints import Idempotency

KEY_HEADER, KEY_FIELD = "Idempotency-Key", "idempotency_key"
Made = TypeVar("Made")
KEY = re.compile(r"[A-Za-z0-9_-]{8,128}", re.ASCII)


def created_once(
    declared: Idempotency,
    fields: Mapping[str, object],
    run: Callable[..., object],
    prepare: Callable[[], object] | None = None,
) -> Response:
    """Answer a POST with 201, or again with what the same Idempotency-Key was answered.

    `fields` are those of the path and of the body; the files of the request belong to it too. The
    key is the Sets account's or the signed-in user's, whichever the guard let in. `prepare` runs
    first, while no transaction is open, unless the answer is stored already; `run` gets its result
    as `prepared`.
    """
    owner, key = _owner(), _checked(request.headers.get(KEY_HEADER), KEY_HEADER)
    body_sha256 = "" if key is None else _digest(fields)
    if prepare is not None:
        stored = idempotency.stored_answer(
            db.session(), owner=owner, route=declared.route, key=key, body_sha256=body_sha256
        )
        db.session.rollback()
        if stored is not None:
            return _created(declared, stored)
        run = partial(run, prepared=prepare())
    answer = idempotency.run_once(
        db.session(),
        owner=owner,
        route=declared.route,
        key=key,
        body_sha256=body_sha256,
        run=lambda: envelope.plain(run()),
    )
    return _created(declared, answer)


def _created(declared: Idempotency, answer: Answer) -> Response:
    response = envelope.created(answer.response, declared.location.format(**answer.response))
    if answer.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def form_once(
    route: str, fields: Mapping[str, object], run: Callable[[], object]
) -> dict[str, JsonValue]:
    """Run the action of a plain form once, even if it is sent again; return its answer.

    The page of the form generated its key. Raises IdempotencyConflict when it is
    sent again with other fields.
    """
    answer = idempotency.run_once(
        db.session(),
        owner=KeyOwner.user(user().id),
        route=f"{route} (form)",
        key=_checked(request.form.get(KEY_FIELD) or None, KEY_FIELD),
        body_sha256=_digest(fields),
        run=lambda: envelope.plain(run()),
    )
    return answer.response


def form_answered_once(
    route: str, fields: Mapping[str, object], make: Callable[[], Made]
) -> Made | None:
    """Run the action of a plain form once; return what it made, None if the form was sent before.

    What was made may hold a secret: nothing of it is stored. Raises as `form_once` does.
    """
    made: list[Made] = []

    def run() -> dict[str, JsonValue]:
        made.append(make())
        return {}

    form_once(route, fields, run)
    return made[0] if made else None


def _owner() -> KeyOwner:
    if "sets_account" in g:
        return KeyOwner.sets_account(g.sets_account.id)
    return KeyOwner.user(user().id)


def _digest(fields: Mapping[str, object]) -> str:
    """Return the SHA-256 of a body: its fields in a fixed order, and the digests of its files."""
    hashed = hashlib.sha256(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS, default=str))
    for files in request.files.listvalues():
        for file in files:
            stream: Any = file.stream
            stream.seek(0)
            hashed.update(hashlib.file_digest(stream, "sha256").digest())
            stream.seek(0)
    return hashed.hexdigest()


def _checked(key: str | None, name: str) -> str | None:
    if key is not None and not KEY.fullmatch(key):
        problem = FieldProblem("8 to 128 characters of A-Z a-z 0-9 _ -.")
        raise ValidationFailed(fields={name: [problem]})
    return key
