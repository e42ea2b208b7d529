"""A person at the site, through HTTP only: signs in at the sandbox, orders, watches, fetches."""

import io
import re
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import orjson
from PIL import Image, ImageDraw

from tests.waiting import wait_for

FINAL = {"trained", "completed", "failed", "canceled"}


class Person:
    """One signed-in browser."""

    def __init__(self, site: str, email: str, name: str = "", **headers: str) -> None:
        self.http = httpx.Client(
            base_url=site, timeout=60, follow_redirects=True, headers=_names(headers)
        )
        answer = self.http.get(
            "/api/v1/auth/google/login", params={"login_hint": email, "name": name}
        )
        assert "/login?error=" not in str(answer.url), answer.url
        self.me = self.get("/auth/me")

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request as the browser would, CSRF token included."""
        token = self.http.cookies.get("csrftoken") or ""
        headers = {"X-CSRFToken": token} | options.pop("headers", {})
        return self.http.request(method, f"/api/v1{path}", headers=headers, **options)

    def get(self, path: str, **query: Any) -> Any:
        return data(self.send("GET", path, params=query))

    def post(self, path: str, **options: Any) -> Any:
        return data(self.send("POST", path, **options))

    def become_artist(self, artist_name: str) -> Any:
        """Upgrade with a signature drawn by hand; names are unique, and tests share a site."""
        self.artist_name = f"{artist_name} {self.me['id']}"
        return self.post(
            "/users/me/upgrade-to-artist",
            data={"artist_name": self.artist_name},
            files={"signature_image": ("signature.png", signature_png(), "image/png")},
        )

    def create_style(self, name: str, works: list[bytes], **fields: Any) -> Any:
        """Create a style from works of a multipart form."""
        return self.post(
            "/styles",
            data={
                "name": name,
                "description": "Drawn for a test.",
                "price_tokens": "10",
                "license_type": "commercial",
            }
            | fields,
            files=[
                ("images", (f"work {index}.png", work, "image/png"))
                for index, work in enumerate(works)
            ],
        )

    def order(self, style_id: int, *, key: str | None = None, **wish: Any) -> httpx.Response:
        """Order images; the same key orders the same ones."""
        return self.send(
            "POST",
            "/generations",
            json={"style_id": style_id, "prompt_tags": ["boat", "sea"]} | wish,
            headers={"Idempotency-Key": key or secrets.token_hex(8)},
        )

    def final(self, generation_id: int, *, seconds: float = 120) -> Any:
        """Wait until an image has ended, well or badly."""
        path = f"/generations/{generation_id}"
        return wait_for(
            lambda: (found := self.get(path))["status"] in FINAL and found,
            f"generation {generation_id} to end",
            seconds=seconds,
            every=0.2,
            explain=lambda: self.get(path),
        )

    def trained(self, style_id: int, *, seconds: float = 200) -> Any:
        """Wait until a style has ended its training, well or badly."""
        path = f"/styles/{style_id}"
        return wait_for(
            lambda: (found := self.get(path))["training_status"] in FINAL and found,
            f"style {style_id} to be trained",
            seconds=seconds,
            every=0.3,
            explain=lambda: self.get(path),
        )

    def on_sale(self, style_id: int, **choice: int) -> Any:
        """Wait until a style is trained, then put it on sale: its last checkpoint by default."""
        done = self.trained(style_id)
        assert done["training_status"] == "trained", done["failure"]
        return self.post(f"/styles/{style_id}/publish", json=choice)

    def events(self, path: str) -> Iterator[tuple[str, Any]]:
        """Follow an event stream to its end: (event, data) pairs."""
        with self.http.stream("GET", f"/api/v1{path}", timeout=120) as response:
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/event-stream")
            event = ""
            for line in response.iter_lines():
                if line.startswith("event: "):
                    event = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield event, orjson.loads(line.removeprefix("data: "))

    def pay(self, decision: str) -> tuple[str, httpx.Response]:
        """Order a hundred tokens, open their page, and press a button at the provider.

        Returns the order's id, and where that led to.
        """
        order = self.post("/tokens/purchase", json={"package_id": "basic_100"})
        page = self.http.get(order["payment_url"])
        return order["order_id"], self.decide(page.text, decision)

    def decide(self, page: str, decision: str) -> httpx.Response:
        """Press a button at the provider, to which the page of an order leads."""
        [link] = re.findall(r'href="([^"]*/checkout[^"]*)"', page)
        form = dict(parse_qsl(urlsplit(link.replace("&amp;", "&")).query))
        return self.http.post(link.partition("?")[0], data=form | {"decision": decision})

    def balance(self) -> Any:
        return self.get("/tokens/balance")


def _names(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def data(answer: httpx.Response) -> Any:
    """Return what a successful answer carries."""
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.text[:2000]}"
    return answer.json()["data"]


def signature_png(colour: tuple[int, int, int] = (0, 0, 0)) -> bytes:
    """A drawn signature: strokes on nothing."""
    image = Image.new("RGBA", (300, 100), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    pen.line([(10, 80), (80, 15), (140, 85), (210, 20), (290, 70)], (*colour, 255), width=12)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
