import hashlib
import io
import random
import zlib
from dataclasses import replace
from datetime import UTC, datetime

import c2pa
import numpy as np
import pytest
from PIL import Image

from gpu.signature.credentials import (
    MAX_ADDED_BYTES,
    MEDIA_TYPES,
    SOURCE_TYPE,
    Claim,
    Credentials,
    Signer,
    SigningRefused,
    State,
    WatermarkBinding,
    read,
    sign,
)
from gpu.signature.embed import Format, embed, read_provenance
from tests.gpu.signature.test_embed import SAMPLE
from webapp.domain.chain_issuing import CHAIN, KEY, ROOTS, issue_chain

CLAIM = Claim(
    public_id="L_7Kq2nW8xYzAbCdEf",
    certificate_url="https://style.example/l/L_7Kq2nW8xYzAbCdEf",
    license_type="commercial",
    artist="Mira Ång <ink & sea>",
    style="잉크 하버 " * 10,
    base_model="built-in",
    created=datetime(2026, 1, 15, 12, 0, 5, tzinfo=UTC),
    watermark=WatermarkBinding(number=2**63 + 5, key_number=3),
)
TRUSTED = Credentials(State.TRUSTED, CLAIM.public_id)


class Chain:
    """A chain made for these tests."""

    def __init__(self, folder, **days):
        issue_chain(folder, organisation="The tests", **days)
        self.folder = folder
        self.signer = Signer((folder / CHAIN).read_bytes(), (folder / KEY).read_bytes())
        self.roots = (folder / ROOTS).read_bytes()


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    return Chain(tmp_path_factory.mktemp("chain"))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    return Chain(tmp_path_factory.mktemp("foreign"))


@pytest.fixture(scope="module")
def file():
    return embed(picture(), SAMPLE)


@pytest.fixture(scope="module")
def signed(file, chain):
    return sign(file, "image/png", CLAIM, chain.signer)


def picture(side=128):
    levels = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(levels)


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def manifest(data):
    """The active manifest, as another program reads it."""
    with c2pa.Reader("image/png", io.BytesIO(data)) as reader:
        return reader.get_active_manifest()


def assertion(manifest, label):
    return next(each["data"] for each in manifest["assertions"] if each["label"] == label)


@pytest.mark.parametrize("file_format", Format)
def test_a_signed_file_is_trusted_with_our_root_and_keeps_pixels_and_metadata(chain, file_format):
    media_type = f"image/{file_format.lower()}"
    file = embed(picture(), SAMPLE, file_format)
    signed = sign(file, media_type, CLAIM, chain.signer)

    assert read(signed, media_type, chain.roots) == TRUSTED
    assert opened(signed).tobytes() == opened(file).tobytes()
    assert read_provenance(signed) == SAMPLE
    assert len(signed) - len(file) <= MAX_ADDED_BYTES


def test_every_media_type_is_one_of_the_formats_that_we_deliver():
    assert {f"image/{each.lower()}" for each in Format} == MEDIA_TYPES


def test_the_manifest_says_who_made_the_picture_how_and_under_which_certificate(signed):
    found = manifest(signed)
    created, marked, edited = assertion(found, "c2pa.actions.v2")["actions"]
    assert created["action"] == "c2pa.created"
    assert created["digitalSourceType"] == SOURCE_TYPE
    assert created["when"] == "2026-01-15T12:00:05Z"
    assert created["parameters"]["com.stylelicense.style"] == CLAIM.style
    assert created["parameters"]["com.stylelicense.base_model"] == "built-in"
    assert marked["action"] == "c2pa.watermarked.bound"
    assert edited["action"] == "c2pa.edited"
    assert assertion(found, "com.stylelicense.licence") == {
        "certificate": CLAIM.certificate_url,
        "public_id": CLAIM.public_id,
        "license_type": "commercial",
    }


def test_the_soft_binding_names_algorithm_key_and_number_of_the_watermark(signed):
    binding = assertion(manifest(signed), "c2pa.soft-binding")
    assert binding["alg"] == "com.stylelicense.watermark.1"
    assert binding["blocks"][0]["value"] == "3:8000000000000005"


def test_training_on_the_picture_is_forbidden_as_in_the_licences(signed):
    entries = assertion(manifest(signed), "cawg.training-mining")["entries"]
    assert {entry["use"] for entry in entries.values()} == {"notAllowed"}


def test_one_flipped_bit_of_the_picture_makes_the_credentials_invalid(signed, chain):
    changed = flipped(signed, signed.rindex(b"IDAT") + 40)
    found = read(changed, "image/png", chain.roots)
    assert found.state is State.INVALID
    assert found.reasons == ("assertion.dataHash.mismatch",)
    assert found.public_id == CLAIM.public_id  # the signature covers it, so it is a hint


def test_a_changed_certificate_id_is_never_read(signed, chain):
    forged = signed.replace(CLAIM.public_id.encode(), b"L_" + b"A" * 16)
    assert forged != signed
    found = read(forged, "image/png", chain.roots)
    assert (found.state, found.public_id) == (State.INVALID, None)


def test_a_manifest_copied_onto_another_picture_is_invalid(signed, file, chain):
    other = embed(picture().transpose(Image.Transpose.ROTATE_90), SAMPLE)
    head = 33  # the signature of PNG and its first chunk
    copied = other[:head] + manifest_chunk(signed) + other[head:]
    assert read(copied, "image/png", chain.roots).state is State.INVALID


def test_the_chain_of_a_foreign_root_is_untrusted_and_names_no_certificate(file, chain, foreign):
    forged = sign(file, "image/png", CLAIM, foreign.signer)
    assert read(forged, "image/png", chain.roots) == Credentials(
        State.UNTRUSTED, reasons=("signingCredential.untrusted",)
    )


def test_files_of_several_roots_and_leaves_are_trusted_during_a_rotation(
    file, signed, tmp_path, foreign
):
    rotated = Chain(tmp_path)
    first = sign(file, "image/png", CLAIM, rotated.signer)
    renewed = Chain(tmp_path)
    assert renewed.signer.chain != rotated.signer.chain
    second = sign(file, "image/png", CLAIM, renewed.signer)
    third = sign(file, "image/png", CLAIM, foreign.signer)
    for each in (first, second, third):
        assert read(each, "image/png", renewed.roots + foreign.roots) == TRUSTED


def test_saving_again_removes_the_credentials(signed, chain):
    stream = io.BytesIO()
    opened(signed).save(stream, "PNG")
    assert read(stream.getvalue(), "image/png", chain.roots) == Credentials(State.ABSENT)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"<html>", b"GIF89a" + bytes(40)])
def test_a_file_without_manifest_has_no_credentials(data, chain):
    assert read(data, "image/png", chain.roots) == Credentials(State.ABSENT)


def test_a_remote_manifest_is_not_fetched(chain):
    stream = io.BytesIO()
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
        ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:dcterms="http://purl.org/dc/terms/"'
        ' dcterms:provenance="http://127.0.0.1:1/m.c2pa"/></rdf:RDF></x:xmpmeta>'
    )
    picture().save(stream, "WEBP", xmp=packet.encode() + b"jumdc2pa")
    assert read(stream.getvalue(), "image/webp", chain.roots).state is State.INVALID


def test_damaged_manifests_are_never_accepted_and_raise_nothing(signed, chain):
    rng = random.Random(7)
    start = signed.index(b"caBX") - 4
    end = start + len(manifest_chunk(signed))
    states = set()
    for _ in range(200):
        data = bytearray(signed)
        for _ in range(rng.choice((1, 4, 64))):
            data[rng.randrange(start, end)] = rng.randrange(256)
        states.add(harmless(bytes(data), signed, chain))
    assert State.INVALID in states


def test_truncated_files_are_never_accepted_and_raise_nothing(signed, chain):
    for size in range(60, len(signed) - 1, len(signed) // 60):
        assert read(signed[:size], "image/png", chain.roots).state in {State.INVALID, State.ABSENT}


def harmless(data, original, chain):
    """The state of a damaged file; a trusted one may differ only in bytes that mean nothing."""
    found = read(data, "image/png", chain.roots)
    if found.state is State.TRUSTED:
        assert found == TRUSTED
        assert manifest(data)["assertions"] == manifest(original)["assertions"]
        outside = data.replace(manifest_chunk(data), b"")
        assert outside == original.replace(manifest_chunk(original), b"")
    else:
        assert found.public_id in {None, CLAIM.public_id}
    return found.state


def box(content):
    return (len(content) + 4).to_bytes(4) + content


def nested_boxes(store):
    description = store[8 : 8 + int.from_bytes(store[8:12])]
    nested = b""
    for _ in range(2_000):
        nested = box(b"jumb" + description + nested)
    return nested


def many_manifests(store):
    description, rest = store[8 : 8 + int.from_bytes(store[8:12])], store[8:]
    child = rest[len(description) :]
    return box(b"jumb" + description + child * 200)


@pytest.mark.parametrize("make", [nested_boxes, many_manifests, lambda store: store + bytes(10**6)])
def test_hostile_manifests_are_never_accepted_and_raise_nothing(signed, chain, make):
    chunk = manifest_chunk(signed)
    store = make(chunk[8:-4])
    hostile = len(store).to_bytes(4) + b"caBX" + store
    data = signed.replace(chunk, hostile + zlib.crc32(hostile[4:]).to_bytes(4))
    assert read(data, "image/png", chain.roots).state is State.INVALID


def test_many_manifests_in_one_file_are_never_accepted_and_raise_nothing(signed, chain):
    chunk = manifest_chunk(signed)
    data = signed.replace(chunk, chunk * 1_000)
    assert read(data, "image/png", chain.roots).state is State.INVALID


def manifest_chunk(data):
    start = data.index(b"caBX") - 4
    return data[start : start + 12 + int.from_bytes(data[start : start + 4])]


def flipped(data, position):
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)


def test_an_expired_leaf_signs_nothing(file, tmp_path):
    expired = Chain(tmp_path, leaf_days=-1 / 24 / 60)
    with pytest.raises(SigningRefused, match="not valid at time of signing"):
        sign(file, "image/png", CLAIM, expired.signer)


def test_a_key_of_another_leaf_signs_nothing(file, chain, foreign):
    mixed = Signer(chain.signer.chain, foreign.signer.key)
    with pytest.raises(SigningRefused):
        sign(file, "image/png", CLAIM, mixed)


def test_a_damaged_file_is_not_signed(chain):
    with pytest.raises(SigningRefused):
        sign(b"\x89PNG\r\n\x1a\n", "image/png", CLAIM, chain.signer)


def test_two_signatures_of_one_file_differ(file, signed, chain):
    again = sign(file, "image/png", CLAIM, chain.signer)
    assert hashlib.sha256(again).digest() != hashlib.sha256(signed).digest()


@pytest.mark.parametrize("roots", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nxx\n"])
def test_roots_that_are_no_certificates_are_an_error_of_the_caller(signed, roots):
    with pytest.raises(ValueError, match=r"certificate|PEM"):
        read(signed, "image/png", roots)


def test_other_media_types_are_refused(signed, chain):
    with pytest.raises(ValueError, match="image/svg"):
        read(signed, "image/svg+xml", chain.roots)


def test_a_time_without_zone_is_refused(file, chain):
    claim = replace(CLAIM, created=datetime(2026, 1, 15))  # noqa: DTZ001
    with pytest.raises(ValueError, match="time zone"):
        sign(file, "image/png", claim, chain.signer)


def test_the_key_is_not_in_the_text_of_a_signer(chain):
    assert "PRIVATE" not in repr(chain.signer)
