"""Preview an order before it is paid: price, unknown tags, and pictures owned already."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from webapp.domain.errors import StyleNotFound
from webapp.domain.models.generation import AspectRatio
from webapp.domain.models.style import LicenseType, Style, TrainingStatus
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import duplicates, generations, offers, prompts, vocabulary
from webapp.domain.services.duplicates import Picture


@dataclass(frozen=True, slots=True)
class OrderPreview:
    """The price of an order, the tags that may not be recognised, and pictures owned already."""

    total_price_tokens: int
    unknown_tags: list[str]
    is_any_known: bool
    owned_generation_ids: list[int]


def preview(
    session: Session,
    *,
    viewer: Viewer,
    style_id: int,
    prompt_tags: list[str],
    negative_tags: list[str],
    aspect_ratio: AspectRatio,
    seed: int | None,
    style_strength: float,
    count: int,
    license_type: LicenseType | None = None,
) -> OrderPreview:
    """Check an order as `generations.request` would; nothing is charged or written.

    Raises StyleNotFound, LicenseNotSold, InvalidTagLanguage and TagNotAllowed.
    """
    style = session.get(Style, style_id)
    if style is None or not offers.may_see(viewer, style):
        raise StyleNotFound(id=style_id)
    if style.training_status != TrainingStatus.COMPLETED:
        raise StyleNotFound(id=style_id)
    license_type, price = generations.offered(style, license_type, aspect_ratio, None)
    prompt, negative = prompts.clean_tags(session, prompt_tags, negative_tags)
    recognised = vocabulary.recognise(session, style, prompt)
    picture = Picture(prompt, negative, aspect_ratio, style_strength, license_type)
    owned: dict[int, int] = {}
    if viewer.user_id is not None and seed is not None:
        seeds = generations.seeds_of(seed, count)
        owned = duplicates.owned(
            session, user_id=viewer.user_id, style=style, picture=picture, seeds=seeds
        )
    return OrderPreview(
        total_price_tokens=price * count,
        unknown_tags=recognised.unknown_tags,
        is_any_known=recognised.is_any_known,
        owned_generation_ids=[owned[each] for each in sorted(owned)],
    )
