"""The orders of `world.py`: every buyer buys tokens, orders images and publishes some of them."""

import itertools
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from webapp.domain.models.generation import AspectRatio, GenerationStatus
from webapp.domain.models.payment import PurchaseStatus
from webapp.domain.prices import price_for_size
from webapp.embedded.cast import Buyer, Order
from webapp.embedded.person import Person, RefusedError
from webapp.schemas.fields import Listed
from webapp.schemas.generations import OrderedGeneration, OwnGenerationView
from webapp.schemas.payments import ListedOrder
from webapp.schemas.styles import OwnStyleView

REPORT_IMAGES = 10
MOST = 50  # more rows than any account has here
OPEN = frozenset({GenerationStatus.QUEUED, GenerationStatus.PROCESSING, GenerationStatus.RETRYING})


@dataclass(frozen=True)
class OrderedImage:
    """An image that was ordered and has ended; a failed one is never public."""

    id: int
    is_public: bool


def prepare(person: Person, buyer: Buyer) -> None:
    """Write the buyer's profile and buy the packages of tokens, once."""
    person.patch("/users/me", json={"bio": buyer.bio})
    purchases = person.get("/tokens/purchases", Listed[ListedOrder], limit=MOST).results
    paid = [each for each in purchases if each.status == PurchaseStatus.PAID]
    for package_id in buyer.packages[len(paid) :]:
        person.pay(package_id)


def ordered(
    people: Mapping[str, Person],
    styles: Mapping[str, OwnStyleView],
    orders: Iterable[Order],
    report: Callable[[str], None],
) -> dict[str, OrderedImage]:
    """Order all images and wait until each has ended; return them by title.

    Every buyer orders one image after the other, all buyers at the same time.
    """
    of_buyers: dict[str, list[Order]] = {}
    for order in orders:
        of_buyers.setdefault(order.buyer, []).append(order)
    total = sum(len(each) for each in of_buyers.values())
    delivered = itertools.count(1)

    def report_delivery() -> None:
        number = next(delivered)
        if number % REPORT_IMAGES == 0:
            report(f"{number} of {total} images")

    def order_all(email: str) -> dict[str, OrderedImage]:
        person, images = people[email], {}
        own = person.get("/generations/me", Listed[OwnGenerationView], limit=MOST).results
        known = {image.description: image for image in own}
        for order in of_buyers[email]:
            image = known.get(order.title) or _order(person, order, styles[order.style_name])
            images[order.title] = _ended(person, image, is_public=order.is_public)
            report_delivery()
        return images

    with ThreadPoolExecutor(len(of_buyers)) as pool:
        images_of_buyers = list(pool.map(order_all, of_buyers))
    return {title: image for images in images_of_buyers for title, image in images.items()}


def _order(person: Person, order: Order, style: OwnStyleView) -> OwnGenerationView:
    """Order one image; wait while the site has too many orders of this buyer."""
    while True:
        try:
            return person.post(
                "/generations",
                OrderedGeneration,
                json={
                    "style_id": style.id,
                    "prompt_tags": list(order.prompt),
                    "description": order.title,
                    "aspect_ratio": order.ratio,
                    "expected_price_tokens": price_for_size(
                        style.price_tokens, AspectRatio(order.ratio)
                    ),
                },
            )
        except RefusedError as error:
            if error.code != "RATE_LIMIT_EXCEEDED":
                raise
            time.sleep(error.retry_after)


def _ended(person: Person, image: OwnGenerationView, *, is_public: bool) -> OrderedImage:
    """Wait until an image has ended, and publish it if it is to be public; one may fail."""
    path = f"/generations/{image.id}"
    while image.status in OPEN:
        *_, image = person.watch(path, OwnGenerationView)
    is_completed = image.status == GenerationStatus.COMPLETED
    if is_public and is_completed and not image.is_public:
        person.patch(path, json={"is_public": True})
        return OrderedImage(image.id, is_public=True)
    return OrderedImage(image.id, image.is_public)
