"""Values for the addresses of pages at a running site, looked up or created over HTTP."""

import time
from typing import Any

from tests.images import encoded, half_of, scene
from tests.pages import ADMINISTRATOR, ARTIST, BEGINNER, BUYER, DECIDING, FAILED, SLOW
from webapp.domain.services.licenses import TERMS_VERSION
from webapp.embedded import scrawl
from webapp.embedded.cast import ADMIN
from webapp.embedded.person import Person

WORKS = 10
OPEN = frozenset({"pending", "training"})


def people_of(artist: str, buyer: str) -> dict[str, str]:
    """E-mail addresses of the visitors of pages, by role."""
    return {
        ARTIST: artist,
        BUYER: buyer,
        ADMINISTRATOR: ADMIN,
        BEGINNER: "beginner@artists.example",
        SLOW: "slow@artists.example",
        FAILED: "failed@artists.example",
        DECIDING: "deciding@artists.example",
    }


def page_parameters(site: str, people: dict[str, str]) -> dict[str, object]:
    """Ids by name: an artist's style, its images and buyer, and styles with failed uploads."""
    with _person(site, people[ARTIST]) as artist, _person(site, people[BUYER]) as buyer:
        style = artist.get("/styles/me")["results"][0]
        images = artist.get("/generations/feed", sort="popular", style_id=style["id"])["results"]
        commented = max(images, key=lambda image: image["comment_count"])
        image = artist.get(f"/generations/{commented['id']}")
        comments = artist.get(f"/generations/{commented['id']}/comments")["results"]
        own_images = buyer.get("/generations/me", status="completed", limit=50)["results"]
        parameters = {
            "artist": artist.get("/auth/me")["id"],
            "buyer": buyer.get("/auth/me")["id"],
            "style": style["id"],
            "image": image["id"],
            "own_image": own_images[0]["id"],
            "own_public_image": next(image["id"] for image in own_images if image["is_public"]),
            "certificate": image["license"]["public_id"],
            "license_type": "personal",
            "terms_version": TERMS_VERSION,
            "comment": comments[0]["id"],
            "purchase": _purchases(buyer, "paid")[0]["order_id"],
            "open_purchase": _open_purchase(buyer),
        }
    with _person(site, people[BEGINNER]) as beginner:
        _become_artist(beginner, "Bea Ginn")
    with _person(site, people[SLOW]) as slow:
        parameters["waiting_style"] = _announced_style(slow, "Halfway Here")["id"]
    with _person(site, people[FAILED]) as failed:
        parameters["failed_style"] = _trained_style(failed, "Otto Brandt", "Nine of Ten", damaged=1)
    with _person(site, people[DECIDING]) as deciding:
        parameters["trained_style"] = _trained_style(deciding, "Olga Brandt", "All of Ten")
    return parameters


def _person(site: str, email: str) -> Person:
    return Person(site, email).sign_in()


def _purchases(person: Person, status: str) -> list[dict[str, Any]]:
    return person.get("/tokens/purchases", status=status)["results"]


def _open_purchase(person: Person) -> str:
    """The id of an order with a pending payment."""
    pending = _purchases(person, "pending")
    if not pending:
        package = person.get("/tokens/packages")["results"][0]["package_id"]
        pending = [person.post("/tokens/purchase", json={"package_id": package})]
    return str(pending[0]["order_id"])


def _become_artist(person: Person, name: str) -> None:
    if person.get("/auth/me")["artist"] is None:
        signature = scrawl.signature(len(name))
        person.post(
            "/users/me/upgrade-to-artist",
            data={"artist_name": name},
            files={"signature_image": ("signature.png", signature, "image/png")},
        )


def _announced_style(person: Person, name: str) -> dict[str, Any]:
    """A style whose announced files were not uploaded."""
    _become_artist(person, name)
    for style in person.get("/styles/me")["results"]:
        return style
    files = [
        {"filename": f"work-{k:02}.png", "size": 1000, "content_type": "image/png"}
        for k in range(WORKS)
    ]
    return person.post("/styles", json=_terms(name) | {"files": files})


def _trained_style(person: Person, artist_name: str, name: str, *, damaged: int = 0) -> int:
    """The id of a style whose training has ended; with a damaged work of ten it has failed."""
    _become_artist(person, artist_name)
    styles = person.get("/styles/me")["results"]
    if not styles:
        works = [encoded(scene(512, 512, seed=seed)) for seed in range(WORKS)]
        works[:damaged] = [half_of(work) for work in works[:damaged]]
        files = [
            ("images", (f"work-{k:02}.png", work, "image/png")) for k, work in enumerate(works)
        ]
        styles = [person.post("/styles", data=_terms(name), files=files)]
    while person.get(f"/styles/{styles[0]['id']}")["training_status"] in OPEN:
        time.sleep(0.5)
    return int(styles[0]["id"])


def _terms(name: str) -> dict[str, Any]:
    return {"name": name, "description": "Not there yet.", "price_tokens": 10}
