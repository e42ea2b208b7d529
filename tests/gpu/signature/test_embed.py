import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import ExifTags, Image

from gpu.signature.embed import (
    SOURCE_TYPE,
    THUMBNAIL_SIDES,
    Format,
    Provenance,
    embed,
    read_provenance,
    thumbnail,
)

SAMPLE = Provenance(
    creator="Mira Ång <ink & sea>",
    rights='© 2026 Mira Ång. Licensed, not sold. "All rights reserved"',
    usage_terms="Personal use. See the certificate. 개인 용도",
    description="Image made in the style Ink Harbor",
    credit="Mira Ång <ink & sea> / Style License",
    licensor_url="https://style.example/styles/10?a=1&b=2",
    certificate_url="https://style.example/certificates/c_01HZX?a=1&b=2",
    artist_id=7,
    style_id=10,
    generation_id=501,
    licence_id="c_01HZX",
    created=datetime(2026, 1, 15, 12, 0, 5, tzinfo=UTC),
)


def picture(side=64):
    levels = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(levels)


def reopened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("file_format", Format)
def test_every_format_stores_all_metadata(file_format):
    data = embed(picture(), SAMPLE, file_format)
    assert reopened(data).format == file_format
    assert read_provenance(data) == SAMPLE


def test_png_pixels_equal_the_signed_ones():
    image = picture()
    assert reopened(embed(image, SAMPLE)).tobytes() == image.tobytes()


@pytest.mark.parametrize("file_format", Format)
def test_the_digital_source_type_is_a_trained_algorithm(file_format):
    packet = reopened(embed(picture(), SAMPLE, file_format)).info["xmp"]
    assert SOURCE_TYPE.encode() in packet
    assert packet.startswith(b"<?xpacket begin=")
    assert packet.endswith(b'<?xpacket end="w"?>')


def test_pillow_reads_the_standard_properties():
    xmp = reopened(embed(picture(), SAMPLE)).getxmp()["xmpmeta"]["RDF"]["Description"]
    assert xmp["creator"]["Seq"]["li"] == SAMPLE.creator
    assert xmp["rights"]["Alt"]["li"]["text"] == SAMPLE.rights
    assert xmp["UsageTerms"]["Alt"]["li"]["text"] == SAMPLE.usage_terms
    assert xmp["WebStatement"] == SAMPLE.certificate_url
    assert xmp["DigitalSourceType"] == SOURCE_TYPE
    assert xmp["Credit"] == SAMPLE.credit


@pytest.mark.parametrize("file_format", Format)
def test_image_search_finds_what_makes_a_picture_licensable(file_format):
    packet = reopened(embed(picture(), SAMPLE, file_format)).info["xmp"]
    description = ET.fromstring(packet).find(".//{*}Description")  # noqa: S314 - our own
    assert description.findtext("{http://ns.adobe.com/xap/1.0/rights/}WebStatement")
    plus = "{http://ns.useplus.org/ldf/xmp/1.0/}"
    [licensor] = description.findall(f"{plus}Licensor/{{*}}Seq/{{*}}li/{plus}LicensorURL")
    assert licensor.text == SAMPLE.licensor_url


def test_files_from_before_the_licensor_are_read():
    earlier = replace(SAMPLE, credit=None, licensor_url=None)
    assert read_provenance(embed(picture(), earlier)) == earlier


def test_png_has_texts_for_author_copyright_and_description():
    texts = reopened(embed(picture(), SAMPLE)).text
    assert texts["Author"] == SAMPLE.creator
    assert texts["Copyright"] == SAMPLE.rights
    assert texts["Description"] == SAMPLE.description


@pytest.mark.parametrize("file_format", [Format.JPEG, Format.WEBP])
def test_jpeg_and_webp_have_the_same_in_exif(file_format):
    data = embed(picture(), replace(SAMPLE, creator="Mira"), file_format)
    exif = reopened(data).getexif()
    assert exif[ExifTags.Base.Artist] == "Mira"
    assert exif[ExifTags.Base.ImageDescription] == SAMPLE.description
    assert SAMPLE.rights.encode() in data


@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=60))
def test_no_text_breaks_the_packet_or_changes_another_field(text):
    provenance = read_provenance(embed(picture(8), replace(SAMPLE, creator=text, rights=text)))
    assert provenance is not None
    assert replace(provenance, creator="", rights="") == replace(SAMPLE, creator="", rights="")
    assert provenance.creator == provenance.rights
    if text.isprintable():
        assert provenance.creator == text


def test_the_time_is_stored_in_utc():
    seoul = datetime(2026, 1, 15, 21, 0, 5, tzinfo=timezone(timedelta(hours=9)))
    provenance = read_provenance(embed(picture(), replace(SAMPLE, created=seoul)))
    assert provenance == SAMPLE


def test_a_time_without_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        embed(picture(), replace(SAMPLE, created=datetime(2026, 1, 15)))  # noqa: DTZ001


def test_texts_too_long_for_a_segment_are_refused():
    with pytest.raises(ValueError, match="metadata"):
        embed(picture(), replace(SAMPLE, description="x" * 70_000))


def test_metadata_of_the_image_are_not_copied():
    image = picture()
    image.info = {"comment": b"secret", "exif": b"Exif\x00\x00secret", "icc_profile": b"secret"}
    for file_format in Format:
        assert b"secret" not in embed(image, SAMPLE, file_format)


def plain_png(**options):
    stream = io.BytesIO()
    picture().save(stream, "PNG", **options)
    return stream.getvalue()


def test_a_file_without_our_metadata_has_no_provenance():
    assert read_provenance(plain_png()) is None


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"<html>", b"GIF89a" + bytes(40)])
def test_invalid_files_have_no_provenance(data):
    assert read_provenance(data) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda packet: packet.replace(b"<sl:style_id>10<", b"<sl:style_id>ten<"),
        lambda packet: packet.replace(b"sl:generation_id", b"sl:other"),
        lambda packet: packet[: len(packet) // 2],
        lambda packet: packet.replace(b"2026-01-15", b"yesterday"),
        lambda packet: b'<!DOCTYPE a [<!ENTITY b "c">]>' + packet,
        lambda packet: packet + b" " * 100_000,
        lambda packet: b"\xff\xfe" + packet,
    ],
)
def test_a_damaged_or_hostile_packet_has_no_provenance(change):
    packet = reopened(embed(picture(), SAMPLE)).info["xmp"]
    stream = io.BytesIO()
    picture().save(stream, "WEBP", xmp=change(packet))
    assert read_provenance(stream.getvalue()) is None


def test_a_truncated_file_with_a_whole_packet_is_read():
    data = embed(picture(256), SAMPLE)
    assert read_provenance(data[: len(data) // 2]) == SAMPLE


@pytest.mark.parametrize("side", THUMBNAIL_SIDES)
@pytest.mark.parametrize("size", [(1024, 1024), (512, 1024), (1024, 512)])
def test_thumbnails_have_the_aspect_ratio_and_the_longest_side(side, size):
    small = reopened(thumbnail(Image.new("RGB", size, "navy"), side))
    assert small.format == "WEBP"
    assert max(small.size) == side
    assert small.width * size[1] == small.height * size[0]


def test_a_thumbnail_is_never_larger_than_its_image():
    assert reopened(thumbnail(Image.new("RGB", (200, 100)), 768)).size == (200, 100)


def test_a_thumbnail_can_have_provenance():
    assert read_provenance(thumbnail(picture(300), 256, SAMPLE)) == SAMPLE
