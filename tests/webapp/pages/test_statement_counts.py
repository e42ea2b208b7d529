"""How often each page asks the database: at most twelve times, and never more for more to show."""

import re
from contextlib import suppress
from types import SimpleNamespace

import pytest
from sqlalchemy import update

from tests import making
from tests.pages import (
    ADMINISTRATOR,
    ARTIST,
    BEGINNER,
    BUYER,
    DECIDING,
    FAILED,
    MOST_STATEMENTS,
    PAGES,
    SLOW,
    VISITOR,
)
from tests.statements import statements
from webapp.domain.errors import PinLimitReached
from webapp.domain.models.account import Role, User
from webapp.domain.models.notification import Notification
from webapp.domain.models.report import ReportReason, ReportTarget
from webapp.domain.models.style import ArtworkStatus, Style, TrainingStatus
from webapp.domain.services import (
    artist_pages,
    artworks,
    collections,
    comments,
    follows,
    likes,
    purchases,
    reports,
)
from webapp.domain.services.licenses import TERMS_VERSION
from webapp.pages.site_documents import index as site_documents


@pytest.fixture
def market(session, storage, buyer, artist, style, finish):
    """A buyer with an image in an artist's style, and a way for everything to become more."""
    making.ledger.grant(session, buyer.id, 5000, key="for many images")
    here = SimpleNamespace(style=style, buyer=buyer, artist=session.get(User, artist.user_id))
    here.collection_id = collections.create(session, user=buyer, name="Harbours", is_public=True)

    def grow() -> None:
        stranger = making.user(session)
        for image in making.order(session, buyer, style, count=3):
            finish(image, is_public=True)
            for who in (stranger, buyer):
                likes.like(session, user=who, generation_id=image.id)
            said = comment(stranger, image.id)
            comment(buyer, image.id, said)
            report(stranger, ReportTarget.GENERATION, image.id)
            here.image = image
            collections.add(
                session, user=buyer, collection_id=here.collection_id, generation_id=image.id
            )
        for _ in range(3):
            here.comment_id = comment(here.artist, here.image.id)
            comment(stranger, here.image.id, here.comment_id)
            here.pin(image.id)
        making.order(session, buyer, style, count=2)
        another = collections.create(session, user=buyer, name="Another", is_public=True)
        collections.add(session, user=buyer, collection_id=another, generation_id=here.image.id)
        links = [{"url": "https://example.org/", "label": "Portfolio"}]
        artist_pages.edit(session, storage, user=here.artist, about="Ink.", links=links)
        report(stranger, ReportTarget.COLLECTION, another)
        follows.follow(session, user=stranger, followed_id=here.artist.id)
        follows.follow(session, user=buyer, followed_id=stranger.id)
        making.style(session, storage)
        report(stranger, ReportTarget.STYLE, style.id)
        show_another_artwork()
        here.purchase = purchases.order_tokens(session, user_id=buyer.id, package_id="basic_100")
        session.commit()

    def show_another_artwork() -> None:
        works = [*artworks.present(session, style.id), *making.artworks(session, style, count=1)]
        making.show_artworks(session, style, works, titles=["Pier"] * len(works))

    def comment(who: User, image_id: int, parent_id: int | None = None) -> int:
        return comments.post(
            session, user=who, generation_id=image_id, content="Lovely.", parent_id=parent_id
        )

    def report(who: User, kind: ReportTarget, target_id: int) -> None:
        reports.report(
            session,
            user=who,
            target_type=kind,
            target_id=target_id,
            reason=ReportReason.OTHER,
            text="",
        )

    def pin(image_id: int) -> None:
        with suppress(PinLimitReached), session.begin_nested():
            artist_pages.pin(session, user=here.artist, generation_id=image_id)

    here.pin = pin
    here.grow = grow
    grow()
    return here


@pytest.fixture
def unlucky(session, storage):
    """Artists without a style, with one whose files never came, with one that was not learned."""
    waiting = making.training(session, storage, status=ArtworkStatus.PENDING)
    waiting.confirmed_at = None
    failed = making.training(session, storage, status=ArtworkStatus.REJECTED)
    style = session.get(Style, failed.style_id)
    style.training_status = TrainingStatus.FAILED
    session.flush()
    deciding = making.trained(session, storage)
    session.commit()
    return {
        BEGINNER: making.artist(session, storage).user_id,
        SLOW: session.get(Style, waiting.style_id),
        FAILED: style,
        DECIDING: deciding,
    }


def address_of(page, market, unlucky) -> str:
    return page.address.format(
        artist=market.artist.id,
        buyer=market.buyer.id,
        style=market.style.id,
        image=market.image.id,
        own_image=market.image.id,
        certificate=market.image.license_public_id,
        license_type="personal",
        terms_version=TERMS_VERSION,
        document_version=site_documents.current_version("terms"),
        collection=market.collection_id,
        comment=market.comment_id,
        purchase=market.purchase.order_id,
        open_purchase=market.purchase.order_id,
        waiting_style=unlucky[SLOW].id,
        failed_style=unlucky[FAILED].id,
        trained_style=unlucky[DECIDING].id,
    )


@pytest.fixture
def clients(client, buyer_client, artist_client, sign_in, session, unlucky):
    admin = making.user(session, role=Role.ADMIN)
    session.commit()
    return {
        BEGINNER: sign_in(session.get(User, unlucky[BEGINNER])),
        SLOW: sign_in(session.get(User, unlucky[SLOW].artist_id)),
        FAILED: sign_in(session.get(User, unlucky[FAILED].artist_id)),
        DECIDING: sign_in(session.get(User, unlucky[DECIDING].artist_id)),
        VISITOR: client,
        BUYER: buyer_client,
        ARTIST: artist_client,
        ADMINISTRATOR: sign_in(admin),
    }


def whatever_it_names(statement: str) -> str:
    """Return a statement in which a list of values is as long as any other."""
    bare = re.sub(r"%\(\w+\)s(, %\(\w+\)s)*", "?", statement)
    return re.sub(r"\(\?\)(, \(\?\))+", "(?)", bare)


def test_every_page_asks_seldom_and_as_often_for_more_to_show(session, clients, market, unlucky):
    def asked() -> dict[str, list[str]]:
        found = {}
        for page in PAGES:
            # Pages that show what somebody was told of mark it as read.
            session.execute(update(Notification).values(is_read=False))
            session.commit()
            with statements(session) as sent:
                answer = clients[page.who].get(address_of(page, market, unlucky))
            found[page.name] = [whatever_it_names(each) for each in sent]
            assert (page.name, answer.status_code) == (page.name, page.status)
        return found

    before = asked()
    market.grow()
    after = asked()
    assert after == before
    assert {name: len(seen) for name, seen in after.items() if len(seen) > MOST_STATEMENTS} == {}
