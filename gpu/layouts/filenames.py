"""Names of files in an archive: safe on every system, unique, and still readable."""

import unicodedata

_LONGEST = 48


def slug(text: str, default: str) -> str:
    """Letters and digits of any script, `-` and `_`; at most 48; the default where nothing is left.

    No dots and no separators, so that no name leaves its folder or hides its type.
    """
    letters = [
        letter if letter.isalnum() or letter in "-_" else "_"
        for letter in unicodedata.normalize("NFC", text)
    ]
    words = [word for word in "".join(letters).split("_") if word]
    return "_".join(words)[:_LONGEST].strip("-_") or default


def base(filename: str) -> str:
    """A name without folders, whatever system it comes from."""
    return filename.replace("\\", "/").rsplit("/", 1)[-1]


def stem(filename: str) -> str:
    """A name without folders and suffix."""
    name = base(filename)
    return name.rsplit(".", 1)[0] if "." in name[1:] else name


def folder_of(number: int, name: str) -> str:
    """Folder of a variant, counted from 1: the number keeps equal names apart."""
    return f"{number}_{slug(name, 'variant')}"


def photo_name(idx: int, group: str, filename: str) -> str:
    """Name of a photo's file without suffix; its idx keeps equal names apart."""
    return f"{idx:03d}_{slug(group, 'group')}_{slug(stem(filename), 'photo')}"
