"""A small market with something in every state, and how each kind of caller proves who it is."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from tests import making, sets_albums
from tests.fixtures import ENVIRONMENT
from tests.images import encoded, scene
from tests.webapp.conftest import finished, sets_client_of, signed_in_client
from webapp.domain.models.account import Role, User
from webapp.domain.models.collection import Collection
from webapp.domain.models.generation import AspectRatio, Generation
from webapp.domain.models.notification import Notification
from webapp.domain.models.sets_job import SetsJobStatus
from webapp.domain.prices import price_for_size
from webapp.domain.services import collections

A_YEAR = timedelta(days=365)


@dataclass(frozen=True)
class World:
    """`proofs` by caller, for the security schemes of the document; `known` values by parameter."""

    proofs: dict
    known: dict[str, list[int | str]]


def made(app, session, storage) -> World:
    """Make the world, committed."""
    buyer, owner = making.user(session, tokens=1000), making.artist(session, storage)
    making.style(session, of=owner, training_status="failed", adapter_sha256=None)
    style = making.style(session, storage)
    for is_public in (True, False):
        image = making.order(session, buyer, style)[0]
        session.commit()
        finished(session, storage, image, is_public=is_public)
    for is_public in (True, False):
        collections.create(session, user=buyer, name="Harbours", is_public=is_public)
    making.order(session, buyer, style)
    works = making.artworks(session, style, count=2)
    making.show_artworks(session, style, works, titles=["Pier", ""])
    making.training(session, storage)
    trained = making.trained(session, storage, of=owner)
    making.try_out(session, trained)
    payout_id = making.payout(session, owner.user_id)
    making.earn_tokens(session, owner.user_id, 1000)
    payments = making.asked_back(session, buyer), making.paid(session, buyer)
    admin = making.user(session, role=Role.ADMIN)
    session.commit()
    people = {"buyer": buyer, "artist": session.get(User, owner.user_id), "admin": admin}
    clients = {name: signed_in_client(app, session, person) for name, person in people.items()}
    proofs = {
        name: {
            "session": {"api_key": client.get_cookie("session").value},
            "csrf": {"api_key": client.csrf_token},
        }
        for name, client in clients.items()
    }
    worker = {"internal": {"bearer": ENVIRONMENT["INTERNAL_API_TOKEN"]}}
    account = making.sets_account(session, balance=1000, pro_until=making.jobs.NOW + A_YEAR)
    albums = [
        sets_albums.album(session, storage, of=account, status=status)
        for status in (SetsJobStatus.UPLOADED, SetsJobStatus.FAILED)
    ]
    for album in albums:
        for photo in sets_albums.photos_of(session, album):
            small = encoded(scene(*sets_albums.SIZE), "WEBP")
            storage.put(photo.preview_key, small, content_type="image/webp")
    photo = sets_albums.photos_of(session, albums[0])[0]
    instances = [sets_albums.instance(session, photo, storage) for _ in range(2)]
    session.commit()
    token = sets_client_of(app, account).token
    return World(
        proofs=proofs | {"anonymous": {}, "worker": worker, "sets": {"sets": {"bearer": token}}},
        known={
            "style_id": [style.id, trained.id],
            "generation_id": in_order(session, Generation.id),
            "collection_id": in_order(session, Collection.id),
            "artwork_id": [work.id for work in works],
            "notification_id": in_order(session, Notification.id),
            "payout_id": [payout_id],
            "order_id": [each.order_id for each in payments],
            "expected_price_tokens": [
                price_for_size(style.price_tokens, each) for each in AspectRatio
            ],
            "job_id": [album.public_id for album in albums],
            "instance_id": [instance.public_id for instance in instances],
        },
    )


def in_order(session, column) -> list[int]:
    """The ids of all rows, in the same order in every run."""
    return list(session.scalars(select(column).order_by(column)))
