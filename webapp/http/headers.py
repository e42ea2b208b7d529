"""Headers of every answer: the request's id, and what browsers must not do with a page."""

import re
from urllib.parse import parse_qs, urlsplit

import structlog
from flask import Flask, Response, g, request
from ulid import ULID

from webapp.domain.settings import Settings

REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
PROVIDER = "https://*.tosspayments.com"
PERMISSIONS = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"


def register(app: Flask, settings: Settings) -> None:
    """Give each request an id before all else and the security headers at its end."""
    fixed = _fixed_headers(settings)

    @app.before_request
    def name_request() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if REQUEST_ID.fullmatch(given) else str(ULID())
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.get("request_id", "")
        for name, value in fixed.items():
            response.headers.setdefault(name, value)
        if response.mimetype == "application/json":
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers.add("Vary", "Cookie, Accept-Language")
        return response


def allow_payment_window(response: Response, settings: Settings) -> None:
    """Let one page load the provider's script, which opens its frames and windows."""
    response.headers["Content-Security-Policy"] = _policy(settings, f" {PROVIDER}")
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"


def _policy(settings: Settings, provider: str = "") -> str:
    # Signed URLs of S3 are on another host; folder URLs are our own.
    storage = _storage_origin(settings)
    return (
        f"default-src 'self'{provider}; img-src 'self' data: blob:{storage}{provider}; "
        f"connect-src 'self'{storage}{provider}; script-src 'self'{provider}; "
        f"style-src 'self'; object-src 'none'; base-uri 'none'; "
        f"form-action 'self'{provider}; frame-ancestors 'none'"
    )


def _fixed_headers(settings: Settings) -> dict[str, str]:
    headers = {
        "Content-Security-Policy": _policy(settings),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Permissions-Policy": PERMISSIONS,
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    # Of localhost a browser would remember it for every server that a developer runs.
    if settings.uses_tls and urlsplit(settings.public_base_url).hostname != "localhost":
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return headers


def _storage_origin(settings: Settings) -> str:
    """Return the origin of S3 as browsers see it, with a blank before it, or nothing."""
    url = urlsplit(settings.storage_url)
    if url.scheme != "s3":
        return ""
    options = parse_qs(url.query)
    scheme = "http" if options.get("secure", ["1"])[0] in {"0", "false", "no"} else "https"
    own = f"{scheme}://{url.netloc.rpartition('@')[2]}"
    return " " + options.get("public_endpoint", [own])[0].rstrip("/")
