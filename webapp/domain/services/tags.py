"""Tags: English words, normalised the same way wherever they come in.

Korean words of the dictionary (`webapp/domain/korean_words.py`) are replaced by their tags.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain import korean_words, visible_text
from webapp.domain.errors import (
    FieldProblem,
    InvalidTagLanguage,
    TagNotAllowed,
    ValidationFailed,
)
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Tag

MAX_TAG_LENGTH = 50
MAX_NAME_TAG_LENGTH = 100
TAGS_AT_ONCE = 50  # looked up in one statement
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
    """Return the tags as they are kept: translated, and see `mapped`; no duplicates, order kept.

    Raises ValidationFailed for an empty or too long tag, and InvalidTagLanguage for tags that are
    neither written in English characters nor in the Korean dictionary.
    """
    clean: dict[str, None] = {}
    foreign = []
    for tag in tags:
        if visible_text.has_stacked_marks(visible_text.composed(tag)):
            problem = FieldProblem("Has too many combining marks.")
            raise ValidationFailed(fields={field: [problem]})
        text = mapped(korean_words.in_english(tag))
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
        problems = [problem for tag in foreign for problem in _problems(tag)]
        raise InvalidTagLanguage(tags=foreign, fields={field: problems})
    return list(clean)


def _problems(tag: str) -> list[FieldProblem]:
    """Return what is wrong with a tag that is not English, with the words that are to blame."""
    unknown = korean_words.unknown(tag)
    if not unknown:
        return [
            FieldProblem(
                "Tags are English words: “%(word)s” has characters that tags cannot have.",
                word=tag,
            )
        ]
    return [
        FieldProblem(
            "Tags are English words: “%(word)s” is not in our Korean dictionary.", word=word
        )
        for word in unknown
    ]


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
    blocked_tags = blocked(session, tags)
    if blocked_tags:
        raise TagNotAllowed(tags=sorted(blocked_tags))


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
    """Count one more style that has each tag, adding tags never seen."""
    # Sorted, so that two transactions lock the same rows in the same order and never deadlock.
    for name in sorted(set(tags)):
        session.execute(
            insert(Tag)
            .values(name=name, style_count=1)
            .on_conflict_do_update(
                index_elements=[Tag.name], set_={"style_count": Tag.style_count + 1}
            )
        )


def uncount_uses(session: Session, tags: Iterable[str], *, of_images: Iterable[str] = ()) -> None:
    """Count one style less for each time a tag is named, and one image less of `of_images`.

    `of_images` are the tags of all images that one person showed and shows no more.
    """
    styles, images = Counter(tags), Counter(of_images)
    for name in sorted(styles.keys() | images.keys()):  # sorted as above
        _take_back(session, name, styles=styles[name], images=images[name], users=1)


def is_shown(image: Generation) -> bool:
    """Tell whether everybody may see an image: only then do its tags count."""
    return image.is_public and not image.is_flagged


def count_shown(session: Session, image: Generation, *, was: bool) -> None:
    """Count an image's tags when it begins to be shown, and take them back when it is hidden.

    The caller has locked the image's row, changed it, and says whether it was shown before.
    """
    if is_shown(image) != was:
        count_all_shown(session, [image], user_id=image.user_id, now=not was)


def count_all_shown(
    session: Session, images: Sequence[Generation], *, user_id: int, now: bool
) -> None:
    """Count the tags of one person's images, which all begin to be shown, or all are hidden.

    The caller has locked the rows of the images and changed them.
    """
    session.flush()
    counts = Counter(name for image in images for name in set(image.prompt_tags))
    names = sorted(counts)  # sorted as above
    for name in names:
        if now:
            _add_images(session, name, counts[name])
        else:
            _take_back(session, name, images=counts[name])
    # Their rows are locked now: what another image of the same person changes is seen.
    image_ids = [image.id for image in images]
    change = 1 if now else -1
    for start in range(0, len(names), TAGS_AT_ONCE):
        some = names[start : start + TAGS_AT_ONCE]
        elsewhere = on_others(session, some, user_id=user_id, image_ids=image_ids)
        alone = [name for name in some if name not in elsewhere]
        session.execute(
            update(Tag)
            .where(Tag.name.in_(alone))
            .values(user_count=func.greatest(Tag.user_count + change, 0))
        )


def on_others(
    session: Session, names: Sequence[str], *, user_id: int, image_ids: Sequence[int]
) -> set[str]:
    """Return which tags other shown images have of the same person."""
    if not names:
        return set()
    # One subquery for each tag over the images of this person: never a scan of the whole table.
    found_ids = session.execute(
        select(
            *(
                select(Generation.id)
                .where(
                    Generation.user_id == user_id,
                    Generation.id.not_in(image_ids),
                    Generation.is_public,
                    ~Generation.is_flagged,
                    Generation.prompt_tags.contains([name]),
                )
                .order_by(Generation.like_count)
                .limit(1)
                .scalar_subquery()
                for name in names
            )
        )
    ).one()
    return {name for name, found_id in zip(names, found_ids, strict=True) if found_id is not None}


def _add_images(session: Session, name: str, number: int) -> None:
    session.execute(
        insert(Tag)
        .values(name=name, image_count=number)
        .on_conflict_do_update(
            index_elements=[Tag.name], set_={"image_count": Tag.image_count + number}
        )
    )


def _take_back(
    session: Session, name: str, *, styles: int = 0, images: int = 0, users: int = 0
) -> None:
    session.execute(
        update(Tag)
        .where(Tag.name == name)
        .values(
            style_count=func.greatest(Tag.style_count - styles, 0),
            image_count=func.greatest(Tag.image_count - images, 0),
            user_count=func.greatest(Tag.user_count - (users if images else 0), 0),
        )
    )
