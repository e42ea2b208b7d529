"""Headers of answers: the request id, the security headers, a redirect that is not cached."""

import re
from urllib.parse import parse_qs, urlsplit

import structlog
from flask import Flask, Response, g, redirect, request
from ulid import ULID

from webapp.domain.settings import Settings

REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
PROVIDER = "https://*.tosspayments.com"
SIGNED_LINKS = "/unsubscribe/"  # of mails; whoever has one may follow it
PERMISSIONS = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"


def register(app: Flask, settings: Settings) -> None:
    """Set the id of each request first, and the headers of its answer last."""
    fixed = _fixed_headers(settings)

    @app.before_request
    def name_request() -> None:
        request_id = request.headers.get("X-Request-ID", "")
        g.request_id = request_id if REQUEST_ID.fullmatch(request_id) else str(ULID())
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.get("request_id", "")
        for name, value in fixed.items():
            response.headers.setdefault(name, value)
        if response.mimetype == "application/json":
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers.add("Vary", "Authorization, Cookie, Accept-Language")
        return response


def logged_path() -> str:
    """Return the path of the request for log lines: not of a link that works without a sign-in."""
    return f"{SIGNED_LINKS}…" if request.path.startswith(SIGNED_LINKS) else request.path


def allow_payment_window(response: Response, settings: Settings) -> None:
    """Let a page load the script of the payment provider, which opens frames and windows."""
    response.headers["Content-Security-Policy"] = _policy(settings, f" {PROVIDER}")
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"


def _policy(settings: Settings, provider: str = "") -> str:
    # Signed URLs of S3 are on another host; those of a folder are on this site.
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
    # For localhost it would apply to every other server of a developer.
    if settings.uses_tls and urlsplit(settings.public_base_url).hostname != "localhost":
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return headers


def _storage_origin(settings: Settings) -> str:
    """Return the origin of S3 for browsers after a space, or an empty text for a folder."""
    url = urlsplit(settings.storage_url)
    if url.scheme != "s3":
        return ""
    options = parse_qs(url.query)
    scheme = "http" if options.get("secure", ["1"])[0] in {"0", "false", "no"} else "https"
    own = f"{scheme}://{url.netloc.rpartition('@')[2]}"
    return " " + options.get("public_endpoint", [own])[0].rstrip("/")


def redirect_to_file(url: str) -> Response:
    """Redirect to a short-lived URL of a file; the redirect is not cached."""
    response = redirect(url, code=302)
    response.headers["Cache-Control"] = "no-store"
    return response  # type: ignore[return-value]
