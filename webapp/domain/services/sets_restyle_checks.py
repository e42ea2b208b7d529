"""Checks of the styles that a job of Sets paints with: on sale, price, sufficient tokens.

They run at an execution or a retry, before anything is queued or charged.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import sets_settings
from webapp.domain.errors import (
    FieldProblem,
    InsufficientTokens,
    InvalidTagLanguage,
    LicenseNotValid,
    StyleNotFound,
    StyleNotReady,
    StyleOutdated,
    TagNotAllowed,
    ValidationFailed,
)
from webapp.domain.models.documents import Setting
from webapp.domain.models.generation import Generation
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.models.sets_instance import InstanceState, SetsInstance
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_photo import PhotoStatus, SetsPhoto
from webapp.domain.models.sets_restyle import SetsRestyle
from webapp.domain.services import generations, ledger, prompts, sets_choices
from webapp.domain.services.duplicates import NOT_DELIVERED
from webapp.domain.sets_presets import Action, Preset, UnknownConcept

NOT_ON_SALE = FieldProblem("This style is not on sale.")
NO_WORDS = FieldProblem("Use English tags that are allowed in orders.")
OVER = (PhotoStatus.DONE, PhotoStatus.CANCELED)
Prices = dict[str, int]
"""Tokens for one region, by the id of the style as settings write it."""


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


def prices(
    session: Session,
    account: SetsAccount,
    preset: Preset,
    settings: Iterable[tuple[str, str, Setting]],
) -> Prices:
    """Return the price per region of the styles of some settings.

    `settings` are (path in the request, concept, setting). Raises ValidationFailed with the field
    for an anonymous account, a style that is not on sale, and a person's own concept whose words
    are not allowed in orders.
    """
    by_style: Prices = {}
    for path, concept, setting in settings:
        if not is_restyle(setting):
            continue
        if account.user_id is None:
            raise ValidationFailed(fields={f"{path}.action": [sets_settings.SIGN_IN]})
        _check_words(session, words(preset, concept, setting.get("prompt")), path)
        style_id = str(setting["value"])
        by_style[style_id] = _price(session, account.user_id, style_id, path)
    return by_style


def prices_of_instances(
    session: Session, account: SetsAccount, preset: Preset, photos: Sequence[SetsPhoto]
) -> Prices:
    """Return the prices of the styles in the own rules of instances of these photos."""
    every = select(SetsInstance).where(
        SetsInstance.photo_id.in_([photo.id for photo in photos]),
        SetsInstance.state == InstanceState.INCLUDE,
        SetsInstance.rule.is_not(None),
    )
    settings = (
        (f"instances.{each.public_id}.rule", each.concept, each.rule)
        for each in session.scalars(every.order_by(SetsInstance.id))
        if each.rule is not None
    )
    return prices(session, account, preset, settings)


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
        price = job.style_prices[style_id]
        generations.style_for_sale(session, int(style_id), account.user_id or 0, price)
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


def _price(session: Session, user_id: int, style_id: str, path: str) -> int:
    try:
        return generations.style_for_sale(session, int(style_id), user_id, None).price_tokens
    except (StyleNotFound, StyleNotReady, StyleOutdated, LicenseNotValid) as error:
        raise ValidationFailed(fields={f"{path}.value": [NOT_ON_SALE]}) from error
