from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests import making
from webapp.domain import market
from webapp.domain.models.generation import Generation
from webapp.domain.models.license import Certificate
from webapp.domain.models.style import Style
from webapp.domain.queries import registry
from webapp.domain.services import leaving

HASH = 0x0F1E_2D3C_4B5A_6978


@pytest.fixture
def style(session, storage):
    return making.style(session, storage)


@pytest.fixture
def buyer(session):
    return making.user(session)


@pytest.fixture
def deliver(session, storage, style, buyer):
    """Order and deliver a picture with this perceptual hash; returns its generation."""

    def make(perceptual_hash=HASH, *, is_public=False, of=None, **changes):
        [image] = making.order(session, of or buyer, style, **changes)
        making.finish(session, storage, image, is_public=is_public)
        change(session, image, perceptual_hash=f"{perceptual_hash % 2**64:016x}")
        return image

    return make


def change(session, image, **columns):
    of_image = update(Certificate).where(Certificate.generation_id == image.id)
    session.execute(of_image.values(**columns))


def ids(found):
    return [each.generation_id for each in found]


def flipped(number, *bits):
    for bit in bits:
        number ^= 1 << bit
    return number


def test_a_registered_picture_names_certificate_artist_style_and_file(session, style, deliver):
    image = deliver(is_public=True)
    [found] = registry.by_watermark(session, image.watermark_number)
    assert (found.generation_id, found.public_id) == (image.id, image.license_public_id)
    assert (found.artist.id, found.style.id) == (style.artist_id, style.id)
    assert (found.style.name, found.status, found.is_public) == (style.name, "valid", True)
    assert (found.image_key, found.image_sha256) == (image.image_key, image.image_sha256)
    assert found.watermark_number == image.watermark_number
    assert registry.by_public_id(session, image.license_public_id) == found
    assert found.issued_at == session.scalar(select(Certificate.issued_at))


def test_what_nobody_delivered_is_not_registered(session, buyer, style):
    [ordered] = making.order(session, buyer, style)
    assert registry.by_watermark(session, ordered.watermark_number) == []
    assert registry.by_public_id(session, ordered.license_public_id) is None
    assert registry.by_sha256(session, b"\0" * 32) == []
    assert registry.near(session, [0]) == []


@pytest.mark.parametrize("file", ["image", "preview", "thumbnail"])
def test_each_of_the_three_files_is_known_by_its_hash(session, deliver, file):
    deliver()
    image = deliver(seed=8)
    digest = bytes(range(32))
    of_image = update(Generation).where(Generation.id == image.id)
    session.execute(of_image.values({f"{file}_sha256": digest.hex()}))
    assert ids(registry.by_sha256(session, digest)) == [image.id]
    assert ids(registry.by_sha256(session, digest.hex().upper())) == [image.id]


def test_a_status_is_revoked_before_expired_with_the_date_of_each(session, deliver):
    image = deliver()
    yesterday = market.today() - timedelta(days=1)
    change(session, image, valid_to=yesterday)
    found = registry.by_public_id(session, image.license_public_id)
    assert (found.status, found.valid_to, found.revoked_at) == ("expired", yesterday, None)
    change(session, image, status="revoked", revoked_at=image.created_at)
    found = registry.by_public_id(session, image.license_public_id)
    assert (found.status, found.revoked_at) == ("revoked", image.created_at)


def test_a_flagged_picture_is_not_public(session, deliver):
    image = deliver(is_public=True)
    session.execute(update(Generation).values(is_flagged=True))
    assert not registry.by_public_id(session, image.license_public_id).is_public


def test_a_picture_of_a_deleted_account_is_registered_but_has_no_file(session, deliver, style):
    buyer = making.user(session)
    image = deliver(of=buyer)
    leaving.leave(session, user=buyer, confirm=buyer.username)
    found = registry.by_public_id(session, image.license_public_id)
    assert (found.image_key, found.preview_key, found.is_public) == (None, None, False)
    assert registry.near(session, [HASH]) == []
    assert registry.twins(session, found) == []


@pytest.mark.parametrize(
    "bits, is_near",
    [
        (range(0), True),
        (range(10), True),  # all in one chunk
        ([0, 1, 2, 16, 17, 18, 32, 33, 48, 49], True),  # three, three, two and two
        ([63, 62, 61, 47, 46, 45, 31, 30, 29, 0], True),
        (range(11), False),
        (range(0, 64, 5), False),
    ],
)
@pytest.mark.parametrize("stored", [HASH, 0, 2**64 - 1])
def test_hashes_are_near_up_to_ten_bits_wherever_they_differ(
    session, deliver, stored, bits, is_near
):
    image = deliver(stored)
    found = registry.near(session, [flipped(stored, *bits)])
    expected = [(image.id, len(list(bits)))] if is_near else []
    assert [(each.picture.generation_id, each.distance) for each in found] == expected


def test_the_nearest_come_first_over_all_orientations_and_none_twice(session, deliver):
    far, exact, near = (deliver(flipped(HASH, *bits)) for bits in ([0, 20, 40], [], [63]))
    others = [flipped(~HASH, bit) for bit in range(6)]
    found = registry.near(session, [*others, flipped(HASH, 63), HASH])
    by_distance = [(each.picture.generation_id, each.distance) for each in found]
    assert by_distance == [(exact.id, 0), (near.id, 0), (far.id, 3)]
    assert len(registry.near(session, [HASH], limit=2)) == 2


def test_hashes_may_be_signed_as_postgresql_stores_them(session, deliver):
    image = deliver(2**64 - 1)
    assert registry.near(session, [-1]) == registry.near(session, [2**64 - 1])
    assert ids(each.picture for each in registry.near(session, [-1])) == [image.id]


@pytest.mark.parametrize("count", [0, 9])
def test_more_hashes_than_a_picture_has_orientations_are_refused(session, count):
    with pytest.raises(ValueError, match="1 to 8 hashes"):
        registry.near(session, [HASH] * count)


def test_twins_are_named_whoever_ordered_them(session, deliver):
    first, second, third = (
        deliver(),
        deliver(flipped(HASH, 5), of=making.user(session)),
        deliver(),
    )
    deliver(seed=8)
    deliver(style_strength=0.5)
    deliver(prompt_tags=["boat"])
    found = registry.by_public_id(session, second.license_public_id)
    assert ids(registry.twins(session, found)) == [first.id, third.id]


def test_twins_have_the_same_adapter(session, deliver, style):
    first = deliver()
    session.execute(update(Style).values(adapter_sha256="f" * 64))
    session.expire_all()
    deliver()
    found = registry.by_public_id(session, first.license_public_id)
    assert registry.twins(session, found) == []
