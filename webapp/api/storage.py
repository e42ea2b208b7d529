"""The folder's signed URLs: what S3 would serve itself."""

import mimetypes
from datetime import timedelta

from flask import Blueprint, Response, request, send_file

from webapp.domain.errors import Forbidden, NotFound, PayloadTooLarge
from webapp.domain.gateways.storage import FolderStorage, InvalidKey, ObjectMissing, ObjectTooLarge
from webapp.domain.images import TRAINING_IMAGE
from webapp.extensions import storage
from webapp.http import rate_limits
from webapp.http.access import public
from webapp.http.bodies import accepts

MAX_WORKER_UPLOAD = 1 << 30  # adapters and checkpoints
UPLOADS = "uploads/"
CACHED = timedelta(hours=1)

blueprint = Blueprint("storage", __name__)


@blueprint.get("/storage/<path:key>")
@rate_limits.exempt
@public
def read_object(key: str) -> Response:
    """Send a file to whoever holds a URL that we signed for it."""
    folder = _permitted(key)
    try:
        path = folder.path(key)
    except ObjectMissing:
        raise NotFound(resource="object") from None
    name = request.args.get("download")
    response = send_file(
        path,
        mimetype=_content_type(key),
        as_attachment=bool(name),
        download_name=name or None,
        conditional=True,
        max_age=int(CACHED.total_seconds()),
    )
    response.headers["Cache-Control"] = f"private, max-age={int(CACHED.total_seconds())}"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@blueprint.put("/storage/<path:key>")
@accepts(MAX_WORKER_UPLOAD, streamed=True)
@rate_limits.exempt
@public
def write_object(key: str) -> Response:
    """Take a file from whoever holds a URL that we signed for it, up to its kind's size."""
    folder = _permitted(key)
    limit = TRAINING_IMAGE.max_bytes if key.startswith(UPLOADS) else MAX_WORKER_UPLOAD
    try:
        folder.write_stream(key, request.stream, limit)
    except ObjectTooLarge:
        raise PayloadTooLarge(max_bytes=limit) from None
    return Response(status=200)


def _permitted(key: str) -> FolderStorage:
    folder = storage()
    if not isinstance(folder, FolderStorage):
        raise NotFound(resource="route")
    try:
        is_signed = folder.verify_url(
            request.method, key, request.args, request.headers.get("Content-Type", "")
        )
    except InvalidKey:
        is_signed = False
    if not is_signed:
        raise Forbidden
    return folder


def _content_type(key: str) -> str:
    """Return a harmless content type by the extension that we chose ourselves."""
    guessed = mimetypes.guess_type(key)[0] or ""
    return (
        guessed
        if guessed in {"image/png", "image/jpeg", "image/webp"}
        else ("application/octet-stream")
    )
