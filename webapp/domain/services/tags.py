"""Tags: English words, normalised the same way wherever they come in."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain import visible_text
from webapp.domain.errors import (
    FieldProblem,
    InvalidTagLanguage,
    TagNotAllowed,
    ValidationFailed,
)
from webapp.domain.models.style import Tag

STACKED = "Has too many marks on one letter, or marks without a letter."
MAX_TAG_LENGTH = 50
MAX_NAME_TAG_LENGTH = 100
ALLOWED = re.compile(r"[a-z0-9 '\-]+")
LETTER_OR_DIGIT = re.compile(r"[a-z0-9]")
# What keyboards, word processors and other shops write for the same word. `clean` of tags.js maps
# the same.
APOSTROPHES = re.compile("[\u2018\u2019\u201b\u2032\u02bc\u02b9\u00b4`]")
DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
ZERO_WIDTH = re.compile("[\u00ad\u200b-\u200f\u2060\ufe0e\ufe0f\ufeff]")
LETTERS = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ł": "l",
        "þ": "th",
        "\u0131": "i",
    }
)
SHOWN = (Tag.is_active, ~Tag.is_flagged, Tag.usage_count > 0)


def normalise(
    tags: Iterable[str], *, field: str = "tags", max_length: int = MAX_TAG_LENGTH
) -> list[str]:
    """Return the tags as they are kept: see `mapped`; duplicates dropped, order kept.

    Raises ValidationFailed for an empty or too long tag and InvalidTagLanguage for one that is
    not written in English characters.
    """
    clean: dict[str, None] = {}
    foreign = []
    for tag in tags:
        if visible_text.has_stacked_marks(visible_text.composed(tag)):
            raise ValidationFailed(fields={field: [FieldProblem(STACKED)]})
        text = mapped(tag)
        if not 1 <= len(text) <= max_length:
            raise ValidationFailed(
                fields={
                    field: [FieldProblem("Each tag has 1 to %(most)d characters.", most=max_length)]
                }
            )
        if not ALLOWED.fullmatch(text) or not LETTER_OR_DIGIT.search(text):
            foreign.append(tag)
        clean[text] = None
    if foreign:
        raise InvalidTagLanguage(tags=foreign)
    return list(clean)


def mapped(tag: str) -> str:
    """Return a tag in plain letters: lower case, no accents, plain signs, single blanks.

    What has no plain letter stays as it is, and is refused by `normalise`.
    """
    text = ZERO_WIDTH.sub("", unicodedata.normalize("NFKD", APOSTROPHES.sub("'", tag)))
    # Once more: what was compatible may have become a letter of the table, or a blank.
    text = unicodedata.normalize("NFKD", text.lower().translate(LETTERS))
    text = "".join(each for each in text if unicodedata.category(each) != "Mn")
    plain = DASHES.sub("-", APOSTROPHES.sub("'", text)).replace("_", " ")
    return unicodedata.normalize("NFC", " ".join(plain.split()))


def refuse_blocked(session: Session, tags: Iterable[str]) -> None:
    """Raise TagNotAllowed when moderation has flagged or switched off one of the tags."""
    found = blocked(session, tags)
    if found:
        raise TagNotAllowed(tags=sorted(found))


def blocked(session: Session, tags: Iterable[str]) -> set[str]:
    """Return which of the tags moderation has flagged or switched off."""
    tags = list(tags)
    if not tags:
        return set()
    return set(
        session.scalars(
            select(Tag.name).where(
                Tag.name.in_(tags), or_(Tag.is_flagged, Tag.is_active.is_(False))
            )
        )
    )


def count_use(session: Session, tags: Iterable[str]) -> None:
    """Count one more use of each tag, adding the ones never seen.

    A use is a style that was trained or an image that is public, as long as it has the tag. Private
    images do not count: a tag that is listed could be read off them.
    """
    # Sorted, so that two transactions touch the same rows in the same order and never deadlock.
    for name in sorted(set(tags)):
        session.execute(
            insert(Tag)
            .values(name=name, usage_count=1)
            .on_conflict_do_update(
                index_elements=[Tag.name], set_={"usage_count": Tag.usage_count + 1}
            )
        )


def uncount_uses(session: Session, tags: Iterable[str]) -> None:
    """Count one use less of each tag, for each time it is named."""
    for name, uses in sorted(Counter(tags).items()):  # sorted as above
        session.execute(
            update(Tag)
            .where(Tag.name == name)
            .values(usage_count=func.greatest(Tag.usage_count - uses, 0))
        )


def count_shown(session: Session, tags: Iterable[str], *, was: bool, now: bool) -> None:
    """Count the uses of an image's tags when it becomes public, and take them back when hidden.

    The caller has locked the image's row.
    """
    if now and not was:
        count_use(session, tags)
    elif was and not now:
        uncount_uses(session, tags)
