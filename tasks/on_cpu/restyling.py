"""Canvases of a photo: stored for a renderer, read when painted, signed once per artist."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from PIL import Image

from gpu.rules.colour import Mask
from gpu.rules.engine import regions_of
from gpu.rules.planes import PhotoPlanes
from gpu.rules.rectangles import Sides
from gpu.rules.regions import Part
from gpu.rules.restyle import Canvas, PaintedCanvas, Restyle, canvas_of, frame_of
from gpu.rules.texture import Face
from gpu.segmenting.masks import EncodedMask, InvalidMask, encode_mask
from tasks.on_cpu import pictures
from tasks.on_cpu.attempt import AttemptFailed, storage
from tasks.on_cpu.signing import read_verified, sign
from webapp.domain.identifiers import object_key
from webapp.domain.jobs import Lease
from webapp.domain.services.sets_edits import EditPart
from webapp.domain.services.sets_restyles import NewCanvas, Painting

LOST = "NETWORK"


def stored_canvases(
    lease: Lease, photo: Image.Image, parts: Sequence[Part], of: Sequence[EditPart]
) -> list[NewCanvas]:
    """Store a canvas for each part of a photo that is painted in a style, under keys of a lease.

    `of` are the rows of the parts. A part without visible pixels has no canvas.
    """
    rows = {id(part): row for part, row in zip(parts, of, strict=True)}

    @cache
    def planes() -> PhotoPlanes:
        return PhotoPlanes(np.asarray(photo.convert("RGB")))

    def canvas(rule: Restyle, mask: Mask) -> Canvas:
        faces = (Face(rule.plane),) if rule.plane else planes().sure_faces(mask)
        return canvas_of(photo, mask, faces)

    return [
        _stored(lease, rows[id(part)], part.rule, canvas(part.rule, mask))
        for part, mask in regions_of(photo, parts)
        if isinstance(part.rule, Restyle) and mask.any()
    ]


def painted_canvases(paintings: Sequence[Painting]) -> dict[int, PaintedCanvas]:
    """Return the painted canvases by the id of the instance. Raises AttemptFailed NETWORK."""
    return {each.instance_id: _painted(each) for each in paintings}


def signed(
    image: Image.Image,
    regions: Mapping[int, Sides | None],
    paintings: Sequence[Painting],
) -> Image.Image:
    """Return a photo with one signature for each artist whose style was painted on it.

    It is placed in the largest of the artist's `regions` (by the id of the instance), so the pixels
    outside of the painted parts do not change. Raises AttemptFailed SIGNATURE_FAILED.
    """
    largest: dict[int, tuple[Sides, Painting]] = {}
    for each in paintings:
        region = regions.get(each.instance_id)
        best = largest.get(each.artist_id)
        if region is not None and (best is None or _area(region) > _area(best[0])):
            largest[each.artist_id] = region, each
    image = image.copy()
    for region, each in largest.values():
        under = image.crop(region)
        over = sign([under], each.signature)[0]
        if under.mode == "RGBA":
            over.putalpha(under.getchannel("A"))
        image.paste(over, region[:2])
    return image


def _area(region: Sides) -> int:
    return (region[2] - region[0]) * (region[3] - region[1])


def _stored(lease: Lease, part: EditPart, rule: Restyle, canvas: Canvas) -> NewCanvas:
    folder = f"canvases/{lease.ref}-{lease.fence}"
    picture, mask = pictures.png(canvas.picture), encode_mask(np.asarray(canvas.mask)).png
    picture_key, mask_key = object_key(folder, "png"), object_key(folder, "png")
    storage().put(picture_key, picture, content_type="image/png")
    storage().put(mask_key, mask, content_type="image/png")
    return NewCanvas(
        instance_id=part.instance_id,
        concept=part.concept,
        style_id=int(rule.style_id),
        change=rule.strength,
        frame=canvas.frame.numbers,
        size=canvas.frame.size,
        picture_key=picture_key,
        mask_key=mask_key,
        sha256=hashlib.sha256(picture + mask).hexdigest(),
    )


def _painted(painting: Painting) -> PaintedCanvas:
    data = read_verified(painting.painted_key, painting.painted_sha256, missing=LOST, changed=LOST)
    image = pictures.opened_png(data, painting.painted_key).convert("RGB")
    try:
        mask = EncodedMask(pictures.read(painting.mask_key), *painting.size).decode()
    except InvalidMask as error:
        raise AttemptFailed(LOST, f"{painting.mask_key}: {error}") from error
    picture = pictures.read_png(painting.picture_key)
    canvas = Canvas(frame_of(painting.frame, painting.size), picture, Image.fromarray(mask))
    return canvas.painted(image)
