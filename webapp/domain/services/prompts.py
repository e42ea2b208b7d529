"""The tags of an order: prompt and negative prompt."""

from sqlalchemy.orm import Session

from webapp.domain.errors import FieldProblem, ValidationFailed
from webapp.domain.services import tags

MAX_PROMPT_TAGS = 30


def clean_tags(
    session: Session, prompt_tags: list[str], negative_tags: list[str]
) -> tuple[list[str], list[str]]:
    """Return the normalised tags of the prompt and of the negative prompt.

    Raises ValidationFailed, InvalidTagLanguage and TagNotAllowed.
    """
    return (
        clean_prompt(session, prompt_tags, field="prompt_tags", at_least=1),
        clean_prompt(session, negative_tags, field="negative_tags", at_least=0),
    )


def clean_prompt(session: Session, words: list[str], *, field: str, at_least: int) -> list[str]:
    """Return the normalised tags of one field. Raises ValidationFailed and TagNotAllowed."""
    clean = tags.normalise(words, field=field)
    if not at_least <= len(clean) <= MAX_PROMPT_TAGS:
        raise ValidationFailed(
            fields={
                field: [
                    FieldProblem(
                        "%(least)d to %(most)d tags; you wrote %(count)d.",
                        least=at_least,
                        most=MAX_PROMPT_TAGS,
                        count=len(clean),
                    )
                ]
            }
        )
    tags.refuse_blocked(session, clean)
    return clean
