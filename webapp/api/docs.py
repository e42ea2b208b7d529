"""/api/openapi.json, and /api/docs: the same for people, by Swagger UI from our own files."""

from flask import Blueprint, Response, current_app, render_template

from webapp.http import openapi
from webapp.http.access import public

blueprint = Blueprint("docs", __name__, url_prefix="/api")


@blueprint.get("/openapi.json")
@public
def read_document() -> Response:
    """Give the API's document; it is made once per process."""
    extensions = current_app.extensions
    if "openapi" not in extensions:
        extensions["openapi"] = current_app.json.dumps(openapi.document(current_app))
    return Response(extensions["openapi"], mimetype="application/json")


@blueprint.get("/docs")
@public
def read_docs() -> str:
    """Show the API's document."""
    return render_template("docs.html")
