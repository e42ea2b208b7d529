"""What a file says of itself is read by a process that decodes no pixel and can open nothing."""

from pathlib import Path

import pytest

from tests import delivering, images, making, signing
from webapp import examiner
from webapp.domain.gateways.examiner import Comparison, CredentialsState, FileClaims
from webapp.domain.image_processes import DecoderUnavailable
from webapp.domain.images import BadImage, inspect
from webapp.domain.services.verifications import VERIFIED_IMAGE
from webapp.examiner import EngineExaminer

KEYS = {1: b"a key of the tests, long enough"}
ABSENT = FileClaims(CredentialsState.ABSENT)


@pytest.fixture(scope="module")
def engine():
    roots = signing.development()["CONTENT_CREDENTIALS_ROOTS"]
    return EngineExaminer(lambda: KEYS, Path(roots))


def claims(engine, upload):
    return engine.claims(upload, inspect(upload, VERIFIED_IMAGE), person_id=1)


def test_a_file_without_signs_of_claims_starts_no_process(engine, monkeypatch):
    monkeypatch.setattr(examiner, "CLAIMS_READER", "no.such.module")
    assert claims(engine, images.png()) == ABSENT
    with pytest.raises(DecoderUnavailable):
        claims(engine, images.png() + b"jumdc2pa")


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_our_metadata_are_read_from_every_format(engine, file_format):
    upload = delivering.with_xmp(delivering.picture(), "lic_1", file_format)
    assert claims(engine, upload) == FileClaims(CredentialsState.ABSENT, xmp_id="lic_1")


@pytest.mark.parametrize("public_id", ["", "lic\x7f", "x" * 41])
def test_an_id_that_no_certificate_can_have_is_none(engine, public_id):
    assert claims(engine, delivering.with_xmp(delivering.picture(), public_id)) == ABSENT


def test_a_manifest_that_its_reader_cannot_take_is_told_apart_from_a_bad_picture(
    engine, monkeypatch
):
    """The service takes it for invalid credentials."""
    for name in ("READER_BYTES", "FILE_COPIES", "ADDRESS_SPACE_BYTES"):
        monkeypatch.setattr(examiner, name, 0)
    with pytest.raises(BadImage):
        claims(engine, images.png() + b"jumdc2pa")


def test_a_picture_is_compared_with_a_delivered_file(engine):
    shown = engine.shown(images.encoded(delivering.picture(seed=1)))
    assert shown.compare(images.encoded(delivering.picture(seed=1), "WEBP")) is Comparison.SAME
    assert shown.compare(images.encoded(delivering.picture(seed=2))) is Comparison.OTHER
    assert shown.compare(making.signature_png()) is not Comparison.SAME
