"""The input of sheets and archives: the photos of an album, its variants and its texts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

MAX_VARIANTS = 8
MAX_PROPOSALS = 3

Reader = Callable[[], bytes]
"""Returns the bytes of a PNG or JPEG. Layouts may call it more than once and do not cache it."""


class Layout(StrEnum):
    """The output templates; values are the ids in presets."""

    BEFORE_AFTER = "before_after"
    PROPOSALS = "proposal3"
    CLIENT_CARD = "client_card"
    PRODUCT_PACK = "product_pack"
    OPTION_BOARD = "option_board"
    THUMBNAILS = "thumbnails8"


class Language(StrEnum):
    """Languages of the texts on sheets."""

    EN = "en"
    KO = "ko"


class InvalidAlbum(ValueError):
    """An album that cannot be laid out; `field` is the path of the invalid field."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True)
class Colour:
    """A colour or material that a variant uses.

    `concept` and `name` are display names. `hex` is `#RRGGBB`; `swatch` reads the picture of a
    material, which is drawn on its chip.
    """

    concept: str
    name: str
    hex: str
    swatch: Reader | None = None


@dataclass(frozen=True)
class Variant:
    """One rule applied to the album: a proposal, or an option of a product.

    `job` is the id of the job of its results, `rule` the id of its saved rule, `name` its name on
    sheets.
    """

    job: str
    name: str
    rule: str | None = None
    colours: tuple[Colour, ...] = ()


@dataclass(frozen=True)
class Group:
    """A group of photos, its display name, and the number of photos that the template needs."""

    id: str
    name: str
    wanted: int = 0


@dataclass(frozen=True)
class Photo:
    """A photo of the album, and its results by job id.

    A job in which the photo failed has no result. `colours` are those of this photo by job, if they
    differ from those of the variant.
    """

    idx: int
    group: str
    filename: str
    before: Reader
    results: Mapping[str, Reader]
    colours: Mapping[str, tuple[Colour, ...]] = field(default_factory=dict)

    def colours_of(self, variant: Variant) -> tuple[Colour, ...]:
        """The colours of a variant that this photo shows."""
        return self.colours.get(variant.job, variant.colours)


@dataclass(frozen=True)
class Album:
    """Finished photos and the texts about them.

    `groups` is in the order of the sheets. `cover` is the idx of the cover photo, `chosen` are the
    idx of the photos for pages with room for a few; by default layouts use the first of each group.
    `made_at` is the time of the archive and of all its files.

    Raises InvalidAlbum for no photo, duplicate idx, an unknown group, no variant or more than
    MAX_VARIANTS, duplicate jobs, results of another job, a cover or chosen photo that is not in the
    album, and a time without a zone.
    """

    preset: str
    title: str
    language: Language
    made_at: datetime
    groups: tuple[Group, ...]
    variants: tuple[Variant, ...]
    photos: tuple[Photo, ...]
    cover: int | None = None
    chosen: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        indices = [photo.idx for photo in self.photos]
        jobs = [variant.job for variant in self.variants]
        group_ids = {group.id for group in self.groups}
        unknown = {photo.group for photo in self.photos} - group_ids
        result_jobs = {job for photo in self.photos for job in photo.results}
        chosen_idx = {*self.chosen, *(() if self.cover is None else (self.cover,))}
        for name, is_invalid, message in (
            ("photos", not indices, "need at least one"),
            ("photos", len(set(indices)) < len(indices), "need an idx of their own"),
            ("photos", bool(unknown), f"are of unknown groups {sorted(unknown)}"),
            ("variants", not 1 <= len(jobs) <= MAX_VARIANTS, f"must be 1–{MAX_VARIANTS}"),
            ("variants", len(set(jobs)) < len(jobs), "need a job of their own"),
            (
                "photos",
                bool(result_jobs - set(jobs)),
                f"have results of {sorted(result_jobs - set(jobs))}",
            ),
            ("chosen", bool(chosen_idx - set(indices)), "must be photos of the album"),
            ("made_at", self.made_at.tzinfo is None, "needs a time zone"),
        ):
            if is_invalid:
                raise InvalidAlbum(name, message)

    def in_order(self) -> list[Photo]:
        """The photos in the order of the groups, otherwise in their own order."""
        order = {group.id: index for index, group in enumerate(self.groups)}
        return sorted(self.photos, key=lambda photo: order[photo.group])

    def group(self, photo: Photo) -> Group:
        """The group of a photo."""
        return next(group for group in self.groups if group.id == photo.group)

    def featured(self, count: int) -> list[Photo]:
        """At most `count` photos with results: the cover, then chosen ones or one per group."""
        finished = [photo for photo in self.in_order() if photo.results]
        by_idx = {photo.idx: photo for photo in finished}
        picked = [self.cover, *self.chosen]
        order = [by_idx[idx] for idx in picked if idx in by_idx]
        if not self.chosen:
            firsts: dict[str, Photo] = {}
            for photo in finished:
                firsts.setdefault(photo.group, photo)
            order += [*firsts.values(), *finished]
        return list({photo.idx: photo for photo in order}.values())[:count]
