"""Write rights and provenance into the metadata of a signed image: XMP, and EXIF or PNG texts.

XMP is the packet of ISO 16684-1 with Dublin Core, XMP Rights Management, Photoshop, PLUS and IPTC
Extension properties, and our own namespace for ids. It is stored as iTXt `XML:com.adobe.xmp` in
PNG, APP1 in JPEG, and the XMP chunk in WebP. Image search shows a picture as licensable by its web
statement of rights and the URL of its licensor (IPTC Photo Metadata 2023.2).
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar
from xml.etree import ElementTree as ET

from PIL import ExifTags, Image, PngImagePlugin

THUMBNAIL_SIDES = (256, 768)
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
MAX_PACKET = 60_000  # a JPEG APP1 segment has room for 65,502 bytes of XMP

NAMESPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "sl": "urn:style-license:xmp:1.0:",
}
for _prefix, _uri in NAMESPACES.items():
    ET.register_namespace(_prefix, _uri)

T = TypeVar("T")
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HEAD = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_TAIL = b'\n<?xpacket end="w"?>'


class Format(StrEnum):
    """File formats of delivered images, by Pillow's names."""

    PNG = "PNG"
    JPEG = "JPEG"
    WEBP = "WEBP"


@dataclass(frozen=True, slots=True)
class Provenance:
    """The metadata of a delivered file.

    `licence_id` is the certificate's public id, `certificate_url` its page, and `licensor_url` the
    page where a licence can be bought. `created` has a time zone and is stored in UTC. Characters
    that XML does not allow are removed from the texts. Earlier files have neither credit nor
    licensor.
    """

    creator: str
    rights: str
    usage_terms: str
    description: str
    credit: str | None
    licensor_url: str | None
    certificate_url: str
    artist_id: int
    style_id: int
    generation_id: int
    licence_id: str
    created: datetime


def embed(image: Image.Image, metadata: Provenance, file_format: Format = Format.PNG) -> bytes:
    """Encode `image` as a file with `metadata` and no other metadata.

    PNG is lossless; JPEG has quality 95 without chroma subsampling; WebP has quality 90.

    Raises ValueError if `created` has no time zone or the texts exceed one metadata segment.
    """
    packet = _packet(metadata)
    bare = _bare(image)
    stream = io.BytesIO()
    match Format(file_format):
        case Format.PNG:
            bare.save(stream, "PNG", pnginfo=_png_texts(metadata, packet))
        case Format.JPEG:
            exif = _exif(metadata)
            bare.save(stream, "JPEG", quality=95, subsampling=0, exif=exif, xmp=packet)
        case Format.WEBP:
            bare.save(stream, "WEBP", quality=90, exif=_exif(metadata), xmp=packet)
    return stream.getvalue()


def read_provenance(data: bytes) -> Provenance | None:
    """Read the metadata of a file, or None if our fields are missing, incomplete or invalid.

    The file may be untrusted: pixels are not decoded, and no content raises an exception. The
    metadata prove nothing, because anyone can write them.
    """
    try:
        with Image.open(io.BytesIO(data), formats=tuple(Format)) as image:
            packet = image.info.get("xmp")
        return _parse(packet) if isinstance(packet, bytes) else None
    except Exception:  # noqa: BLE001 - Pillow and expat raise many types for invalid files
        return None


def thumbnail(image: Image.Image, max_side: int, metadata: Provenance | None = None) -> bytes:
    """WebP of the signed `image`, reduced so that no side exceeds `max_side`."""
    small = _bare(image)
    small.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    if metadata is not None:
        return embed(small, metadata, Format.WEBP)
    stream = io.BytesIO()
    small.save(stream, "WEBP", quality=85)
    return stream.getvalue()


def _bare(image: Image.Image) -> Image.Image:
    """RGB copy without Pillow's `info`, which Pillow would write into the file."""
    bare = image.convert("RGB") if image.mode != "RGB" else image.copy()
    bare.info = {}
    return bare


def _packet(metadata: Provenance) -> bytes:
    if metadata.created.tzinfo is None:
        raise ValueError("created must have a time zone")
    root = ET.Element(_name("x:xmpmeta"))
    rdf = ET.SubElement(root, _name("rdf:RDF"))
    description = ET.SubElement(rdf, _name("rdf:Description"), {_name("rdf:about"): ""})
    creators = ET.SubElement(ET.SubElement(description, _name("dc:creator")), _name("rdf:Seq"))
    ET.SubElement(creators, _name("rdf:li")).text = _clean(metadata.creator)
    _translated(description, "dc:rights", metadata.rights)
    _translated(description, "dc:description", metadata.description)
    _translated(description, "xmpRights:UsageTerms", metadata.usage_terms)
    if metadata.credit is not None:
        ET.SubElement(description, _name("photoshop:Credit")).text = _clean(metadata.credit)
    if metadata.licensor_url is not None:
        _licensor(description, metadata.licensor_url)
    for name, value in (
        ("xmpRights:Marked", "True"),
        ("xmpRights:WebStatement", metadata.certificate_url),
        ("Iptc4xmpExt:DigitalSourceType", SOURCE_TYPE),
        ("sl:artist_id", str(metadata.artist_id)),
        ("sl:style_id", str(metadata.style_id)),
        ("sl:generation_id", str(metadata.generation_id)),
        ("sl:licence_id", metadata.licence_id),
        ("sl:created", metadata.created.astimezone(UTC).isoformat()),
    ):
        ET.SubElement(description, _name(name)).text = _clean(value)
    packet = _HEAD + ET.tostring(root, encoding="utf-8", xml_declaration=False) + _TAIL
    if len(packet) > MAX_PACKET:
        raise ValueError(f"the metadata have {len(packet)} bytes, more than {MAX_PACKET}")
    return packet


def _licensor(parent: ET.Element, url: str) -> None:
    licensors = ET.SubElement(ET.SubElement(parent, _name("plus:Licensor")), _name("rdf:Seq"))
    licensor = ET.SubElement(licensors, _name("rdf:li"), {_name("rdf:parseType"): "Resource"})
    ET.SubElement(licensor, _name("plus:LicensorURL")).text = _clean(url)


def _translated(parent: ET.Element, name: str, text: str) -> None:
    alternatives = ET.SubElement(ET.SubElement(parent, _name(name)), _name("rdf:Alt"))
    item = ET.SubElement(alternatives, _name("rdf:li"), {_LANGUAGE: "x-default"})
    item.text = _clean(text)


def _parse(packet: bytes) -> Provenance | None:
    text = packet.decode("utf-8")
    # Our packets have no document type declaration, which could define expanding entities.
    if len(packet) > MAX_PACKET or "<!" in text:
        return None
    description = ET.fromstring(text).find("rdf:RDF/rdf:Description", NAMESPACES)  # noqa: S314 - see above
    if description is None:
        return None
    return Provenance(
        creator=_text(description, "dc:creator/rdf:Seq/rdf:li"),
        rights=_text(description, "dc:rights/rdf:Alt/rdf:li"),
        usage_terms=_text(description, "xmpRights:UsageTerms/rdf:Alt/rdf:li"),
        description=_text(description, "dc:description/rdf:Alt/rdf:li"),
        credit=_text_or_none(description, "photoshop:Credit"),
        licensor_url=_text_or_none(description, "plus:Licensor/rdf:Seq/rdf:li/plus:LicensorURL"),
        certificate_url=_text(description, "xmpRights:WebStatement"),
        artist_id=_value(description, "sl:artist_id", int),
        style_id=_value(description, "sl:style_id", int),
        generation_id=_value(description, "sl:generation_id", int),
        licence_id=_text(description, "sl:licence_id"),
        created=_value(description, "sl:created", datetime.fromisoformat).astimezone(UTC),
    )


def _text(parent: ET.Element, path: str) -> str:
    element = parent.find(path, NAMESPACES)
    if element is None:
        raise ValueError(f"no {path}")
    return element.text or ""


def _text_or_none(parent: ET.Element, path: str) -> str | None:
    element = parent.find(path, NAMESPACES)
    return None if element is None else element.text or ""


def _value(parent: ET.Element, path: str, kind: Callable[[str], T]) -> T:
    return kind(_text(parent, path))


def _name(qualified: str) -> str:
    prefix, local = qualified.split(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text).replace("\r\n", "\n").replace("\r", "\n")


def _png_texts(metadata: Provenance, packet: bytes) -> PngImagePlugin.PngInfo:
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", packet.decode("utf-8"))
    for key, value in (
        ("Author", metadata.creator),
        ("Copyright", metadata.rights),
        ("Description", metadata.description),
    ):
        texts.add_text(key, _clean(value))  # Latin-1 as tEXt, anything else as iTXt
    return texts


def _exif(metadata: Provenance) -> Image.Exif:
    exif = Image.Exif()
    # EXIF defines these fields as ASCII; readers accept UTF-8. Pillow would write "?" for a str.
    exif[ExifTags.Base.Artist] = _clean(metadata.creator).encode()
    exif[ExifTags.Base.Copyright] = _clean(metadata.rights).encode()
    exif[ExifTags.Base.ImageDescription] = _clean(metadata.description).encode()
    return exif
