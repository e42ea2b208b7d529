"""A folder of artworks: pictures, and a text file of tags beside each that has its own."""

from pathlib import Path

SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures of a folder by name."""
    return [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]


def tags_of(path: Path, common: str) -> tuple[str, ...]:
    """Return the common tags, separated by commas, and those of the text file of a picture."""
    tag_file = path.with_suffix(".txt")
    text = tag_file.read_text(encoding="utf-8") if tag_file.exists() else ""
    return tuple(tag.strip() for tag in f"{common},{text}".split(",") if tag.strip())
