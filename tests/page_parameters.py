"""Values for the addresses of pages at a running site, looked up or created over HTTP."""

import time

from tests.images import encoded, half_of, scene
from tests.pages import ADMINISTRATOR, ARTIST, BEGINNER, BUYER, DECIDING, FAILED, SLOW
from webapp.domain.services.licenses import TERMS_VERSION
from webapp.embedded import scrawl
from webapp.embedded.cast import ADMIN
from webapp.embedded.person import Person
from webapp.pages.site_documents import index as site_documents
from webapp.schemas.accounts import Account
from webapp.schemas.collections import CollectionView
from webapp.schemas.comments import CommentView
from webapp.schemas.fields import Listed
from webapp.schemas.generations import FeedCard, GenerationView, OwnGenerationView
from webapp.schemas.payments import ListedOrder, NewOrder
from webapp.schemas.styles import AwaitedStyleView, OwnStyleCard, OwnStyleView
from webapp.schemas.tokens import PackageView

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
        style = _own_styles(artist)[0]
        feed = artist.get(
            "/generations/feed", Listed[FeedCard], sort="popular", style_id=style.id
        ).results
        commented = max(feed, key=lambda image: image.comment_count).id
        certificate = artist.get(f"/generations/{commented}", GenerationView).license
        assert certificate
        comments = artist.get(f"/generations/{commented}/comments", Listed[CommentView]).results
        own_images = buyer.get(
            "/generations/me", Listed[OwnGenerationView], status="completed", limit=50
        ).results
        parameters = {
            "artist": artist.get("/auth/me", Account).id,
            "buyer": buyer.get("/auth/me", Account).id,
            "style": style.id,
            "image": commented,
            "own_image": own_images[0].id,
            "own_public_image": next(image.id for image in own_images if image.is_public),
            "certificate": certificate.public_id,
            "license_type": "personal",
            "terms_version": TERMS_VERSION,
            "document_version": site_documents.current_version("terms"),
            "collection": _collection(buyer, [image.id for image in feed]),
            "comment": comments[0].id,
            "purchase": _purchases(buyer, "paid")[0].order_id,
            "open_purchase": _open_purchase(buyer),
        }
    with _person(site, people[BEGINNER]) as beginner:
        _become_artist(beginner, "Bea Ginn")
    with _person(site, people[SLOW]) as slow:
        parameters["waiting_style"] = _announced_style(slow, "Halfway Here")
    with _person(site, people[FAILED]) as failed:
        parameters["failed_style"] = _trained_style(failed, "Otto Brandt", "Nine of Ten", damaged=1)
    with _person(site, people[DECIDING]) as deciding:
        parameters["trained_style"] = _trained_style(deciding, "Olga Brandt", "All of Ten")
    return parameters


def _person(site: str, email: str) -> Person:
    return Person(site, email).sign_in()


def _collection(person: Person, image_ids: list[int]) -> int:
    """The id of a public collection of these pictures."""
    for collection in person.get("/collections", Listed[CollectionView]).results:
        return collection.id
    fields = {"name": "Harbours at dusk", "description": "For the kitchen.", "is_public": True}
    collection_id = person.post("/collections", CollectionView, json=fields).id
    for image_id in image_ids:
        person.put(f"/collections/{collection_id}/pictures/{image_id}")
    return collection_id


def _own_styles(person: Person) -> list[OwnStyleCard]:
    return person.get("/styles/me", Listed[OwnStyleCard]).results


def _purchases(person: Person, status: str) -> list[ListedOrder]:
    return person.get("/tokens/purchases", Listed[ListedOrder], status=status).results


def _open_purchase(person: Person) -> str:
    """The id of an order with a pending payment."""
    for purchase in _purchases(person, "pending"):
        return purchase.order_id
    package = person.get("/tokens/packages", Listed[PackageView]).results[0]
    order = {"package_id": package.package_id}
    return person.post("/tokens/purchase", NewOrder, json=order).order_id


def _become_artist(person: Person, name: str) -> None:
    if person.get("/auth/me", Account).artist is None:
        signature = scrawl.signature(len(name))
        person.post(
            "/users/me/upgrade-to-artist",
            data={"artist_name": name},
            files={"signature_image": ("signature.png", signature, "image/png")},
        )


def _announced_style(person: Person, name: str) -> int:
    """The id of a style whose announced files were not uploaded."""
    _become_artist(person, name)
    for style in _own_styles(person):
        return style.id
    files = [
        {"filename": f"work-{k:02}.png", "size": 1000, "content_type": "image/png"}
        for k in range(WORKS)
    ]
    return person.post("/styles", AwaitedStyleView, json=_terms(name) | {"files": files}).id


def _trained_style(person: Person, artist_name: str, name: str, *, damaged: int = 0) -> int:
    """The id of a style whose training has ended; with a damaged work of ten it has failed."""
    _become_artist(person, artist_name)
    style_ids = [style.id for style in _own_styles(person)]
    if not style_ids:
        works = [encoded(scene(512, 512, seed=seed)) for seed in range(WORKS)]
        works[:damaged] = [half_of(work) for work in works[:damaged]]
        files = [
            ("images", (f"work-{k:02}.png", work, "image/png")) for k, work in enumerate(works)
        ]
        style_ids = [person.post("/styles", OwnStyleView, data=_terms(name), files=files).id]
    while person.get(f"/styles/{style_ids[0]}", OwnStyleView).training_status in OPEN:
        time.sleep(0.5)
    return style_ids[0]


def _terms(name: str) -> dict[str, object]:
    return {"name": name, "description": "Not there yet.", "price_tokens": 10}
