"""The prompt format, shared by training captions and rendering."""

from collections.abc import Sequence

from gpu.errors import InvalidPrompt

MAX_TAGS = 100
MAX_TAG_LENGTH = 100


def compose_prompt(trigger: str, tags: Sequence[str]) -> str:
    """`trigger, tag, tag`: the trigger word of the style, then the tags of the picture."""
    return ", ".join(part for part in (trigger, *tags) if part)


def check_tags(tags: Sequence[str], *, field: str) -> None:
    """Refuse tags that no prompt may contain.

    Raises `InvalidPrompt` for too many, too long, empty or unprintable tags.
    """
    if len(tags) > MAX_TAGS:
        raise InvalidPrompt(f"{field}: at most {MAX_TAGS} tags, got {len(tags)}")
    for tag in tags:
        if not tag.strip() or len(tag) > MAX_TAG_LENGTH or not tag.isprintable():
            raise InvalidPrompt(f"{field}: not a usable tag: {tag[:MAX_TAG_LENGTH]!r}")
