"""Reading requests: JSON, forms, files, queries and the idempotency key, by pydantic models."""

import base64
import binascii
import hashlib
import io
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import orjson
from flask import Flask, Response, request
from pydantic import BaseModel
from werkzeug.datastructures import FileStorage, MultiDict

from webapp.api import csrf, envelope
from webapp.api.access import user
from webapp.domain import images
from webapp.domain.errors import InvalidRequest, TooManyImages, ValidationFailed
from webapp.domain.pagination import PageRequest
from webapp.domain.services import idempotency
from webapp.domain.services.artworks import MAX_IMAGES, UploadedImage
from webapp.extensions import db
from webapp.schemas.fields import PageQuery

KEY = re.compile(r"[A-Za-z0-9_-]{8,128}", re.ASCII)
MEGABYTE = 1 << 20
MAX_BODY = csrf.LONGEST_FORM
MAX_STYLE_BODY = 1024 * MEGABYTE
MAX_FILENAME = 255

Model = TypeVar("Model", bound=BaseModel)
View = Callable[..., Any]


def accepts(max_bytes: int, *, streamed: bool = False) -> Callable[[View], View]:
    """Let a view take a larger form than the usual 8 MB; stands above its guard.

    `streamed`: it reads any body piece by piece, and never holds it whole.
    """

    def mark(view: View) -> View:
        view.max_form_bytes = max_bytes  # type: ignore[attr-defined]
        view.max_bytes = max_bytes if streamed else MAX_BODY  # type: ignore[attr-defined]
        return view

    return mark


def is_multipart() -> bool:
    """Tell whether the body is a form with files; raises InvalidRequest when it is neither."""
    if request.mimetype == "multipart/form-data":
        return True
    if not request.is_json:
        raise InvalidRequest(reason="Content-Type must be application/json or multipart/form-data.")
    return False


def json_body(model: type[Model]) -> Model:
    """Return the JSON body, each field of its own type; raises InvalidRequest for other bodies."""
    if not request.is_json:
        raise InvalidRequest(reason="Content-Type must be application/json.")
    return model.model_validate_json(request.get_data(), strict=True)


def json_object() -> dict[str, Any]:
    """Return the JSON body as it is, for callers that add to it before it is judged."""
    if not request.is_json:
        raise InvalidRequest(reason="Content-Type must be application/json.")
    try:
        body = orjson.loads(request.get_data())
    except orjson.JSONDecodeError:
        raise InvalidRequest(reason="The body is not JSON.") from None
    if not isinstance(body, dict):
        raise ValidationFailed(fields={"body": ["Must be an object."]})
    return body


def form_body(model: type[Model]) -> Model:
    """Return the fields of a form; a field given several times is a list."""
    return model.model_validate(_flat(request.form))


def query(model: type[Model]) -> Model:
    """Return the query parameters."""
    return model.model_validate(_flat(request.args))


def page(asked: PageQuery) -> PageRequest:
    """Return which page of a list the query asks for."""
    return PageRequest(limit=asked.limit, cursor=asked.cursor)


def _flat(given: MultiDict[str, str]) -> dict[str, Any]:
    return {
        name: values[0] if len(values) == 1 else values
        for name, values in given.to_dict(flat=False).items()
    }


def uploaded_images(tags_by_index: dict[int, list[str]]) -> list[UploadedImage]:
    """Return the files of `images` as streams: a hundred large ones never lie in memory."""
    files = request.files.getlist("images") or request.files.getlist("images[]")
    # Counted before anything is read.
    if len(files) > MAX_IMAGES:
        raise TooManyImages(count=len(files), max=MAX_IMAGES)
    return [
        UploadedImage(
            filename=_shown_name(file),
            data=file.stream,
            tags=tuple(tags_by_index.get(index, [])),
        )
        for index, file in enumerate(files)
    ]


def read_limited(file: FileStorage, max_bytes: int) -> bytes:
    """Return a file, cut one byte past the limit: enough to be refused for its size."""
    return file.stream.read(max_bytes + 1)


def profile_image() -> bytes | None:
    """Return the picture of a profile, or None when the request has none."""
    file = request.files.get("profile_image")
    return None if file is None else read_limited(file, images.PROFILE_IMAGE.max_bytes)


def signature_image(data_url: str | None) -> bytes | None:
    """Return a signature, a file or a data URL of the signature pad; None without either."""
    file = request.files.get("signature_image")
    if file is not None:
        return read_limited(file, images.SIGNATURE_IMAGE.max_bytes)
    if data_url is None:
        return None
    try:
        return base64.b64decode(data_url.partition(",")[2])
    except (binascii.Error, ValueError):
        raise ValidationFailed(fields={"signature_image": ["Not base64."]}) from None


def _shown_name(file: FileStorage) -> str:
    name = "".join(letter for letter in file.filename or "" if letter.isprintable())
    return name[:MAX_FILENAME] or "unnamed"


def digest(fields: Any, files: Iterable[UploadedImage] = ()) -> str:
    """Return the SHA-256 of a body: its fields in a fixed order, and the digests of its files."""
    hashed = hashlib.sha256(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS, default=str))
    for file in files:
        stream = io.BytesIO(file.data) if isinstance(file.data, bytes) else file.data
        stream.seek(0)
        hashed.update(hashlib.file_digest(stream, "sha256").digest())
        stream.seek(0)
    return hashed.hexdigest()


def created_once(
    route: str, body_sha256: str, run: Callable[[], dict[str, Any]], location: str
) -> Response:
    """Answer a POST with 201, or again with what the same Idempotency-Key was answered."""
    answer = idempotency.run_once(
        db.session(),
        user_id=user().id,
        route=route,
        key=_idempotency_key(),
        body_sha256=body_sha256,
        run=lambda: envelope.plain(run()),
    )
    response = envelope.created(answer.response, location.format(**answer.response))
    if answer.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def _idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not KEY.fullmatch(key):
        raise ValidationFailed(
            fields={"Idempotency-Key": ["8 to 128 characters of A-Z a-z 0-9 _ -."]}
        )
    return key


def register(app: Flask) -> None:
    """Cap every body at what its view accepts, before anybody reads it."""

    @app.before_request
    def cap_body() -> None:
        view = app.view_functions.get(request.endpoint or "")
        # Files of a form go to the disk as they come; what is not streamed is held in memory.
        is_form = request.mimetype == "multipart/form-data"
        limit = "max_form_bytes" if is_form else "max_bytes"
        request.max_content_length = getattr(view, limit, MAX_BODY)
