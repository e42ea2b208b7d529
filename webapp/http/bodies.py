"""Reading requests: JSON, forms, files and queries, by pydantic models."""

import base64
import binascii
import re
from collections.abc import Callable, Container, Iterable
from typing import Any, BinaryIO, TypeGuard, TypeVar, cast

import orjson
from flask import Flask, Request, request
from pydantic import BaseModel
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.formparser import FormDataParser

from webapp.domain import images
from webapp.domain.errors import (
    FieldProblem,
    InvalidRequest,
    TooManyImages,
    ValidationFailed,
)
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.services.artworks import MAX_IMAGES, UploadedImage
from webapp.http import csrf
from webapp.http.endpoints import View, current_endpoint, record
from webapp.schemas.fields import PageQuery

MEGABYTE = 1 << 20
MAX_BODY = csrf.LONGEST_FORM
MAX_STYLE_BODY = 1024 * MEGABYTE
MAX_FILENAME = 255
# Of our own forms; whatever else stands there was not understood as its sender meant it.
PART_NAME = re.compile(r"[\w.-]{1,100}(\[\])?", re.ASCII)

Model = TypeVar("Model", bound=BaseModel)


def accepts(max_bytes: int, *, streamed: bool = False) -> Callable[[View], View]:
    """Let a view take a larger form than the usual 8 MB; stands above its guard.

    `streamed`: it reads any body piece by piece, and never holds it whole.
    """
    plain = max_bytes if streamed else MAX_BODY
    return lambda view: record(view, max_form_bytes=max_bytes, max_bytes=plain)


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
        raise ValidationFailed(fields={"body": [FieldProblem("Must be an object.")]})
    return body


def form_body(model: type[Model]) -> Model:
    """Return the fields of a form; a field given several times is a list."""
    return model.model_validate(_flat(request.form))


def check_parts(files: Iterable[str], also_as_text: Container[str] = ()) -> None:
    """Refuse a form of which a part would be lost without a word.

    `files` are the names of the files that the form takes; `also_as_text` those of its other
    fields, as which a file may come too. Raises InvalidRequest for a name that cannot be read, and
    ValidationFailed for a file that this form does not take and for text in the place of a file.
    """
    names: list[str | None] = [*request.form, *request.files]
    if any(name is None or not PART_NAME.fullmatch(name) for name in names):
        raise InvalidRequest(reason="The name of a part of the form cannot be read.")
    known = {each for name in files for each in (name, f"{name}[]")}
    sent = {name for name, file in request.files.items(multi=True) if is_chosen(file)}
    unknown = FieldProblem("This form has no such file.")
    as_text = FieldProblem("Must be a file.")
    lost = {name: [unknown] for name in sorted(sent - known)} | {
        name: [as_text]
        for name, text in request.form.items()
        if name in known and name not in also_as_text and text
    }
    if lost:
        raise ValidationFailed(fields=lost)


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
    lost = [index for index in tags_by_index if index >= len(files)]
    if lost:
        problem = FieldProblem("There is no image %(index)d: indexes start at 0.", index=min(lost))
        raise ValidationFailed(fields={"image_tags": [problem]})
    return [
        UploadedImage(
            filename=_shown_name(file),
            data=cast("BinaryIO", file.stream),
            tags=tuple(tags_by_index.get(index, [])),
        )
        for index, file in enumerate(files)
    ]


def is_chosen(file: FileStorage | None) -> TypeGuard[FileStorage]:
    """Tell whether a file came: a browser sends a field left empty as nothing, without a name."""
    if file is None or file.filename:
        return file is not None
    is_empty = not file.stream.read(1)
    file.stream.seek(0)
    return not is_empty


def read_limited(file: FileStorage, max_bytes: int) -> bytes:
    """Return a file, cut one byte past the limit: enough to be refused for its size."""
    return file.stream.read(max_bytes + 1)


def profile_image() -> bytes | None:
    """Return the picture of a profile, or None when the request has none."""
    file = request.files.get("profile_image")
    return read_limited(file, images.PROFILE_IMAGE.max_bytes) if is_chosen(file) else None


def signature_image(data_url: str | None) -> bytes | None:
    """Return a signature, a file or a data URL of the signature pad; None without either."""
    file = request.files.get("signature_image")
    if is_chosen(file):
        return read_limited(file, images.SIGNATURE_IMAGE.max_bytes)
    if data_url is None:
        return None
    try:
        return base64.b64decode(data_url.partition(",")[2])
    except (binascii.Error, ValueError):
        raise ValidationFailed(
            fields={"signature_image": [FieldProblem("Must be base64.")]}
        ) from None


def _shown_name(file: FileStorage) -> str:
    name = "".join(letter for letter in file.filename or "" if letter.isprintable())
    return name[:MAX_FILENAME] or "unnamed"


class FormParser(FormDataParser):
    """A parser that refuses a form it cannot read, instead of taking it for an empty one."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        """Parse a form; raises InvalidRequest."""
        self.silent = False
        try:
            return super().parse(*args, **kwargs)
        except ValueError:
            raise InvalidRequest(reason="The form cannot be read.") from None


class FormRequest(Request):
    """A request whose forms are read by that parser."""

    form_data_parser_class = FormParser


def register(app: Flask) -> None:
    """Cap every body at what its view accepts, before anybody reads it."""
    app.request_class = FormRequest

    @app.before_request
    def cap_body() -> None:
        endpoint = current_endpoint()
        # Files of a form go to the disk as they come; what is not streamed is held in memory.
        is_form = request.mimetype == "multipart/form-data"
        most = endpoint.max_form_bytes if is_form else endpoint.max_bytes
        request.max_content_length = MAX_BODY if most is None else most
