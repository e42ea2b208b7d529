"""`manifest.json`: the files of an archive, the jobs of its results, and missing results."""

import json
from dataclasses import asdict, dataclass

VERSION = 1


@dataclass(frozen=True)
class ColourEntry:
    """A colour or material that a job used; `hex` is `#RRGGBB`."""

    concept: str
    name: str
    hex: str


@dataclass(frozen=True)
class JobEntry:
    """A job with results in the archive: its id, its name on sheets, its rule and colours."""

    job: str
    name: str
    rule: str | None
    colours: tuple[ColourEntry, ...]


@dataclass(frozen=True)
class FileEntry:
    """A file of the archive: its path, size in bytes, SHA-256, and the job of a result."""

    path: str
    bytes: int
    sha256: str
    job: str | None = None


@dataclass(frozen=True)
class PhotoEntry:
    """A photo: its idx in the album, group, uploaded name, results, and the jobs without one."""

    idx: int
    group: str
    filename: str
    files: tuple[FileEntry, ...]
    missing_jobs: tuple[str, ...]


@dataclass(frozen=True)
class MissingEntry:
    """Too few results of a job in a group, or in total (group None): needed and present."""

    job: str | None
    group: str | None
    wanted: int
    found: int


@dataclass(frozen=True)
class Manifest:
    """An archive. `made_at` is ISO 8601 in UTC. Photos are in the order of the groups."""

    template: str
    preset: str
    title: str
    language: str
    made_at: str
    jobs: tuple[JobEntry, ...]
    photos: tuple[PhotoEntry, ...]
    sheets: tuple[FileEntry, ...]
    missing: tuple[MissingEntry, ...]
    version: int = VERSION

    def as_json(self) -> bytes:
        """The manifest as UTF-8 JSON, the same bytes for the same manifest."""
        text = json.dumps(asdict(self), ensure_ascii=False, indent=2, sort_keys=True)
        return text.encode() + b"\n"
