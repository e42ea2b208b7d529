import hashlib
import io
import json

import c2pa
import numpy as np
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from PIL import Image
from sqlalchemy import select, update

from gpu.signature import watermark
from gpu.signature.credentials import Credentials, State, read
from gpu.signature.embed import read_provenance
from tasks.on_cpu import stamp_signature as module
from tasks.on_cpu.deliver_generation import deliver_generation
from tasks.on_cpu.stamp_signature import stamp_signature
from tests import making, signing
from webapp.domain import due_jobs, jobs
from webapp.domain.chain_issuing import issue_chain
from webapp.domain.gateways.storage import StorageUnavailable
from webapp.domain.image_decoding import perceptual_hash
from webapp.domain.models.account import Artist
from webapp.domain.models.generation import AspectRatio, Generation
from webapp.domain.models.job import Job, JobState
from webapp.domain.models.license import Certificate
from webapp.domain.models.notification import Notification
from webapp.domain.models.style import LicenseType, Style
from webapp.domain.prices import Prices
from webapp.domain.services import ledger, ledger_check, watermarks
from webapp.domain.settings import settings


@pytest.fixture
def rendered(committed, storage):
    """An image whose raw pixels lie in storage; returns (generation id, job id, raw key)."""

    def make(ratio="1:1"):
        with committed.begin() as session:
            image = making.generation(session, storage, aspect_ratio=AspectRatio(ratio))
            job = making.hand_on_to_stamping(session, storage, image)
            return image.id, job.id, job.handover["raw_key"]

    return make


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def marked_image(raw, image):
    picture = Image.open(io.BytesIO(raw)).convert("RGB")
    key = watermarks.keys()[image.watermark_key_number]
    return watermark.embed(picture, image.watermark_number, key)


def standing(committed, image_id, job_id):
    with committed() as session:
        return session.get(Generation, image_id), session.get(Job, job_id)


@pytest.mark.parametrize("ratio", ["1:1", "1:2"])
def test_a_stamped_image_differs_from_the_marked_one_only_where_it_is_signed(
    committed, storage, rendered, ratio
):
    image_id, job_id, raw_key = rendered(ratio)
    image, _ = standing(committed, image_id, job_id)
    marked = np.asarray(marked_image(storage.get(raw_key), image)).astype(int)

    stamp_signature(job_id=job_id)

    image, job = standing(committed, image_id, job_id)
    assert (job.step, job.state) == ("deliver_generation", JobState.QUEUED)
    signed = storage.get(job.handover["image"]["image_key"])
    changed = np.argwhere((marked != pixels(signed)).any(axis=2))
    (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
    assert len(changed) > 300
    assert left > image.width // 2  # the lower right corner, a quarter of the width
    assert top > image.height * 3 // 4
    assert right < image.width - 9
    assert bottom < image.height - 9
    assert right - left <= image.width * 0.26
    assert storage.head(raw_key) is None  # the unsigned image is thrown away


def test_the_file_says_who_made_it_and_under_which_licence(committed, storage, rendered):
    image_id, job_id, _ = rendered()
    stamp_signature(job_id=job_id)

    image, job = standing(committed, image_id, job_id)
    stamped = job.handover["image"]
    data = storage.get(stamped["image_key"])
    provenance = read_provenance(data)
    assert provenance.generation_id == image_id
    assert provenance.licence_id == image.license_public_id
    assert provenance.certificate_url.endswith(f"/l/{image.license_public_id}")
    assert provenance.licensor_url.endswith(f"/styles/{image.style_id}")
    assert provenance.credit == f"{provenance.creator} / Style License"
    assert stamped["image_sha256"] == hashlib.sha256(data).hexdigest()
    assert stamped["image_size"] == len(data)
    assert stamped["perceptual_hash"] == perceptual_hash(Image.open(io.BytesIO(data)))
    for kind in ("preview", "thumbnail"):
        small_file = storage.get(stamped[f"{kind}_key"])
        assert stamped[f"{kind}_sha256"] == hashlib.sha256(small_file).hexdigest()
    for kind, side in (("preview_key", 512), ("thumbnail_key", 256)):
        small = Image.open(io.BytesIO(storage.get(stamped[kind])))
        assert (max(small.size), small.format) == (side, "WEBP")


def test_image_and_preview_carry_the_number_of_their_order(committed, storage, rendered):
    image_id, job_id, _ = rendered()
    stamp_signature(job_id=job_id)

    image, job = standing(committed, image_id, job_id)
    for kind in ("image_key", "preview_key"):
        file = Image.open(io.BytesIO(storage.get(job.handover["image"][kind])))
        mark = watermark.detect(file.convert("RGB"), watermarks.keys(), deep=False)
        assert mark is not None, kind
        assert (mark.number, mark.key_number) == (image.watermark_number, 1)


def test_an_order_of_before_a_rotation_is_marked_with_its_key(
    committed, storage, rendered, monkeypatch
):
    image_id, job_id, _ = rendered()
    both = {1: settings().watermark_keys[1], 2: "the second key, drawn at the rotation"}
    monkeypatch.setenv("WATERMARK_KEYS", json.dumps(both))
    settings.cache_clear()
    later_id, later_job_id, _ = rendered()
    numbers = {}
    for each, job_of_each in ((image_id, job_id), (later_id, later_job_id)):
        stamp_signature(job_id=job_of_each)
        image, job = standing(committed, each, job_of_each)
        file = Image.open(io.BytesIO(storage.get(job.handover["image"]["image_key"])))
        mark = watermark.detect(file.convert("RGB"), watermarks.keys(), deep=False)
        assert mark.number == image.watermark_number
        numbers[each] = mark.key_number
    assert numbers == {image_id: 1, later_id: 2}
    monkeypatch.undo()
    settings.cache_clear()


def test_an_image_ordered_before_there_were_watermarks_is_marked_too(committed, storage, rendered):
    image_id, job_id, _ = rendered()
    with committed.begin() as session:
        columns = {"watermark_number": None, "watermark_key_number": None}
        session.execute(update(Generation).values(columns))
    stamp_signature(job_id=job_id)

    image, job = standing(committed, image_id, job_id)
    file = Image.open(io.BytesIO(storage.get(job.handover["image"]["image_key"])))
    mark = watermark.detect(file.convert("RGB"), watermarks.keys(), deep=False)
    assert mark.number == image.watermark_number


@pytest.mark.parametrize("ratio", AspectRatio)
def test_every_offered_image_is_large_enough_for_a_mark(ratio):
    assert min(ratio.size) >= watermark.MIN_SIDE
    assert max(ratio.size) <= watermark.MAX_RATIO * min(ratio.size)


def test_a_stamping_that_is_repeated_writes_the_same_number_and_pixels(
    committed, storage, rendered, monkeypatch
):
    image_id, job_id, _ = rendered()
    stored = []
    put = module._store

    def store(work, signed, *more):
        stored.append((work.watermark, signed.tobytes(), put(work, signed, *more)))
        return stored[-1][2]

    def die(*_args):
        raise StorageUnavailable

    monkeypatch.setattr(module, "_store", store)
    monkeypatch.setattr(module, "failpoint", die)
    stamp_signature(job_id=job_id)  # a process that died here has recorded nothing
    monkeypatch.setattr(module, "failpoint", lambda _name: None)
    with committed.begin() as session:
        session.execute(update(Job).values(run_at=jobs.NOW))
    stamp_signature(job_id=job_id)

    (first_mark, first, _), (mark, second, image) = stored
    assert (first_mark, first) == (mark, second)
    assert standing(committed, image_id, job_id)[0].watermark_number == mark.number
    keys = list(storage.list("images/"))
    assert len(keys) == 2
    assert image.image_key in {each.key for each in keys}


def test_without_the_key_of_its_number_an_image_is_tried_again_and_not_marked_with_another(
    committed, storage, rendered, monkeypatch
):
    image_id, job_id, _ = rendered()
    monkeypatch.setenv("WATERMARK_KEYS", json.dumps({2: "x" * 32}))
    settings.cache_clear()
    stamp_signature(job_id=job_id)
    monkeypatch.undo()
    settings.cache_clear()

    image, job = standing(committed, image_id, job_id)
    assert (image.status, job.failure_cause) == ("retrying", "SIGNATURE_FAILED")
    assert list(storage.list("images/")) == []


def credentials_of(data, media_type):
    return read(data, media_type, settings().content_credentials_roots.read_bytes())


def test_image_and_preview_have_content_credentials_of_their_certificate(
    committed, storage, rendered
):
    image_id, job_id, _ = rendered()
    stamp_signature(job_id=job_id)

    image, job = standing(committed, image_id, job_id)
    stamped = job.handover["image"]
    trusted = Credentials(State.TRUSTED, image.license_public_id)
    assert credentials_of(storage.get(stamped["image_key"]), "image/png") == trusted
    assert credentials_of(storage.get(stamped["preview_key"]), "image/webp") == trusted
    small = storage.get(stamped["thumbnail_key"])
    assert credentials_of(small, "image/webp").state is State.ABSENT  # they would double its size
    assert read_provenance(small).licence_id == image.license_public_id


def test_after_a_kill_between_store_and_commit_the_registered_file_is_the_stored_one(
    committed, storage, rendered, monkeypatch
):
    image_id, job_id, _ = rendered()

    def die(name):
        raise SystemExit(name)

    monkeypatch.setattr(module, "failpoint", die)
    with pytest.raises(SystemExit, match="after_put"):
        stamp_signature(job_id=job_id)
    monkeypatch.undo()
    [orphan] = storage.list("images/")
    with committed.begin() as session:
        session.execute(update(Job).values(lease_until=jobs.NOW))
    with committed.begin() as session:
        assert due_jobs.requeue_expired(session) == 1
    for task in (stamp_signature, deliver_generation):
        task(job_id=job_id)

    image, _ = standing(committed, image_id, job_id)
    data = storage.get(image.image_key)
    assert image.image_key != orphan.key
    assert hashlib.sha256(storage.get(orphan.key)).hexdigest() != image.image_sha256
    assert hashlib.sha256(data).hexdigest() == image.image_sha256
    with committed() as session:
        certificate = session.scalars(select(Certificate)).one()
    assert certificate.image_sha256 == image.image_sha256
    assert credentials_of(data, "image/png") == Credentials(State.TRUSTED, certificate.public_id)


@pytest.mark.parametrize("case", ["without key", "expired"])
def test_without_a_usable_certificate_orders_wait_and_use_up_no_attempt(
    committed, rendered, monkeypatch, tmp_path, case
):
    image_id, job_id, _ = rendered()
    before = standing(committed, image_id, job_id)[1]
    if case == "expired":
        issue_chain(tmp_path, signing_days=0)
    variables = signing.environment(tmp_path) if case == "expired" else {}
    for name, value in ({"CONTENT_CREDENTIALS_KEY": ""} | variables).items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()

    stamp_signature(job_id=job_id)

    job = standing(committed, image_id, job_id)[1]
    assert (job.state, job.step, job.tries) == (JobState.QUEUED, "stamp_signature", 0)
    assert job.fence == before.fence


def test_a_file_that_cannot_be_signed_is_tried_again(committed, rendered, monkeypatch):
    image_id, job_id, _ = rendered()
    monkeypatch.setattr(module, "embed", lambda *_: b"no picture")
    stamp_signature(job_id=job_id)
    image, job = standing(committed, image_id, job_id)
    assert (image.status, job.failure_cause) == ("retrying", "SIGNATURE_FAILED")


def test_a_delivered_image_is_the_stamped_file_paid_and_certified(committed, storage, rendered):
    image_id, job_id, _ = rendered()
    stamp_signature(job_id=job_id)
    deliver_generation(job_id=job_id)

    with committed() as session:
        image = session.get(Generation, image_id)
        style = session.get(Style, image.style_id)
        assert image.status == "completed"
        data = storage.get(image.image_key)
        assert hashlib.sha256(data).hexdigest() == image.image_sha256
        assert ledger.balances(session, style.artist_id).earned == 10
        assert session.scalars(select(Certificate.image_sha256)).all() == [image.image_sha256]
        preview = storage.get(image.preview_key)
        assert hashlib.sha256(preview).hexdigest() == image.preview_sha256
    with committed() as session:
        assert ledger_check.check(session) == []


def test_every_message_twice_is_one_image_one_payment_one_notice(committed, storage, rendered):
    image_id, job_id, _ = rendered()
    for task in (stamp_signature, deliver_generation):
        task(job_id=job_id)
        task(job_id=job_id)
    stamp_signature(job_id=job_id)

    with committed() as session:
        image = session.get(Generation, image_id)
        assert ledger.balances(session, session.get(Style, image.style_id).artist_id).earned == 10
        assert session.scalars(select(Notification.type)).all() == ["generation_complete"]
    assert len(list(storage.list("images/"))) == 1


def test_without_its_signature_an_image_is_retried_then_refunded_and_never_delivered(
    committed, storage, rendered
):
    image_id, job_id, _ = rendered()
    with committed() as session:
        storage.delete(session.scalars(select(Artist.signature_key)).one())

    for attempt in range(1, 5):
        with committed.begin() as session:
            session.execute(update(Job).values(run_at=jobs.NOW))
        stamp_signature(job_id=job_id)
        deliver_generation(job_id=job_id)
        image, job = standing(committed, image_id, job_id)
        if attempt < 4:
            assert (image.status, job.tries) == ("retrying", attempt)
            assert job.failure_cause == "SIGNATURE_FAILED"

    assert (image.status, image.failure_cause) == ("failed", "SIGNATURE_FAILED")
    assert image.image_key is None
    assert list(storage.list("images/")) == []
    with committed() as session:
        assert ledger.balances(session, image.user_id).spendable == 100
        assert session.scalars(select(Notification.type)).all() == ["generation_failed"]
    with committed() as session:
        assert ledger_check.check(session) == []


@pytest.mark.parametrize(
    "spoil, cause",
    [
        (
            lambda storage, _raw, sig: storage.put(sig, b"x", content_type="image/png"),
            "SIGNATURE_FAILED",
        ),
        (lambda storage, raw, _sig: storage.put(raw, b"x", content_type="image/png"), "NETWORK"),
        (lambda storage, raw, _sig: storage.delete(raw), "NETWORK"),
    ],
)
def test_files_that_are_not_what_was_recorded_are_never_used(
    committed, storage, rendered, spoil, cause
):
    image_id, job_id, raw_key = rendered()
    with committed() as session:
        signature_key = session.scalars(select(Artist.signature_key)).one()
    spoil(storage, raw_key, signature_key)

    stamp_signature(job_id=job_id)

    image, job = standing(committed, image_id, job_id)
    assert (image.status, job.failure_cause) == ("retrying", cause)


def blank_png():
    stream = io.BytesIO()
    Image.new("RGBA", (300, 100)).save(stream, "PNG")
    return stream.getvalue()


def test_a_blank_signature_signs_nothing(committed, storage, rendered):
    image_id, job_id, _ = rendered()
    blank = blank_png()
    with committed.begin() as session:
        key = session.scalars(select(Artist.signature_key)).one()
        session.execute(update(Artist).values(signature_sha256=hashlib.sha256(blank).hexdigest()))
    storage.put(key, blank, content_type="image/png")
    stamp_signature(job_id=job_id)
    image, job = standing(committed, image_id, job_id)
    assert (image.status, job.failure_cause) == ("retrying", "SIGNATURE_FAILED")


def test_an_unknown_failure_ends_the_image_refunded_and_is_raised(committed, rendered, monkeypatch):
    image_id, job_id, _ = rendered()
    monkeypatch.setattr(module, "embed", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        stamp_signature(job_id=job_id)
    image, _ = standing(committed, image_id, job_id)
    assert (image.status, image.failure_cause) == ("failed", "INTERNAL_ERROR")
    assert image.failure_message == "An unexpected error occurred."
    with committed() as session:
        assert ledger.balances(session, image.user_id).spendable == 100


def test_a_stamper_that_lost_its_lease_deletes_nothing(committed, storage, rendered, monkeypatch):
    _, job_id, raw_key = rendered()
    record = module.stamping.record_stamped

    def lose_the_lease_first(session, lease, stamped):
        session.execute(update(Job).values(fence=Job.fence + 1, state="queued"))
        return record(session, lease, stamped)

    monkeypatch.setattr(module.stamping, "record_stamped", lose_the_lease_first)
    stamp_signature(job_id=job_id)
    assert storage.head(raw_key)
    monkeypatch.undo()
    with committed() as session:
        assert session.get(Job, job_id).step == "stamp_signature"


def test_a_step_that_takes_too_long_is_tried_again(committed, rendered, monkeypatch):
    image_id, job_id, _ = rendered()

    def endless(*_args):
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(module, "embed", endless)
    stamp_signature(job_id=job_id)
    image, job = standing(committed, image_id, job_id)
    assert (image.status, job.failure_cause, job.tries) == ("retrying", "TIMEOUT", 1)


def licence_claimed(data):
    """The licence in the Content Credentials of a file."""
    with c2pa.Reader("image/png", io.BytesIO(data)) as reader:
        assertions = reader.get_active_manifest()["assertions"]
    [claimed] = [each for each in assertions if each["label"] == "com.stylelicense.licence"]
    return claimed["data"]["license_type"]


@pytest.mark.parametrize("licence", ["personal", "commercial"])
def test_file_and_certificate_name_the_licence_of_the_order(committed, storage, licence):
    with committed.begin() as session:
        style = making.style(session, storage, **Prices(10, 25).columns())
        buyer = making.user(session)
        [image] = making.order(session, buyer, style, license_type=LicenseType(licence))
        job = making.hand_on_to_stamping(session, storage, image)
        style.license_type, style.commercial_price_tokens = LicenseType.COMMERCIAL, None
    stamp_signature(job_id=job.id)
    deliver_generation(job_id=job.id)

    with committed() as session:
        data = storage.get(session.get(Generation, image.id).image_key)
        certificate = session.scalars(select(Certificate)).one()
    assert certificate.license_type == licence
    provenance = read_provenance(data)
    assert provenance.usage_terms.startswith(f"{licence} licence")
    assert f"{licence} use" in provenance.rights
    assert licence_claimed(data) == licence
