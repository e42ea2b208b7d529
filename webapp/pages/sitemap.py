"""Files for crawlers and browsers: robots.txt, sitemap.xml, icons, the web app manifest."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, current_app, make_response, render_template
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.queries import sitemaps
from webapp.domain.queries.sitemaps import Kind
from webapp.extensions import app_settings, db
from webapp.http.access import public

blueprint = Blueprint("sitemap", __name__)
HOUR_SECONDS = 3600
DOCUMENTS = (
    "/how-it-works", "/licenses", "/terms", "/privacy", "/refunds", "/contact", "/verify", "/sets",
)  # fmt: skip
PATHS = {Kind.STYLES: "/styles/", Kind.IMAGES: "/g/"}
# Images may be fetched: previews of shared links show them.
ROBOTS = """\
User-agent: *
Allow: /api/v1/generations/
Disallow: /api/
Disallow: /login
Disallow: /report
Disallow: /admin
Sitemap: {sitemap}
"""


@blueprint.app_context_processor
def absolute_urls() -> dict[str, Callable[[str], str]]:
    """Give templates absolute URLs, for use on other sites."""
    return {"absolute": absolute}


def absolute(path: str) -> str:
    """Return the absolute URL of a path of this site."""
    return app_settings().public_base_url.rstrip("/") + path


@blueprint.get("/robots.txt")
@public
def robots() -> AnyResponse:
    """Return what crawlers may fetch, and the URL of the sitemap."""
    return _cacheable(
        Response(ROBOTS.format(sitemap=absolute("/sitemap.xml")), mimetype="text/plain")
    )


@blueprint.get("/sitemap.xml")
@public
def index() -> AnyResponse:
    """List the parts of the sitemap."""
    return _xml("sitemap/index.xml", parts=sitemaps.parts(db.session()))


@blueprint.get("/sitemap/documents.xml")
@public
def documents() -> AnyResponse:
    """List the pages that are the same on every installation."""
    return _xml("sitemap/documents.xml", paths=DOCUMENTS)


@blueprint.get("/sitemap/<any(styles, images):kind>-<int:number>.xml")
@public
def part(kind: str, number: int) -> AnyResponse:
    """List the pages of one part."""
    entries = sitemaps.part(db.session(), Kind(kind), number)
    return _xml("sitemap/part.xml", entries=entries, folder=PATHS[Kind(kind)])


@blueprint.get("/apple-touch-icon.png")
@public
def icon() -> AnyResponse:
    """Send the icon as PNG, for home screens and link previews without a picture."""
    return _cacheable(current_app.send_static_file("seal.png"))


@blueprint.get("/favicon.ico")
@public
def favicon() -> AnyResponse:
    """Send the icon to programs that look for it here without reading a page."""
    return _cacheable(current_app.send_static_file("favicon.ico"))


@blueprint.get("/site.webmanifest")
@public
def manifest() -> AnyResponse:
    """Return what a phone needs to put the site on its home screen."""
    response = make_response(render_template("site.webmanifest"))
    response.mimetype = "application/manifest+json"
    return _cacheable(response)


def _xml(template: str, **values: Any) -> AnyResponse:
    response = make_response(render_template(template, **values))
    response.mimetype = "application/xml"
    return _cacheable(response)


def _cacheable(response: AnyResponse) -> AnyResponse:
    response.headers["Cache-Control"] = f"public, max-age={HOUR_SECONDS}"
    return response
