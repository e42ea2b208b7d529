"""One file a stranger sends, and the right answer at each place that takes images."""

from collections.abc import Callable
from dataclasses import dataclass

from webapp.domain.images import PROFILE_IMAGE, SIGNATURE_IMAGE, TRAINING_IMAGE, ImageLimits

ACCEPTED = None
CORRUPT = "IMAGE_CORRUPT"
WRONG_FORMAT = "INVALID_IMAGE_FORMAT"
TOO_HEAVY = "IMAGE_SIZE_EXCEEDED"
TOO_SMALL = "IMAGE_RESOLUTION_TOO_LOW"
TOO_MANY_PIXELS = "IMAGE_TOO_LARGE_PIXELS"
TOO_LONG = "IMAGE_TOO_LONG"
BLANK = "IMAGE_BLANK"
NO_INK = CORRUPT  # a signature on which nothing is drawn


@dataclass(frozen=True)
class Case:
    """A file, made when it is asked for, and its code at each target; None where it is accepted."""

    name: str
    make: Callable[[], bytes]
    work: str | None
    signature: str | None
    profile: str | None


@dataclass(frozen=True)
class Target:
    """A place that takes images: its limits, and which answer of a case is right there."""

    name: str
    limits: ImageLimits
    keep_alpha: bool = False

    def expected(self, case: Case) -> str | None:
        """The right answer to a case here."""
        found: str | None = getattr(case, self.name)
        return found


TARGETS = (
    Target("work", TRAINING_IMAGE),
    Target("signature", SIGNATURE_IMAGE, keep_alpha=True),
    Target("profile", PROFILE_IMAGE),
)


def png(name: str, make: Callable[[], bytes], code: str | None = ACCEPTED, **others) -> Case:
    """A PNG: one answer everywhere, except where `others` says another."""
    return _case(f"png: {name}", make, {"work": code, "signature": code, "profile": code} | others)


def jpeg(name: str, make: Callable[[], bytes], code: str | None = ACCEPTED, **others) -> Case:
    """A JPEG: no signature, and one answer elsewhere, except where `others` says another."""
    answers = {"work": code, "signature": WRONG_FORMAT, "profile": code}
    return _case(f"jpeg: {name}", make, answers | others)


def foreign(name: str, make: Callable[[], bytes]) -> Case:
    """A file of no format that is taken anywhere."""
    return _case(
        f"foreign: {name}", make, dict.fromkeys(("work", "signature", "profile"), WRONG_FORMAT)
    )


def _case(name: str, make: Callable[[], bytes], answers: dict[str, str | None]) -> Case:
    return Case(name, make, **answers)
