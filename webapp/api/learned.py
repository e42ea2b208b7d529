"""How well a style was learned, said in the reader's language."""

from typing import Any

from flask_babel import gettext

ASPECTS = ("palette", "texture", "edges")


def told(style: dict[str, Any]) -> dict[str, Any]:
    """Return a view of a style with the gain of each of its checkpoints in plain words."""
    for checkpoint in style.get("checkpoints", []):
        if checkpoint["gain"] is not None:
            checkpoint["gain"]["summary"] = summary(checkpoint["gain"])
    return style


def summary(gain: dict[str, Any]) -> str:
    """Return one sentence for each side of a style."""
    keys = [f"gain.{aspect}.{gain['learned'][aspect]}" for aspect in ASPECTS]
    return " ".join(gettext(key) for key in keys)
