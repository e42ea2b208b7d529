"""What a stranger, signed out or signed in as somebody else, finds of what is private: nothing."""

import io
import re
from http import HTTPStatus

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select, update

from tests import making, sets_albums
from tests.webapp import walker
from tests.webapp.conftest import signed_in_client
from webapp.domain import market
from webapp.domain.gateways import signed_urls
from webapp.domain.models.account import Role, User
from webapp.domain.models.collection import Collection
from webapp.domain.models.comment import Comment
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.notification import Notification
from webapp.domain.models.outgoing_webhook import Webhook, WebhookEvent
from webapp.domain.models.payment import Purchase
from webapp.domain.models.sets_instance import SetsInstance
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus, SetsPhoto
from webapp.domain.models.sets_rule import SetsRule
from webapp.domain.models.style import Artwork, Style, Tag
from webapp.domain.queries.viewing import URL_STABLE
from webapp.domain.services import (
    artist_pages,
    collections,
    comments,
    generations,
    likes,
    moderation,
    outgoing_webhooks,
    payouts,
    purchases,
    refund_requests,
    sets_rules,
)
from webapp.domain.services.sets_rules import RuleContent
from webapp.editor import EngineEditor
from webapp.http import event_streams

PREVIEW_SIDE, FULL_SIDE = 768, 1024
NOBODYS_ID = 10**9
# Each stands in one place of one picture, or of the works of one training, that is not public.
SECRETS = {
    "prompt": "quokkalume",
    "negative": "brindlefug",
    "description": "vesperdrift",
    "comment": "marrowglint",
    "queued": "juniperwaul",
    "failed": "cobaltfern",
    "taken back": "hesperquill",
    "hidden": "larkspindle",
    "try-out": "mothcandle",
    "filename": "grimalkin",
    "work": "thistlegrave",
    "album": "ravenloft",
    "thing in own words": "owlmarrow",
    "words of own": "peltwhistle",
    "variant": "sablethorn",
    "saved rule": "duskwarren",
    "pinned": "wickerfen",
    "collection": "fernhollow",
    "what a collection is about": "emberquince",
    "why a payout was declined": "quartzbramble",
    "why a refund is asked for": "bramblewick",
    "why a refund was declined": "cinderlark",
    "hidden collection": "saltmeadow",
    "address of a webhook": "tansyford",
}
# What the artist wrote, or an administrator to the artist.
OF_ARTISTS = {"comment", "try-out", "filename", "work", "why a payout was declined"}
TAGS = ("prompt", "taken back", "hidden", "try-out", "work", "pinned")
PUBLIC_WORD = "harborlight"
NOBODYS_WORD = "zymurgoth"  # stands nowhere
# What a number in a path names.
ROWS = {
    "generation": Generation,
    "style": Style,
    "collection": Collection,
    "user": User,
    "tag": Tag,
    "comment": Comment,
    "notification": Notification,
    "webhook": Webhook,
}
# Parameters that ask for a word.
ASKING = ("q", "search", "tags", "tags_any")
# What differs between two answers to the same request.
DOCUMENTS = ("/api/docs", "/api/v1/docs")
REDIRECTS = range(300, 400)
FRESH = re.compile(rb'"meta":{[^}]*}|name="idempotency_key" value="[^"]*"')


def picture(side, seed):
    image = Image.linear_gradient("L").resize((side, side)).rotate(seed)
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


class World:
    """One artist, an owner with pictures in every state, and who else concerns them.

    `files` are those that only their own people may have.
    """

    def __init__(self, session, storage):
        self.session, self.storage, self.files = session, storage, set()
        artist = making.artist(session, storage)
        self.artist = session.get(User, artist.user_id)
        self.style = making.style(session, storage, of=artist, tags=["boat"])
        self.owner, self.other = (making.user(session, tokens=1000) for _ in range(2))
        self.admin = making.user(session, role=Role.ADMIN)
        self.shown = self.finished(PUBLIC_WORD, is_public=True)
        self.fill_with_private_pictures()
        self.fill_with_collections()
        self.fill_an_artist_page()
        self.fill_with_private_works()
        self.fill_with_a_private_album()
        self.fill_with_a_declined_payout()
        self.fill_with_a_declined_refund()
        self.fill_with_a_webhook()
        self.files.add(making.signature_png())
        purchases.order_tokens(session, user_id=self.owner.id, package_id="basic_100")
        session.commit()

    def fill_with_a_declined_payout(self):
        payouts.decline(
            self.session,
            admin_id=self.admin.id,
            payout_id=making.payout(self.session, self.artist.id),
            reason=SECRETS["why a payout was declined"],
        )

    def fill_with_a_declined_refund(self):
        reason = SECRETS["why a refund is asked for"]
        refund_requests.decline(
            self.session,
            admin_id=self.admin.id,
            order_id=making.asked_back(self.session, self.owner, reason).order_id,
            note=SECRETS["why a refund was declined"],
        )

    def fill_with_a_webhook(self):
        url = f"https://shop.example/{SECRETS['address of a webhook']}"
        events = [WebhookEvent.GENERATION_COMPLETED]
        outgoing_webhooks.create(self.session, user=self.owner, url=url, events=events)

    def fill_with_private_pictures(self):
        unwanted = {"negative_tags": [SECRETS["negative"]], "description": SECRETS["description"]}
        self.private = self.finished(SECRETS["prompt"], **unwanted)
        self.ordered(SECRETS["queued"])
        failed = self.ordered(SECRETS["failed"])
        making.generations.pipelines.advance_generation(
            self.session, failed.id, GenerationStatus.PROCESSING
        )
        generations.fail(self.session, failed.id, "GPU_OOM", "It was too large.")
        self.taken_back = self.finished(SECRETS["taken back"], is_public=True)
        # Somebody liked it and talked about it while it was shown.
        for image in (self.shown, self.taken_back):
            likes.like(self.session, user=self.other, generation_id=image.id)
        said = self.say(self.other, "Lovely.")
        self.say(self.artist, f"So {SECRETS['comment']}!", parent_id=said)
        generations.edit(
            self.session, user_id=self.owner.id, generation_id=self.taken_back.id, is_public=False
        )
        hidden = self.finished(SECRETS["hidden"], is_public=True)
        moderation.change_generation(
            self.session,
            admin=self.admin,
            generation_id=hidden.id,
            changes={"is_flagged": True},
            license_status=None,
            reason="reported",
        )

    def fill_with_collections(self):
        """A private one, a hidden one, and one for everybody with pictures that are not."""
        for is_public in (False, True):
            words = (SECRETS["collection"], SECRETS["what a collection is about"])
            name, about = (PUBLIC_WORD, "") if is_public else words
            made = collections.create(
                self.session, user=self.owner, name=name, description=about, is_public=is_public
            )
            for image in (self.shown, self.private, self.taken_back):
                collections.add(
                    self.session, user=self.owner, collection_id=made, generation_id=image.id
                )

        hidden = collections.create(
            self.session, user=self.owner, name=SECRETS["hidden collection"], is_public=True
        )
        collections.add(
            self.session, user=self.owner, collection_id=hidden, generation_id=self.shown.id
        )
        moderation.change_collection(
            self.session, admin=self.admin, collection_id=hidden, is_flagged=True, reason="reported"
        )

    def fill_an_artist_page(self):
        """Two pictures are pinned, of which one is made private afterwards."""
        links = [{"url": "https://example.org/", "label": PUBLIC_WORD}]
        artist_pages.edit(
            self.session, self.storage, user=self.artist, about=PUBLIC_WORD, links=links
        )
        pinned_and_taken_back = self.finished(SECRETS["pinned"], is_public=True)
        for image in (self.shown, pinned_and_taken_back):
            artist_pages.pin(self.session, user=self.artist, generation_id=image.id)
        generations.edit(
            self.session,
            user_id=self.owner.id,
            generation_id=pinned_and_taken_back.id,
            is_public=False,
        )

    def say(self, user, content, *, parent_id=None):
        return comments.post(
            self.session,
            user=user,
            generation_id=self.taken_back.id,
            content=content,
            parent_id=parent_id,
        )

    def fill_with_private_works(self):
        trained = making.trained(self.session, self.storage)
        made = making.try_out(self.session, trained, prompt_tags=["boat", SECRETS["try-out"]])
        self.finish(made)
        run = making.training(self.session, self.storage, step="train_style")
        works = update(Artwork).where(Artwork.style_id == run.style_id)
        self.session.execute(
            works.values(filename=f"{SECRETS['filename']}.png", tags=[SECRETS["work"]])
        )
        for key in self.session.scalars(select(Artwork.clean_key)):
            work = picture(FULL_SIDE, len(self.files))
            self.storage.put(key, work, content_type="image/png")
            self.files.add(work)
        self.files.add(making.ADAPTER)

    def fill_with_a_private_album(self):
        account = making.sets_account(self.session, user=self.owner, balance=20)
        name, setting = SECRETS["thing in own words"], {"action": "recolor", "value": "#336699"}
        concepts = {name: setting | {"prompt": SECRETS["words of own"]}}
        content = RuleContent(SECRETS["saved rule"], {"Wall": setting}, ())
        sets_rules.create(
            self.session,
            EngineEditor(),
            account_id=account.id,
            preset_id="interior",
            content=content,
        )
        job = sets_albums.album(
            self.session,
            self.storage,
            of=account,
            status=SetsJobStatus.DONE,
            concepts=concepts,
            name=SECRETS["variant"],
        )
        key, name_of_file = "results/1.png", f"{SECRETS['album']}.png"
        sets_albums.put_all(
            self.session, job, PhotoStatus.DONE, filename=name_of_file, result_key=key
        )
        for photo in sets_albums.photos_of(self.session, job):
            sets_albums.instance(self.session, photo, self.storage, concept=name)
            self.files.add(self.storage.get(photo.photo_key))
            photo.result_key = f"results/{photo.id}.png"
            result = picture(FULL_SIDE, len(self.files))
            self.storage.put(photo.result_key, result, content_type="image/png")
            self.files.add(result)

    def ordered(self, word, **changes):
        tags = ["boat", word]
        return making.order(self.session, self.owner, self.style, prompt_tags=tags, **changes)[0]

    def finished(self, word, *, is_public=False, **changes):
        return self.finish(self.ordered(word, **changes), is_public=is_public)

    def finish(self, made, *, is_public=False):
        making.finish(self.session, self.storage, made, is_public=is_public)
        self.session.refresh(made)
        full = picture(FULL_SIDE, made.id % 360)
        self.files.add(full)
        self.storage.put(made.image_key, full, content_type="image/png")
        for key, side in ((made.preview_key, PREVIEW_SIDE), (made.thumbnail_key, 256)):
            self.storage.put(key, picture(side, made.id % 360), content_type="image/png")
        return made

    @property
    def values(self):
        licences = self.session.scalars(
            select(Generation.license_public_id).where(Generation.license_public_id.is_not(None))
        )
        columns = (
            Generation.image_key,
            Generation.preview_key,
            Style.adapter_key,
            Artwork.clean_key,
            SetsPhoto.photo_key,
            SetsPhoto.result_key,
            SetsInstance.mask_key,
        )
        keys = [
            self.session.scalar(select(column).where(column.is_not(None)).limit(1))
            for column in columns
        ]
        orders = list(self.session.scalars(select(Purchase.order_id)))
        numbered = {
            f"{name}_id": [*self.session.scalars(select(row.id)), NOBODYS_ID]
            for name, row in ROWS.items()
        }
        return numbered | {
            "public_id": [*licences, "lic_nothing"],
            "search_id": ["V_nothing"],
            "link_signature": ["nothing"],
            "license_type": ["personal", "nothing"],
            "version": ["2026-11", "nothing"],
            "month": [f"{market.today():%Y-%m}", "nothing"],
            "order_id": [*orders, "o_nothing"],
            "key": keys,
            "number": [1, 9],
            "preset_id": ["interior", "nothing"],
            "rule_id": [*self.session.scalars(select(SetsRule.public_id)), "rule_nothing"],
            "job_id": [*self.session.scalars(select(SetsJob.public_id)), "job_nothing"],
            "instance_id": [*self.session.scalars(select(SetsInstance.public_id)), "inst_nothing"],
        }


@pytest.fixture
def world(session, storage, monkeypatch):
    now = signed_urls.period_start(URL_STABLE)  # or an hour may end between two answers
    monkeypatch.setattr(signed_urls, "period_start", lambda _length: now)
    monkeypatch.setattr(event_streams, "LONGEST_SECONDS", 0.01)
    monkeypatch.setattr(event_streams, "POLL_SECONDS", 0.0)
    return World(session, storage)


@pytest.fixture
def people(app, session, world, monkeypatch):
    """Clients that only send and receive."""
    monkeypatch.setattr(app, "test_client_class", FlaskClient)

    def as_somebody(user):
        return app.test_client() if user is None else signed_in_client(app, session, user)

    return as_somebody


@pytest.fixture(params=["signed out", "somebody else"])
def stranger(request, world, people):
    return people(None if request.param == "signed out" else world.other)


def test_a_walk_over_the_whole_site_finds_nothing_private_and_no_error_without_words(
    app, world, stranger
):
    seen = walker.walk(app, stranger, world.values)
    kept = "no-store" if stranger.get_cookie("session") else "no-cache"
    found = {
        "words": [
            (name, each.name)
            for each in seen
            for name, word in SECRETS.items()
            if word in each.text.lower()
        ],
        "files": [each.name for each in seen if each.body in world.files],
        "large pictures": [each.name for each in seen if each.longest_side > PREVIEW_SIDE],
        "unexplained": [
            each.name
            for each in seen
            if each.status >= walker.FIRST_ERROR and not each.is_explained
        ],
        "kept by a browser": [
            each.name
            for each in seen
            if is_page(each) and f"Cache-Control: private, {kept}" not in each.headers
        ],
        "failures": [each.name for each in seen if each.status >= walker.SERVER_ERROR],
    }
    assert found == {kind: [] for kind in found}
    # It has been where the public picture is, seen its words, and opened its preview.
    shown = [each for each in seen if PUBLIC_WORD in each.text]
    artist_page = f"/api/v1/users/{world.artist.id}/artist-page"
    assert {f"/g/{world.shown.id}", "/", "/api/v1/generations/feed", artist_page} <= {
        each.path for each in shown
    }
    assert PREVIEW_SIDE in {each.longest_side for each in seen}


def test_an_artist_finds_nothing_of_private_pictures_that_were_sold_in_the_own_style(
    app, world, people
):
    seen = walker.walk(app, people(world.artist), world.values)
    private = [world.private, world.taken_back]
    small = {picture(side, each.id % 360) for each in private for side in (PREVIEW_SIDE, 256)}
    of_buyers = [word for name, word in SECRETS.items() if name not in OF_ARTISTS]
    found = {
        "words": [(each.name, word) for each in seen for word in of_buyers if word in each.text],
        "pictures": [each.name for each in seen if each.body in small],
        "failures": [each.name for each in seen if each.status >= walker.SERVER_ERROR],
    }
    assert found == {kind: [] for kind in found}
    assert picture(256, world.shown.id % 360) in {each.body for each in seen}


def is_page(seen):
    """Whether an answer is shown in the frame of the site, which the document of the API is not."""
    return seen.media == "text/html" and seen.status not in REDIRECTS and seen.path not in DOCUMENTS


def test_the_owner_of_a_private_picture_finds_its_words_and_its_file(world, people):
    owner = people(world.owner)
    page = walker.opened(owner, f"/g/{world.private.id}", "browser")
    assert SECRETS["prompt"] in page.text
    file = owner.get(
        f"/api/v1/generations/{world.private.id}/image", follow_redirects=True, buffered=True
    )
    assert file.data in world.files


def test_an_artist_finds_why_a_payout_was_declined(world, people):
    wallet = walker.opened(people(world.artist), "/wallet", "browser")
    assert SECRETS["why a payout was declined"] in wallet.text


def test_a_buyer_finds_why_a_refund_was_declined(world, people):
    wallet = walker.opened(people(world.owner), "/wallet", "browser")
    assert SECRETS["why a refund was declined"] in wallet.text


def test_the_owner_of_an_album_finds_its_words(world, people):
    owner = people(world.owner)
    [job] = owner.get("/api/v1/sets/jobs").json["data"]["results"]
    told = owner.get(f"/api/v1/sets/jobs/{job['job_id']}").text
    told += owner.get("/api/v1/sets/rules").text
    words = ("album", "thing in own words", "words of own", "variant", "saved rule")
    assert [name for name in words if SECRETS[name] not in told] == []


def test_asking_for_a_private_word_is_answered_as_for_a_word_that_nobody_used(app, world, stranger):
    def told(path, name, word):
        answer = walker.opened(stranger, f"{path}?{name}={word}", walker.manners(path)[0])
        return answer.status, FRESH.sub(b"", answer.body.replace(word.encode(), b""))

    told_apart, asked = [], 0
    for path, name in walker.asking(app, ASKING):
        expected = told(path, name, NOBODYS_WORD)
        if expected[0] == HTTPStatus.OK:
            asked += 1
            told_apart += [
                (path, name, kind) for kind in TAGS if told(path, name, SECRETS[kind]) != expected
            ]
    assert told_apart == []
    assert asked >= len(ASKING)
    expected = preview(stranger, world.style, NOBODYS_WORD)
    assert {preview(stranger, world.style, SECRETS[kind]) for kind in TAGS} == {expected}


def test_an_order_like_a_picture_that_one_may_not_see_is_like_one_of_no_picture(world, stranger):
    def form(generation_id):
        path = f"/styles/{world.style.id}?like={generation_id}"
        answer = walker.opened(stranger, path, "browser")
        assert answer.status == HTTPStatus.OK
        own_id = re.compile(rb"like(=|%%3D)%d\b" % generation_id)
        return FRESH.sub(b"", own_id.sub(b"", answer.body))

    nothing = form(NOBODYS_ID)
    ids = set(world.session.scalars(select(Generation.id))) - {world.shown.id}
    assert len(ids) > len(TAGS)
    assert [each for each in ids if form(each) != nothing] == []
    assert form(world.shown.id) != nothing


def preview(client, style, word):
    """What an order with a word would be, without the word itself."""
    body = {"style_id": style.id, "prompt_tags": ["boat", word]}
    answer = client.post("/api/v1/generations/preview", json=body)
    assert answer.status_code == HTTPStatus.OK
    return FRESH.sub(b"", answer.data.replace(word.encode(), b""))
