import pytest
from sqlalchemy import func, select, text, update

from tests import making
from tests.database import at_once
from webapp.domain.db import transaction
from webapp.domain.errors import (
    AccountInactive,
    GenerationNotFound,
    GenerationStillProcessing,
    StyleNotFound,
    TrainingInProgress,
    ValidationFailed,
)
from webapp.domain.models.account import Artist, SignIn, User
from webapp.domain.models.collection import Collection, CollectionPicture
from webapp.domain.models.comment import Comment
from webapp.domain.models.follow import Follow
from webapp.domain.models.generation import Generation, Order
from webapp.domain.models.idempotency import IdempotencyKey
from webapp.domain.models.job import Job
from webapp.domain.models.ledger import Transfer
from webapp.domain.models.like import Like
from webapp.domain.models.notification import Notification, NotificationType
from webapp.domain.models.payment import Purchase
from webapp.domain.models.report import ReportReason, ReportTarget
from webapp.domain.models.style import Artwork, Style, Tag
from webapp.domain.models.training import TrainingRun
from webapp.domain.queries import (
    generation_files,
    generations as generation_queries,
    licenses as license_queries,
)
from webapp.domain.queries.generations import OwnFilter
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import (
    accounts,
    collections,
    counters,
    garbage,
    generations,
    leaving,
    ledger,
    likes,
    notifications,
    purchases,
    reports,
    styles,
    tags,
)
from webapp.domain.services.accounts import GoogleIdentity
from webapp.domain.services.leaving import Outcome

MINA = GoogleIdentity(sub="1000", email="mina@example.org", name="Mina Park")


def leave(session, person):
    return leaving.leave(session, user=person, confirm=person.username)


def fresh(session, row):
    session.flush()
    session.refresh(row)
    return row


def delivered(session, person, style, *, is_public=True):
    """An image of a person's that is delivered, with its three objects named."""
    (made,) = making.order(session, person, style, description="For my mother")
    generations.pipelines.advance_generation(session, made.id, "processing")
    generations.complete(
        session,
        made.id,
        "0" * 16,
        image_key=f"images/{made.id}.png",
        preview_key=f"previews/{made.id}.png",
        thumbnail_key=f"thumbnails/{made.id}.png",
        image_sha256="a" * 64,
        image_size=1,
    )
    making.change_job(session, making.job_of(session, made).id, state="done")
    generations.edit(session, user_id=person.id, generation_id=made.id, is_public=is_public)
    return fresh(session, made)


def like(session, person, image):
    likes.like(session, user=person, generation_id=image.id)


def comment(session, person, image, *, on=None):
    made = Comment(
        generation_id=image.id, user_id=person.id, parent_id=on and on.id, content="Lovely"
    )
    session.add(made)
    session.flush()
    session.execute(
        update(Generation)
        .where(Generation.id == image.id)
        .values(comment_count=Generation.comment_count + 1)
    )
    if on is not None:
        on.reply_count += 1
        session.flush()
    return made


def follow(session, person, followed):
    session.add(Follow(follower_id=person.id, followed_id=followed.id))
    followed.follower_count += 1
    session.flush()


def count(session, model):
    return session.scalar(select(func.count()).select_from(model))


def counters_are_exact(session):
    """Every counter equals the rows it counts."""
    return not session.execute(
        text(
            """
            SELECT id FROM generations WHERE
                like_count <> (SELECT count(*) FROM likes WHERE generation_id = generations.id)
                OR comment_count
                   <> (SELECT count(*) FROM comments WHERE generation_id = generations.id)
            UNION ALL SELECT id FROM comments WHERE
                reply_count <> (SELECT count(*) FROM comments AS replies
                                WHERE replies.parent_id = comments.id)
            UNION ALL SELECT id FROM users WHERE
                follower_count <> (SELECT count(*) FROM follows WHERE followed_id = users.id)
            """
        )
    ).all()


@pytest.fixture
def person(session):
    return making.user(session, bio="I draw.", profile_image_key="portraits/mina.jpg")


@pytest.fixture
def other(session):
    return making.user(session, tokens=1000)


@pytest.fixture
def style(session, storage):
    return making.style(session, storage)


def artist_user(session, style):
    return session.get(User, style.artist_id)


# ── who may leave ────────────────────────────────────────────────────────────────────────────


def test_who_leaves_says_the_own_name(session, person):
    with pytest.raises(ValidationFailed) as error:
        leaving.leave(session, user=person, confirm=person.username.upper())
    assert set(error.value.details["fields"]) == {"confirm"}
    assert fresh(session, person).deleted_at is None


@pytest.mark.parametrize("status", ["pending", "training"])
def test_nobody_leaves_while_an_own_style_is_made(session, status):
    run = making.training(session)
    style = session.get(Style, run.style_id)
    session.execute(update(Style).values(training_status=status))
    with pytest.raises(TrainingInProgress) as error:
        leave(session, artist_user(session, style))
    assert error.value.details == {"style_id": style.id}


@pytest.mark.parametrize("status", ["queued", "processing", "retrying"])
def test_nobody_leaves_while_own_images_are_made(session, other, style, status):
    ordered = making.order(session, other, style, count=2)
    session.execute(update(Generation).values(status=status))
    with pytest.raises(GenerationStillProcessing) as error:
        leave(session, other)
    assert error.value.details == {"generation_ids": [each.id for each in ordered]}


def test_a_canceled_image_keeps_nobody(session, other, style):
    (ordered,) = making.order(session, other, style)
    generations.cancel(session, user_id=other.id, generation_id=ordered.id)
    assert leave(session, other) == Outcome.DELETED


def test_who_has_left_cannot_leave_again(session, person):
    leave(session, person)
    with pytest.raises(AccountInactive):
        leave(session, fresh(session, person))


# ── deleted ──────────────────────────────────────────────────────────────────────────────────


def test_a_deleted_person_has_no_name_and_no_session(session, person):
    session.add(SignIn(id="open", user_id=person.id, expires_at=func.now() + text("'1 day'")))
    session.add(
        IdempotencyKey(user_id=person.id, route="r", key="k" * 8, body_sha256="a" * 64, response={})
    )
    assert leave(session, person) == Outcome.DELETED
    left = fresh(session, person)
    assert left.deleted_at is not None
    assert not left.is_active
    assert left.username == f"deleted:{left.id}"
    assert (left.email, left.bio, left.profile_image_key, left.role) == ("", "", None, "user")
    assert session.get(SignIn, "open").ended_at is not None
    assert count(session, IdempotencyKey) == 0


def test_who_comes_back_gets_a_new_account_and_no_second_bonus(session):
    first = accounts.sign_in(session, MINA)
    session.flush()
    leave(session, session.get(User, first.user_id))
    again = accounts.sign_in(session, MINA)
    assert again.user_id != first.user_id
    assert session.get(User, again.user_id).username == "Mina_Park"
    assert ledger.balances(session, again.user_id).spendable == 0
    assert ledger.balances(session, first.user_id).spendable == 100
    assert count(session, Transfer) == 1


def test_what_a_person_wrote_in_a_report_goes_and_the_report_stays(session, person, other):
    made = reports.report(
        session,
        user=person,
        target_type=ReportTarget.USER,
        target_id=other.id,
        reason=ReportReason.SPAM,
        text="I am Mina, 010-1234-5678",
    )
    leave(session, person)
    assert (fresh(session, made).text, made.reason) == ("", ReportReason.SPAM)


def test_the_legal_names_of_orders_go(session, storage, other, style):
    order = session.get_one(Order, delivered(session, other, style).order_id)
    order.legal_name = "Harbour Tea Ltd."
    leave(session, other)
    assert fresh(session, order).legal_name is None


def test_images_go_and_money_and_certificates_stay(session, storage, other, style):
    image = delivered(session, other, style)
    public_id = image.license_public_id
    moved = count(session, Transfer)
    assert leave(session, other) == Outcome.DELETED
    left = fresh(session, image)
    assert left.deleted_at is not None
    assert (left.prompt_tags, left.negative_tags, left.description) == ([], [], "")
    assert (left.image_key, left.preview_key, left.thumbnail_key) == (None, None, None)
    certificate = license_queries.certificate(session, storage, public_id=public_id)
    assert certificate.image.sha256 == "a" * 64
    assert (certificate.licensee, certificate.generation_id, certificate.preview_url) == (
        None,
        None,
        None,
    )
    assert certificate.artist.artist_name.startswith("Artist")
    assert count(session, Transfer) == moved
    assert making.violations(session) == []


def test_a_deleted_image_is_not_found_by_anybody(session, storage, other, style):
    image = delivered(session, other, style)
    leave(session, other)
    session.expire_all()
    admin = making.user(session, role="admin")
    for viewer in (Viewer(), Viewer.of(admin), Viewer(other.id)):
        with pytest.raises(GenerationNotFound):
            generation_queries.detail(session, storage, generation_id=image.id, viewer=viewer)
        with pytest.raises(GenerationNotFound):
            generation_files.image_url(
                session,
                storage,
                generation_id=image.id,
                viewer=viewer,
                variant="full",
                download=False,
            )
    with pytest.raises(GenerationNotFound):
        likes.like(session, user=admin, generation_id=image.id)
    own = generation_queries.own(
        session, storage, user_id=other.id, filters=OwnFilter(), page=PageRequest(20, None)
    )
    assert own.results == []


def test_what_a_person_said_and_liked_goes_and_every_count_stays_exact(
    session, person, other, style
):
    third = making.user(session)
    theirs, mine = delivered(session, other, style), delivered(session, person, style)
    for admirer in (person, third):
        like(session, admirer, theirs)
    like(session, other, mine)
    kept = comment(session, other, theirs)
    for author in (person, person, third):
        comment(session, author, theirs, on=kept)
    gone = comment(session, person, theirs)
    comment(session, other, theirs, on=gone)
    comment(session, third, mine)
    for follower, followed in ((person, other), (third, other), (other, person)):
        follow(session, follower, followed)
    assert counters_are_exact(session)

    leave(session, person)

    session.expire_all()
    assert counters_are_exact(session)
    theirs, kept, other = fresh(session, theirs), fresh(session, kept), fresh(session, other)
    assert (theirs.like_count, theirs.comment_count) == (1, 2)
    assert (kept.reply_count, other.follower_count) == (1, 1)
    assert (count(session, Like), count(session, Comment), count(session, Follow)) == (1, 2, 1)


def collected(session, person, *images, is_public=True):
    """A collection of a person's with these images."""
    made = collections.create(session, user=person, name="Harbours", is_public=is_public)
    for image in images:
        collections.add(session, user=person, collection_id=made, generation_id=image.id)
    return made


def contents(session):
    """The images of each collection that there is."""
    rows = session.execute(
        select(Collection.id, CollectionPicture.generation_id).outerjoin(
            CollectionPicture, CollectionPicture.collection_id == Collection.id
        )
    )
    found = {}
    for collection_id, image_id in rows:
        found.setdefault(collection_id, set()).update([image_id] if image_id else [])
    return found


def test_collections_go_with_their_owner_and_the_pictures_of_who_left_go_from_all_others(
    session, person, other, style
):
    theirs, mine = delivered(session, other, style), delivered(session, person, style)
    collected(session, person, theirs, mine)
    collected(session, person, is_public=False)
    of_other = collected(session, other, theirs, mine)

    assert leave(session, person) == Outcome.DELETED

    assert contents(session) == {of_other: {theirs.id}}


def test_the_collections_of_a_closed_account_are_private_and_kept(session, person, other, style):
    theirs, mine = delivered(session, other, style), delivered(session, person, style)
    of_person, of_other = (collected(session, each, theirs, mine) for each in (person, other))

    leaving.deactivate(session, person.id)

    both = {theirs.id, mine.id}
    assert contents(session) == {of_person: both, of_other: both}
    public = session.scalars(select(Collection.id).where(Collection.is_public)).all()
    assert public == [of_other]


def test_a_picture_added_while_its_owner_leaves_stays_in_no_collection(committed, beside, storage):
    with committed() as session:
        image = making.generation(session, storage)
        owner_id, image_id = image.user_id, image.id
        values = {"status": "completed", "is_public": True, "image_sha256": "a" * 64}
        session.execute(update(Generation).values(image_key="images/1.png", **values))
        collector = making.user(session)
        made = collections.create(session, user=collector, name="Harbours")
        collector_id = collector.id
        session.commit()

    with committed.begin() as adding:
        person = adding.get(User, collector_id)
        collections.add(adding, user=person, collection_id=made, generation_id=image_id)
        going = beside(lambda mine: leave(mine, mine.get(User, owner_id)))
    going.result()
    with committed() as session:
        assert contents(session) == {made: set()}


def test_the_tags_of_what_goes_are_counted_no_more(session, other, style):
    artist = making.artist(session)
    used, unused = (
        making.style(session, of=artist, tags=["mine", "boat"], is_active=is_active)
        for is_active in (True, False)
    )
    for trained in (style, used, unused):
        tags.count_use(session, trained.tags)
    person = session.get(User, artist.user_id)
    for image in (delivered(session, person, style), delivered(session, person, used)):
        assert image.prompt_tags == ["boat", "sea"]
    delivered(session, other, style)
    (given_up,) = making.order(session, person, style, prompt_tags=["boat", "fog"])
    generations.cancel(session, user_id=person.id, generation_id=given_up.id)

    assert leave(session, person) == Outcome.DELETED

    rows = session.execute(select(Tag.name, Tag.style_count, Tag.image_count, Tag.user_count))
    assert set(rows.all()) == {
        (style.tags[0], 1, 0, 0),
        ("boat", 1, 1, 1),
        ("sea", 0, 1, 1),
        ("mine", 0, 0, 0),
    }
    for counter in counters.COUNTERS:
        if counter.table == "tags":
            assert counters.recount(session, counter)[0] == []


def test_nobody_is_told_any_more_of_who_has_left(session, person, other, style):
    image = delivered(session, other, style)
    mine = delivered(session, person, style)
    said = comment(session, person, image)
    like(session, person, image)
    for recipient, target_type, target_id in (
        (other, "comment", said.id),
        (other, "generation", mine.id),
        (person, "purchase", 1),
    ):
        notifications.notify(
            session,
            recipient.id,
            NotificationType.COMMENT,
            target_type=target_type,
            target_id=target_id,
        )
    leave(session, person)
    (kept,) = session.scalars(select(Notification)).all()
    assert (kept.type, kept.target_id) == ("generation_complete", image.id)


def test_an_artist_nobody_bought_from_goes_with_styles_and_works(session, storage):
    run = making.training(session, storage)
    style = session.get(Style, run.style_id)
    session.execute(update(Style).values(training_status="failed"))
    session.execute(update(Job).values(state="failed"))
    assert leave(session, artist_user(session, style)) == Outcome.DELETED
    for model in (Style, Artwork, TrainingRun, Artist, Job):
        assert count(session, model) == 0


def test_a_style_only_its_artist_used_keeps_its_name_for_the_certificate(session, storage, style):
    owner = artist_user(session, style)
    image = delivered(session, owner, style)
    style.sample_keys, style.base_sample_keys = ["samples/1.webp"], ["samples/base-1.webp"]
    name = style.name
    assert leave(session, owner) == Outcome.DELETED
    left = fresh(session, style)
    assert left.sample_keys == left.base_sample_keys == []
    assert (left.is_active, left.adapter_key, left.tags, left.description) == (False, None, [], "")
    certificate = license_queries.certificate(session, storage, public_id=image.license_public_id)
    assert certificate.style.name == name
    assert certificate.artist.artist_name == f"deleted:{owner.id}"


def test_the_objects_of_who_has_left_are_garbage(committed, storage):
    with committed.begin() as session:
        style = making.style(session, storage)
        owner = artist_user(session, style)
        owner.profile_image_key = "portraits/1.jpg"
        image = delivered(session, owner, style)
        for key in (image.image_key, image.preview_key, image.thumbnail_key, "portraits/1.jpg"):
            storage.put(key, b"x", content_type="image/png")
    named = {info.key for info in storage.list()}
    assert len(named) == 6
    garbage.collect(storage, committed.begin, older_than=-making.jobs.timedelta(minutes=1))
    assert {info.key for info in storage.list()} == named
    with committed.begin() as session:
        leave(session, session.get(User, owner.id))
    garbage.collect(storage, committed.begin, older_than=-making.jobs.timedelta(minutes=1))
    assert list(storage.list()) == []


# ── deactivated ──────────────────────────────────────────────────────────────────────────────


def test_an_artist_whose_style_was_used_is_only_deactivated(session, storage, other, style):
    owner = artist_user(session, style)
    bought, own = delivered(session, other, style), delivered(session, owner, style)
    name = owner.username
    assert leave(session, owner) == Outcome.DEACTIVATED
    session.expire_all()
    left = session.get(User, owner.id)
    assert (left.is_active, left.deleted_at, left.username) == (False, None, name)
    assert not session.get(Style, style.id).is_active
    assert fresh(session, own).image_key is not None
    assert not own.is_public
    for viewer in (Viewer(), Viewer(other.id)):
        seen = generation_queries.detail(session, storage, generation_id=bought.id, viewer=viewer)
        assert seen.preview_url
        assert bool(seen.result_url) == (viewer.user_id == other.id)
    certificate = license_queries.certificate(session, storage, public_id=bought.license_public_id)
    assert (certificate.status, certificate.artist.id) == ("valid", owner.id)
    with pytest.raises(StyleNotFound):
        making.order(session, other, style)
    with pytest.raises(AccountInactive):
        accounts.sign_in(session, GoogleIdentity(left.google_sub, left.email, name))
    assert making.violations(session) == []


def test_what_leaving_would_mean_is_what_it_then_means(session, other, style):
    owner = artist_user(session, style)
    delivered(session, owner, style)
    assert leaving.expected_outcome(session, owner.id) == Outcome.DELETED
    making.order(session, other, style)
    assert leaving.expected_outcome(session, owner.id) == Outcome.DEACTIVATED
    assert leave(session, owner) == Outcome.DEACTIVATED


def test_what_was_ordered_before_is_delivered_and_paid_after_the_artist_left(session, other, style):
    owner = artist_user(session, style)
    (ordered,) = making.order(session, other, style)
    assert leave(session, owner) == Outcome.DEACTIVATED
    generations.pipelines.advance_generation(session, ordered.id, "processing")
    generations.complete(
        session,
        ordered.id,
        "0" * 16,
        image_key="images/1.png",
        image_sha256="a" * 64,
        image_size=1,
    )
    assert fresh(session, ordered).status == "completed"
    assert ledger.balances(session, owner.id).earned == style.price_tokens


# ── at the same moment ───────────────────────────────────────────────────────────────────────


def parallel(committed, *works):
    """Run works in transactions of their own that start together."""

    def run(work):
        with committed() as session, transaction(session):
            return work(session)

    return at_once(*(lambda work=work: run(work) for work in works))


def leaves(person_id):
    return lambda session: leave(session, session.get(User, person_id))


def orders(person_id, style_id):
    def order(session):
        made = making.order(session, session.get(User, person_id), session.get(Style, style_id))
        return made[0].id

    return order


@pytest.mark.parametrize("round_number", range(5))
def test_orders_that_come_while_an_artist_leaves_are_either_kept_or_refused(
    committed, storage, round_number
):
    with committed.begin() as session:
        style = making.style(session, storage)
        buyers = [making.user(session).id for _ in range(6)]
    outcome, *answers = parallel(
        committed, leaves(style.artist_id), *(orders(buyer, style.id) for buyer in buyers)
    )
    sold = [answer for answer in answers if isinstance(answer, int)]
    refused = [answer for answer in answers if isinstance(answer, StyleNotFound)]
    assert len(sold) + len(refused) == len(buyers), answers
    assert outcome == (Outcome.DEACTIVATED if sold else Outcome.DELETED)
    with committed() as session:
        assert count(session, Generation) == len(sold)
        assert making.violations(session) == []
        left = session.get(Style, style.id)
        assert left is None if not sold else not left.is_active


def test_what_was_ordered_for_money_and_not_paid_is_closed(session, storage, other, style):
    of_artist = purchased(session, style.artist_id)
    of_buyer = purchased(session, other.id)
    making.order(session, other, style)
    leave(session, artist_user(session, style))
    assert fresh(session, of_artist).status == "failed"
    assert of_artist.failure == {"code": "ACCOUNT_CLOSED", "message": ""}
    assert fresh(session, of_buyer).status == "pending"


def purchased(session, person_id):
    return purchases.order_tokens(session, user_id=person_id, package_id="basic_100")


@pytest.mark.parametrize("round_number", range(5))
def test_nothing_is_ordered_for_money_that_stays_open_after_its_buyer_left(committed, round_number):
    with committed.begin() as session:
        buyer = making.user(session)
    outcome, *ordered = parallel(
        committed,
        leaves(buyer.id),
        *[lambda session: purchased(session, buyer.id).order_id] * 4,
    )
    assert outcome == Outcome.DELETED
    assert {type(answer) for answer in ordered} <= {str, AccountInactive}
    with committed() as session:
        assert set(session.scalars(select(Purchase.status))) <= {"failed"}


@pytest.mark.parametrize("round_number", range(5))
def test_nobody_orders_and_leaves_at_once(committed, storage, round_number):
    with committed.begin() as session:
        style = making.style(session, storage)
        buyer = making.user(session)
    outcome, *ordered = parallel(committed, leaves(buyer.id), *[orders(buyer.id, style.id)] * 3)
    with committed() as session:
        unfinished = count(session, Generation)
        is_gone = session.get(User, buyer.id).deleted_at is not None
    if is_gone:
        assert outcome == Outcome.DELETED
        assert unfinished == 0
        assert {type(answer) for answer in ordered} == {AccountInactive}
    else:
        assert isinstance(outcome, GenerationStillProcessing)
        assert unfinished == 3


def test_friends_who_leave_together_wait_for_nobody(committed):
    with committed.begin() as session:
        friends = [making.user(session) for _ in range(4)]
        for follower in friends:
            for followed in friends:
                if follower is not followed:
                    follow(session, follower, followed)
    answers = parallel(committed, *(leaves(friend.id) for friend in friends))
    assert answers == [Outcome.DELETED] * 4
    with committed() as session:
        assert count(session, Follow) == 0
        assert counters_are_exact(session)


def test_likes_of_others_that_come_while_their_owner_leaves_are_counted(committed, storage):
    with committed.begin() as session:
        style = making.style(session, storage)
        owner, *admirers = (making.user(session) for _ in range(7))
        image = delivered(session, owner, style)

    def likes_it(person_id):
        return lambda session: like(session, session.get(User, person_id), image)

    outcome, *answers = parallel(
        committed, leaves(owner.id), *(likes_it(each.id) for each in admirers)
    )
    assert outcome == Outcome.DELETED
    assert {type(answer) for answer in answers} <= {type(None), GenerationNotFound}
    with committed() as session:
        assert counters_are_exact(session)


def test_who_has_left_makes_likes_and_shows_nothing(session, storage, other, style):
    image = delivered(session, other, style)
    owner = making.artist(session, storage)
    person = session.get(User, owner.user_id)
    draft = making.style(session, of=owner, training_status="failed")
    session.execute(update(User).where(User.id == person.id).values(is_active=False))
    with pytest.raises(AccountInactive):
        like(session, person, image)
    own = delivered(session, other, style)
    session.execute(update(Generation).where(Generation.id == own.id).values(user_id=person.id))
    with pytest.raises(AccountInactive):
        generations.edit(session, user_id=person.id, generation_id=own.id, is_public=True)
    with pytest.raises(AccountInactive):
        styles.retrain(
            session,
            storage,
            artist_id=person.id,
            style_id=draft.id,
            remove_artwork_ids=[],
            stored=[],
            files=[],
            request_id="r",
        )
