"""Albums of plain pictures for sheets and archives."""

import io
from datetime import UTC, datetime

import numpy as np
from PIL import Image

from gpu.layouts.album import Album, Colour, Group, Language, Photo, Variant

RED, BLUE, GREEN, GOLD = (200, 30, 30), (30, 30, 200), (30, 160, 30), (210, 160, 40)
MADE_AT = datetime(2026, 11, 28, 9, 30, 15, tzinfo=UTC)
ROOMS = (Group("living", "Living room"), Group("kitchen", "Kitchen"), Group("other", "Other"))
SHOTS = (
    Group("main", "Main", 1),
    Group("detail", "Detail", 4),
    Group("worn", "Worn", 1),
    Group("package", "Package", 1),
)
MODERN = Variant("job_1", "Modern", "rule_1", (Colour("Wall", "Navy", "#1F2A44"),))
NATURAL = Variant("job_2", "Natural", None, (Colour("Floor", "Oak", "#C8A377"),))
HOTEL = Variant("job_3", "Hotel")


def file_of(colour, size=(120, 90), file_format="PNG"):
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, file_format)
    return stream.getvalue()


def reader(colour, size=(120, 90), file_format="PNG"):
    content = file_of(colour, size, file_format)
    return lambda: content


def photo(idx, group="living", *, filename=None, size=(120, 90), results=None, colours=None):
    """A red photo; by default one job made it blue. `results` is colours by job."""
    made = {"job_1": BLUE} if results is None else results
    return Photo(
        idx,
        group,
        filename or f"{group}{idx}.jpg",
        reader(RED, size),
        {job: reader(colour, size) for job, colour in made.items()},
        colours or {},
    )


def album(*photos, variants=(MODERN,), groups=ROOMS, language=Language.EN, **others):
    return Album(
        preset="interior",
        title="Riverside",
        language=language,
        made_at=MADE_AT,
        groups=groups,
        variants=variants,
        photos=photos or (photo(0),),
        **others,
    )


def levels(jpeg):
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)


def share_of(picture, colour):
    """How much of a picture has a colour, within what JPEG changes."""
    return float((np.abs(picture - np.array(colour)).max(axis=-1) < 16).mean())
