"""Checks of the styles that a job of Sets paints with: on sale, price, sufficient tokens.

They run at an execution or a retry, before anything is queued or charged.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import sets_settings
from webapp.domain.errors import (
    FieldProblem,
    InsufficientTokens,
    InvalidTagLanguage,
    LicenseNotSold,
    LicenseNotValid,
    PriceChanged,
    StyleNotFound,
    StyleNotReady,
    StyleOutdated,
    TagNotAllowed,
    ValidationFailed,
)
from webapp.domain.models.documents import Setting
from webapp.domain.models.generation import AspectRatio, Generation
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.models.sets_instance import InstanceState, SetsInstance
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_photo import PhotoStatus, SetsPhoto
from webapp.domain.models.sets_restyle import SetsRestyle
from webapp.domain.models.style import LicenseType, Style
from webapp.domain.services import generations, ledger, prompts, sets_choices
from webapp.domain.services.duplicates import NOT_DELIVERED
from webapp.domain.sets_presets import Action, Preset, UnknownConcept

NOT_ON_SALE = FieldProblem("This style is not on sale.")
NO_WORDS = FieldProblem("Use English tags that are allowed in orders.")
TWO_LICENSES = FieldProblem("A job paints with one licence of a style.")
OVER = (PhotoStatus.DONE, PhotoStatus.CANCELED)
# A region has the price of the style, whatever the size of its canvas.
REGION_SIZE = AspectRatio.SQUARE


@dataclass(frozen=True)
class Offer:
    """A style with the licence and the price of one region that is painted with it."""

    style: Style
    license_type: LicenseType
    price_tokens: int


Offers = dict[str, Offer]
"""Offers by the id of the style as settings write it."""


def is_restyle(setting: Setting | None) -> bool:
    """Tell whether a setting paints with a style."""
    return setting is not None and setting.get("action") == Action.RESTYLE


def words(preset: Preset, concept: str, prompt: str | None) -> str:
    """Return the prompt of a canvas: the name of the concept, or a person's own description."""
    try:
        preset.concept(concept)
    except UnknownConcept:
        return prompt or concept
    return concept.replace("_", " ").lower()


def offers(
    session: Session,
    account: SetsAccount,
    preset: Preset,
    settings: Iterable[tuple[str, str, Setting]],
    others: Offers | None = None,
) -> Offers:
    """Return what the styles of some settings are offered for, and `others` of the same job.

    `settings` are (path in the request, concept, setting). Raises ValidationFailed with the field
    for an anonymous account, a style that is not on sale, a licence that it does not sell, a second
    licence of a style, and a person's own concept whose words are not allowed in orders. Raises
    PriceChanged, with the field too, for a price that is not the expected one.
    """
    by_style = dict(others or {})
    for path, concept, setting in settings:
        if not is_restyle(setting):
            continue
        if account.user_id is None:
            raise ValidationFailed(fields={f"{path}.action": [sets_settings.SIGN_IN]})
        _check_words(session, words(preset, concept, setting.get("prompt")), path)
        style_id = str(setting["value"])
        offer = _offer(session, account.user_id, setting, path)
        if by_style.setdefault(style_id, offer).license_type != offer.license_type:
            raise ValidationFailed(fields={f"{path}.license_type": [TWO_LICENSES]})
    return by_style


def agreed(session: Session, job: SetsJob, user_id: int, style_id: int) -> Offer:
    """Return a style of a job on the terms that its person agreed to.

    Raises the errors of an order of an image: StyleNotFound, PriceChanged and so on.
    """
    style = generations.style_for_sale(session, style_id, user_id)
    chosen = job.style_licenses.get(str(style_id))
    license_type, price = generations.offered(
        style,
        LicenseType(chosen) if chosen else None,
        REGION_SIZE,
        job.style_prices[str(style_id)],
    )
    return Offer(style, license_type, price)


def refuse_unaffordable(
    session: Session, account: SetsAccount, photos: Mapping[SetsJob, Sequence[SetsPhoto]]
) -> None:
    """Raise InsufficientTokens unless all known regions of the jobs can be paid.

    A concept that was not searched in a photo yet counts as one region. Regions that are found
    later are paid when they are ordered.
    """
    total = sum(
        job.style_prices[style_id] * count
        for job, some in photos.items()
        for style_id, count in _unpaid(session, job, some).items()
    )
    if not total or account.user_id is None:
        return
    available = ledger.spendable(session, account.user_id)
    if available < total:
        raise InsufficientTokens(required=total, available=available)


def check_again(
    session: Session, account: SetsAccount, job: SetsJob, photos: Sequence[SetsPhoto]
) -> None:
    """Check the styles of a job whose photos are retried, at the agreed prices.

    Painted regions are not paid again. Raises the errors of an order of an image: StyleNotFound,
    PriceChanged and so on, and InsufficientTokens.
    """
    for style_id in _unpaid(session, job, photos):
        agreed(session, job, account.user_id or 0, int(style_id))
    refuse_unaffordable(session, account, {job: photos})


def _unpaid(session: Session, job: SetsJob, photos: Sequence[SetsPhoto]) -> Counter[str]:
    """Return the number of known regions that still have to be painted, by style."""
    if not job.style_prices:
        return Counter()
    return Counter(
        style_id
        for photo in photos
        if photo.status not in OVER
        for style_id in _unpaid_of(session, job, photo)
    )


def _unpaid_of(session: Session, job: SetsJob, photo: SetsPhoto) -> Iterator[str]:
    settings = sets_choices.settings_of(job, photo)
    instances = session.scalars(select(SetsInstance).where(SetsInstance.photo_id == photo.id)).all()
    paid = set(
        session.scalars(
            select(SetsRestyle.instance_id)
            .join(Generation, Generation.id == SetsRestyle.generation_id)
            .where(
                SetsRestyle.instance_id.in_([each.id for each in instances]),
                Generation.status.not_in(NOT_DELIVERED),
            )
        )
    )
    searched = {each.concept for each in instances}
    painted: list[Setting | None] = [
        each.rule or settings.get(each.concept)
        for each in instances
        if each.state == InstanceState.INCLUDE and each.id not in paid
    ]
    painted += [setting for concept, setting in settings.items() if concept not in searched]
    for setting in painted:
        if setting is not None and is_restyle(setting):
            yield str(setting["value"])


def _check_words(session: Session, described: str, path: str) -> None:
    try:
        prompts.clean_prompt(session, [described], field="prompt", at_least=1)
    except (ValidationFailed, InvalidTagLanguage, TagNotAllowed) as error:
        raise ValidationFailed(fields={f"{path}.prompt": [NO_WORDS]}) from error


def _offer(session: Session, user_id: int, setting: Setting, path: str) -> Offer:
    chosen = setting.get("license_type")
    try:
        style = generations.style_for_sale(session, int(str(setting["value"])), user_id)
        license_type, price = generations.offered(
            style,
            LicenseType(chosen) if chosen else None,
            REGION_SIZE,
            setting.get("expected_price_tokens"),
        )
    except (StyleNotFound, StyleNotReady, StyleOutdated, LicenseNotValid) as error:
        raise ValidationFailed(fields={f"{path}.value": [NOT_ON_SALE]}) from error
    except LicenseNotSold as error:
        raise ValidationFailed(
            fields={f"{path}.license_type": error.details["fields"]["license_type"]}
        ) from error
    except PriceChanged as error:
        price = error.details["price_tokens"]
        problem = FieldProblem("The price in tokens is now %(price)d.", price=price)
        raise PriceChanged(
            price_tokens=price, fields={f"{path}.expected_price_tokens": [problem]}
        ) from error
    return Offer(style, license_type, price)
