"""A local twin of Google sign-in: the same HTTP API, on its own port, for machines without it.

With `GOOGLE_BASE_URL` Flask-Dance uses this provider by the same code as Google: redirect to
`/o/oauth2/auth`, a code that works once, `/o/oauth2/token`, and userinfo for the bearer token.
Anyone may sign in as anyone, so the application refuses this provider in production. State is in
memory: run one process. No cookies are set, because browsers share them between ports of one host.

Run it: `python -m webapp.sandbox.google --port 8001`.
"""

import argparse
import base64
import hashlib
import os
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    jsonify,
    redirect,
    render_template,
    request,
)
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as AnyResponse

from webapp.sandbox import favicon
from webapp.sandbox.google_grants import PEOPLE, Grant, Grants, Person

CODE_SECONDS = 60
TOKEN_SECONDS = 3600
AVATAR = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96">'
    '<rect width="96" height="96" fill="#546e7a"/><text x="48" y="64" font-size="48" '
    'font-family="sans-serif" text-anchor="middle" fill="#fff">{letter}</text></svg>'
)
PASSED_ON = ("client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge")


provider = Blueprint("google", __name__)


@dataclass(frozen=True, slots=True)
class Provider:
    """The one client of this twin, and its codes and tokens."""

    client_id: str
    client_secret: str
    codes: Grants
    tokens: Grants


def create_app(*, client_id: str | None = None, client_secret: str | None = None) -> Flask:
    """Return the provider for one client; by default the one of `GOOGLE_CLIENT_ID` and `_SECRET`.

    Without either, the client is `sandbox` with the secret `sandbox`.
    """
    app = Flask(__name__, static_folder=None)
    app.extensions["provider"] = Provider(
        client_id=client_id or os.environ.get("GOOGLE_CLIENT_ID") or "sandbox",
        client_secret=client_secret or os.environ.get("GOOGLE_CLIENT_SECRET") or "sandbox",
        codes=Grants(CODE_SECONDS),
        tokens=Grants(TOKEN_SECONDS),
    )
    app.register_blueprint(provider)
    favicon.add_to(app)
    return app


def _here() -> Provider:
    here: Provider = current_app.extensions["provider"]
    return here


@provider.get("/healthz")
def health() -> Response:
    """Answer the health check of the supervisor."""
    return jsonify(status="ok")


@provider.get("/o/oauth2/auth")
@provider.get("/o/oauth2/v2/auth")
def ask() -> str | AnyResponse:
    """Show the accounts to choose from; with `login_hint`, choose at once."""
    query = _checked(request.args)
    hint = query.pop("login_hint", "")
    if hint:  # lets a command line sign in by HTTP alone
        return _approve(query, Person(hint, request.args.get("name", "")))
    return render_template("google.html", people=PEOPLE, query=query, client_id=_here().client_id)


@provider.post("/o/oauth2/auth")
@provider.post("/o/oauth2/v2/auth")
def decide() -> AnyResponse:
    """Send the browser back with a code, or with `access_denied`."""
    query = _checked(request.form)
    if request.form.get("decision") != "approve":
        return _send_back(query, error="access_denied")
    return _approve(query, Person(request.form["email"], request.form.get("name", "")))


@provider.post("/o/oauth2/token")
@provider.post("/token")
def token() -> tuple[Response, int]:
    """Exchange a code, once, for a bearer token."""
    basic, form, here = request.authorization, request.form, _here()
    in_header = (basic.username, basic.password) if basic else None
    client = in_header or (form.get("client_id"), form.get("client_secret"))
    if client != (here.client_id, here.client_secret):
        return jsonify(error="invalid_client", error_description="Unauthorized"), 401
    if form.get("grant_type") != "authorization_code":
        return jsonify(error="unsupported_grant_type"), 400
    grant = here.codes.take(form.get("code", ""))  # used up even when refused below, as at Google
    if grant is None or not _matches(grant, form):
        return jsonify(error="invalid_grant", error_description="Bad Request"), 400
    return jsonify(
        access_token=here.tokens.issue("ya29.sandbox-", grant.person, grant.scope),
        expires_in=TOKEN_SECONDS,
        scope=grant.scope,
        token_type="Bearer",  # noqa: S106 - a kind of token, not a secret
    ), 200


@provider.get("/oauth2/v3/userinfo")
def userinfo() -> tuple[Response, int]:
    """Return the account of a bearer token, with the field names of OpenID."""
    return _userinfo(id_name="sub", verified_name="email_verified")


@provider.get("/oauth2/v2/userinfo")
@provider.get("/oauth2/v1/userinfo")
def older_userinfo() -> tuple[Response, int]:
    """Return the account of a bearer token, with the field names of Flask-Dance's examples."""
    return _userinfo(id_name="id", verified_name="verified_email")


@provider.get("/avatar/<letter>.svg")
def avatar(letter: str) -> Response:
    """Return an account's picture: the first letter of its name."""
    shown = letter if len(letter) == 1 and letter.isalnum() else "?"
    return Response(AVATAR.format(letter=shown.upper()), mimetype="image/svg+xml")


def _checked(parameters: MultiDict[str, str]) -> dict[str, str]:
    """Return the request's OAuth parameters, or refuse as Google does: without any redirect."""
    query = {name: parameters[name] for name in (*PASSED_ON, "login_hint") if name in parameters}
    if query.get("client_id") != _here().client_id:
        raise BadRequest("invalid_client: The OAuth client was not found.")
    if query.get("response_type") != "code":
        raise BadRequest("unsupported_response_type")
    if urlsplit(query.get("redirect_uri", "")).scheme not in {"http", "https"}:
        raise BadRequest("redirect_uri_mismatch")
    return query


def _approve(query: dict[str, str], person: Person) -> AnyResponse:
    email = person.email.strip()
    local, at, host = email.partition("@")
    if not (local and at and host):
        raise BadRequest("an e-mail address is needed")
    chosen = Person(email, person.name.strip() or _known_name(email) or local)
    code = _here().codes.issue(
        "4/",
        chosen,
        query.get("scope", ""),
        query["redirect_uri"],
        query.get("code_challenge", ""),
    )
    return _send_back(query, code=code, scope=query.get("scope", ""))


def _known_name(email: str) -> str:
    return next((person.name for person in PEOPLE if person.email == email.lower()), "")


def _send_back(query: dict[str, str], **answer: str) -> AnyResponse:
    state = {"state": query["state"]} if "state" in query else {}
    separator = "&" if urlsplit(query["redirect_uri"]).query else "?"
    return redirect(query["redirect_uri"] + separator + urlencode(state | answer))


def _matches(grant: Grant, form: MultiDict[str, str]) -> bool:
    if form.get("redirect_uri") != grant.redirect_uri:
        return False
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return not grant.challenge or grant.challenge == proof


def _userinfo(*, id_name: str, verified_name: str) -> tuple[Response, int]:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    grant = _here().tokens.look(secret) if scheme.lower() == "bearer" else None
    if grant is None:
        answer = jsonify(error="invalid_request", error_description="Invalid Credentials")
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer, 401
    person = grant.person
    return jsonify(
        {
            id_name: person.subject,
            "name": person.name,
            "given_name": person.name.partition(" ")[0],
            "picture": f"{request.host_url}avatar/{person.name[:1]}.svg",
            "email": person.email,
            verified_name: True,
        }
    ), 200


def main() -> None:
    """Serve on loopback until stopped."""
    parser = argparse.ArgumentParser(description="A local twin of Google sign-in.")
    parser.add_argument("--port", type=int, default=8001)
    port = parser.parse_args().port
    create_app().run(host="127.0.0.1", port=port, threaded=True, use_reloader=False)


if __name__ == "__main__":
    main()
