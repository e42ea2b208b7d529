"""File names in an archive: valid on every operating system, unique and readable."""

import unicodedata

_LONGEST = 48


def slug(text: str, default: str) -> str:
    """At most 48 letters and digits of any script, `-` and `_`; the default if none remain.

    Dots and separators are removed, against path traversal and double extensions.
    """
    letters = [
        letter if letter.isalnum() or letter in "-_" else "_"
        for letter in unicodedata.normalize("NFC", text)
    ]
    words = [word for word in "".join(letters).split("_") if word]
    return "_".join(words)[:_LONGEST].strip("-_") or default


def base(filename: str) -> str:
    """A file name without folders, of any operating system."""
    return filename.replace("\\", "/").rsplit("/", 1)[-1]


def stem(filename: str) -> str:
    """A name without folders and suffix."""
    name = base(filename)
    return name.rsplit(".", 1)[0] if "." in name[1:] else name


def folder_of(number: int, name: str) -> str:
    """Folder of a variant; its number, from 1, makes it unique."""
    return f"{number}_{slug(name, 'variant')}"


def photo_name(idx: int, group: str, filename: str) -> str:
    """File name of a photo without suffix; its idx makes it unique."""
    return f"{idx:03d}_{slug(group, 'group')}_{slug(stem(filename), 'photo')}"
