"""Reading requests: JSON, forms, files and queries, by pydantic models."""

import base64
import binascii
import re
from collections.abc import Callable, Container, Iterable
from typing import Any, BinaryIO, TypeGuard, TypeVar, cast

import orjson
from flask import Flask, Request, request
from pydantic import BaseModel, JsonValue
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.formparser import FormDataParser

from webapp.domain import images
from webapp.domain.errors import FieldProblem, InvalidRequest, ValidationFailed
from webapp.domain.image_errors import TooManyImages
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.services.artworks import MAX_IMAGES, UploadedImage
from webapp.domain.services.verifications import VERIFIED_IMAGE
from webapp.http import csrf
from webapp.http.endpoints import View, current_endpoint, record
from webapp.schemas.fields import PageQuery

MEGABYTE = 1 << 20
MAX_BODY = csrf.LONGEST_FORM
MAX_STYLE_BODY = 1024 * MEGABYTE
MAX_FILENAME = 255
# The names that our own forms use. Any other name was parsed wrongly or was not meant for us.
PART_NAME = re.compile(r"[\w.-]{1,100}(\[\])?", re.ASCII)

Model = TypeVar("Model", bound=BaseModel)


def accepts(
    max_bytes: int, *, streamed: bool = False, from_anyone: bool = False
) -> Callable[[View], View]:
    """Let a view accept a form of more than the usual 8 MB; place it above the guard.

    `streamed`: it reads bodies that are no forms in pieces, so they may be as large.
    `from_anyone`: not only artists may send a form of more than 8 MB.
    """
    return lambda view: record(
        view,
        max_form_bytes=max_bytes,
        max_bytes=max_bytes if streamed else MAX_BODY,
        is_large_form_public=from_anyone,
    )


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


def json_object() -> dict[str, JsonValue]:
    """Return the JSON body unvalidated, for callers that add fields before they validate it."""
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
    """Return the fields of a form; a repeated field is a list."""
    return model.model_validate(_flat(request.form))


def check_parts(files: Iterable[str], also_as_text: Container[str] = ()) -> None:
    """Refuse a form of which a part would be ignored silently.

    `files` are the names of the file fields; `also_as_text` are those of text fields, which may
    have the same name as a file field. Raises InvalidRequest for an unreadable name, and
    ValidationFailed for a file without a file field and for text in a file field.
    """
    names: list[str | None] = [*request.form, *request.files]
    if any(name is None or not PART_NAME.fullmatch(name) for name in names):
        raise InvalidRequest(reason="The name of a part of the form cannot be read.")
    file_fields = {field for name in files for field in (name, f"{name}[]")}
    uploads = {name for name, file in request.files.items(multi=True) if is_chosen(file)}
    unknown = FieldProblem("This form has no such file.")
    not_a_file = FieldProblem("Must be a file.")
    problems = {name: [unknown] for name in sorted(uploads - file_fields)} | {
        name: [not_a_file]
        for name, text in request.form.items()
        if name in file_fields and name not in also_as_text and text
    }
    if problems:
        raise ValidationFailed(fields=problems)


def query(model: type[Model]) -> Model:
    """Return the query parameters."""
    return model.model_validate(_flat(request.args))


def page(page_query: PageQuery) -> PageRequest:
    """Return the page of a list that the query requests."""
    return PageRequest(limit=page_query.limit, cursor=page_query.cursor)


def _flat(fields: MultiDict[str, str]) -> dict[str, str | list[str]]:
    return {
        name: values[0] if len(values) == 1 else values
        for name, values in fields.to_dict(flat=False).items()
    }


def uploaded_images(tags_by_index: dict[int, list[str]]) -> list[UploadedImage]:
    """Return the files of `images` as streams, so that they are never all in memory."""
    files = request.files.getlist("images") or request.files.getlist("images[]")
    # Before any file is read.
    if len(files) > MAX_IMAGES:
        raise TooManyImages(count=len(files), max=MAX_IMAGES)
    unknown = [index for index in tags_by_index if index >= len(files)]
    if unknown:
        problem = FieldProblem(
            "There is no image %(index)d: indexes start at 0.", index=min(unknown)
        )
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
    """Tell whether a file was uploaded; browsers send an empty field as an empty file."""
    if file is None or file.filename:
        return file is not None
    is_empty = not file.stream.read(1)
    file.stream.seek(0)
    return not is_empty


def read_limited(file: FileStorage, max_bytes: int) -> bytes:
    """Return at most one byte more than the limit, so that a larger file is refused later."""
    return file.stream.read(max_bytes + 1)


def profile_image() -> bytes | None:
    """Return the profile image, or None when the request has none."""
    file = request.files.get("profile_image")
    return read_limited(file, images.PROFILE_IMAGE.max_bytes) if is_chosen(file) else None


def banner() -> bytes | None:
    """Return the banner of an artist's page, or None when the request has none."""
    file = request.files.get("banner")
    return read_limited(file, images.BANNER_IMAGE.max_bytes) if is_chosen(file) else None


def picture_to_verify() -> bytes:
    """Return the one file of the field `image`. Raises ValidationFailed without it."""
    files = [file for file in request.files.getlist("image") if is_chosen(file)]
    if len(files) != 1:
        problem = FieldProblem("One file only.") if files else FieldProblem("Must be a file.")
        raise ValidationFailed(fields={"image": [problem]})
    return read_limited(files[0], VERIFIED_IMAGE.max_bytes)


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
    name = "".join(character for character in file.filename or "" if character.isprintable())
    return name[:MAX_FILENAME] or "unnamed"


class FormParser(FormDataParser):
    """A parser that refuses an unreadable form, where the default returns an empty one."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        """Parse a form; raises InvalidRequest."""
        self.silent = False
        try:
            return super().parse(*args, **kwargs)
        except ValueError:
            raise InvalidRequest(reason="The form cannot be read.") from None


class FormRequest(Request):
    """A request whose forms are read by FormParser."""

    form_data_parser_class = FormParser


def register(app: Flask) -> None:
    """Limit every body to the size that its view accepts."""
    app.request_class = FormRequest

    @app.before_request
    def cap_body() -> None:
        endpoint = current_endpoint()
        # Files of a form are written to disk while they arrive; other bodies stay in memory.
        is_form = request.mimetype == "multipart/form-data"
        limit = endpoint.max_form_bytes if is_form else endpoint.max_bytes
        request.max_content_length = MAX_BODY if limit is None else limit
