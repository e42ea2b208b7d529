"""What sheets and archives are made of: the photos of an album, its variants and its words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

MAX_VARIANTS = 8
MAX_PROPOSALS = 3

Reader = Callable[[], bytes]
"""Gives the bytes of a PNG or JPEG. Layouts may call it more than once and keep nothing of it."""


class Layout(StrEnum):
    """The output templates, by the ids that presets use."""

    BEFORE_AFTER = "before_after"
    PROPOSALS = "proposal3"
    CLIENT_CARD = "client_card"
    PRODUCT_PACK = "product_pack"
    OPTION_BOARD = "option_board"
    THUMBNAILS = "thumbnails8"


class Language(StrEnum):
    """Languages of what is written on sheets."""

    EN = "en"
    KO = "ko"


class InvalidAlbum(ValueError):
    """An album that cannot be laid out; `field` is the path of what is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True)
class Colour:
    """A colour or material that a variant uses.

    `concept` and `name` are words for a person. `hex` is `#RRGGBB`; `swatch` reads the picture of a
    material, which its chip then shows.
    """

    concept: str
    name: str
    hex: str
    swatch: Reader | None = None


@dataclass(frozen=True)
class Variant:
    """One rule over the album: a proposal, or an option of a product.

    `job` is the id of the job that made its results, `rule` the id of its saved rule, `name` what
    sheets call it.
    """

    job: str
    name: str
    rule: str | None = None
    colours: tuple[Colour, ...] = ()


@dataclass(frozen=True)
class Group:
    """A group of photos, its name for a person, and how many photos the template wants of it."""

    id: str
    name: str
    wanted: int = 0


@dataclass(frozen=True)
class Photo:
    """A photo of the album, and its results by the job that made them.

    A result is missing where the photo failed in that job. `absent` are the concepts that the photo
    does not show, in the words of `Colour.concept`: its sheets leave out their colours. `colours`
    are those of this photo by job, where they differ from those of the variant.
    """

    idx: int
    group: str
    filename: str
    before: Reader
    results: Mapping[str, Reader]
    absent: frozenset[str] = frozenset()
    colours: Mapping[str, tuple[Colour, ...]] = field(default_factory=dict)

    def colours_of(self, variant: Variant) -> tuple[Colour, ...]:
        """The colours of a variant that this photo shows."""
        colours = self.colours.get(variant.job, variant.colours)
        return tuple(each for each in colours if each.concept not in self.absent)


@dataclass(frozen=True)
class Album:
    """Finished photos and all that is written about them.

    `groups` is in the order of the sheets. `cover` is the idx of the photo that stands for the
    album, `chosen` are those that a page with few places shows; by default layouts take the first
    of each group. `made_at` is when the archive was made; times in the archive are this one.

    Raises InvalidAlbum for no photo, an idx that is used twice, an unknown group, no variant or
    more than MAX_VARIANTS, a job that is named twice, results of another job, and a cover or chosen
    photo that is not there.
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
        known = {group.id for group in self.groups}
        strange = {photo.group for photo in self.photos} - known
        made = {job for photo in self.photos for job in photo.results}
        shown = {*self.chosen, *(() if self.cover is None else (self.cover,))}
        for name, is_wrong, message in (
            ("photos", not indices, "need at least one"),
            ("photos", len(set(indices)) < len(indices), "need an idx of their own"),
            ("photos", bool(strange), f"are of unknown groups {sorted(strange)}"),
            ("variants", not 1 <= len(jobs) <= MAX_VARIANTS, f"must be 1–{MAX_VARIANTS}"),
            ("variants", len(set(jobs)) < len(jobs), "need a job of their own"),
            ("photos", bool(made - set(jobs)), f"have results of {sorted(made - set(jobs))}"),
            ("chosen", bool(shown - set(indices)), "must be photos of the album"),
            ("made_at", self.made_at.tzinfo is None, "needs a time zone"),
        ):
            if is_wrong:
                raise InvalidAlbum(name, message)

    def in_order(self) -> list[Photo]:
        """The photos by group, within a group as they were given."""
        place = {group.id: index for index, group in enumerate(self.groups)}
        return sorted(self.photos, key=lambda photo: place[photo.group])

    def group(self, photo: Photo) -> Group:
        """The group of a photo."""
        return next(group for group in self.groups if group.id == photo.group)

    def featured(self, count: int) -> list[Photo]:
        """At most `count` finished photos: the cover first, then the chosen, then one a group."""
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
