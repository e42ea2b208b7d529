"""Styles on offer: who sees one, and what its artist may change of it or take away."""

from collections.abc import Sequence
from datetime import date
from typing import TypedDict

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from webapp.domain import market, pipelines
from webapp.domain.errors import (
    DuplicateStyleName,
    FieldProblem,
    Forbidden,
    InvalidTransition,
    StyleInUse,
    StyleLimitReached,
    StyleNotFound,
    StyleNotReady,
    TrainingInProgress,
    ValidationFailed,
)
from webapp.domain.models.account import Artist, User
from webapp.domain.models.checkpoint import Checkpoint
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import LicenseType, Style, TrainingStatus
from webapp.domain.prices import CHEAPER, Prices
from webapp.domain.queries.pagination import AnyRow
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import accounts, base_models, checkpoints, tags

# Not "IS TRUE": only these very words let PostgreSQL use the indexes of what is shown.
SHOWN = (Style.is_active, ~Style.is_flagged)
TERMS_FROM = (TrainingStatus.TRAINED, TrainingStatus.COMPLETED)
ON_SALE = (*SHOWN, Style.training_status == TrainingStatus.COMPLETED)


class TermChanges(TypedDict, total=False):
    """What an artist changes of a style; without what stays the same.

    `prices` are all that it sells from now on. Without them `price_tokens` is the price of its
    default licence, and a `license_type` other than the default is the only licence from now on.
    """

    description: str
    price_tokens: int
    license_type: LicenseType
    prices: Prices
    valid_to: date | None
    is_active: bool


def may_see(viewer: Viewer, style: AnyRow | Style) -> bool:
    """Tell whether a viewer may see a style, given its artist, state and flags."""
    return _is_on_sale(style) or viewer.may_manage(style.artist_id)


def _is_on_sale(style: AnyRow | Style) -> bool:
    is_done = style.training_status == TrainingStatus.COMPLETED
    return style.is_active and not style.is_flagged and is_done


def is_in_period(valid_from: date, valid_to: date | None) -> bool:
    """Tell whether images may be ordered today, given the days of a style's licence."""
    today = market.today()
    return valid_from <= today and (valid_to is None or today <= valid_to)


def prices_today(session: Session, style_id: int) -> Prices | None:
    """Return the prices of a style of which images may be ordered today, else None."""
    style = session.execute(
        select(Style.license_type, Style.price_tokens, Style.commercial_price_tokens).where(
            Style.id == style_id, *orderable()
        )
    ).one_or_none()
    return None if style is None else Prices.of_style(style)


def is_orderable(style: AnyRow) -> bool:
    """Tell of a row, with state, period and `is_outdated`, if the style can be ordered today."""
    is_open = is_in_period(style.valid_from, style.valid_to)
    return _is_on_sale(style) and is_open and not style.is_outdated


def orderable() -> tuple[ColumnElement[bool] | InstrumentedAttribute[bool], ...]:
    """Return the conditions that images of a style may be ordered today."""
    today = market.today()
    in_period = (
        Style.valid_from <= today,
        or_(Style.valid_to.is_(None), Style.valid_to >= today),
    )
    return (*ON_SALE, *in_period, ~base_models.is_outdated())


def own_style(session: Session, viewer: Viewer, style_id: int) -> Style:
    """Return an artist's own style.

    Raises Forbidden for one that the viewer merely sees, StyleNotFound for every other.
    """
    style = session.get(Style, style_id)
    if style is None or not may_see(viewer, style):
        raise StyleNotFound(id=style_id)
    if style.artist_id != viewer.user_id:
        raise Forbidden(owner=False)
    return style


def lock_slot(session: Session, artist_id: int) -> None:
    """Let one change of an artist's styles at a time through, so that the checks after it hold."""
    accounts.lock_active(session, artist_id)
    # Not FOR UPDATE: a delivery, which has the style's row, must still refer to the artist.
    session.execute(
        select(Artist.user_id).where(Artist.user_id == artist_id).with_for_update(key_share=True)
    )


def refuse_second_active(session: Session, artist_id: int, except_id: int = 0) -> None:
    """Raise StyleLimitReached if another style of the artist takes the slot, locked before."""
    active = active_style(session, artist_id, except_id)
    if active is not None:
        raise StyleLimitReached(limit=1, style_id=active)


def active_style(session: Session, artist_id: int, except_id: int = 0) -> int | None:
    """Return the id of the style that takes an artist's slot, if there is one."""
    return session.scalar(
        select(Style.id).where(
            Style.artist_id == artist_id,
            Style.is_active,
            Style.training_status != TrainingStatus.FAILED,
            Style.id != except_id,
        )
    )


def make_room(session: Session, style: Style) -> None:
    """Let a style be switched on, whose artist's slot is locked: a failed one takes no slot.

    Raises StyleLimitReached, and DuplicateStyleName for a failed one whose name another has now.
    """
    if style.training_status == TrainingStatus.FAILED:
        twin = session.scalar(select(Style.id).where(_is_active_twin(style), Style.id != style.id))
        if twin is not None:
            raise DuplicateStyleName(style_id=twin)
        return
    refuse_second_active(session, style.artist_id, style.id)
    # A failed style that was to have this one's name gives it back.
    session.execute(update(Style).where(_is_active_twin(style)).values(is_active=False))


def _is_active_twin(style: Style) -> ColumnElement[bool]:
    return and_(
        Style.artist_id == style.artist_id,
        func.lower(Style.name) == style.name.lower(),
        Style.is_active,
    )


def edit(session: Session, *, user: User, style_id: int, changes: TermChanges) -> None:
    """Change the terms of an own style that is trained or on sale, or switch it on or off.

    What was ordered before keeps its price and licence. Raises StyleNotReady, StyleLimitReached.
    """
    lock_slot(session, user.id)
    style = own_style(session, Viewer.of(user), style_id)
    if style.training_status not in TERMS_FROM:
        raise StyleNotReady(training_status=style.training_status)
    valid_to = changes.get("valid_to")
    if valid_to is not None and valid_to <= max(style.valid_from, market.today()):
        raise ValidationFailed(
            fields={"valid_to": [FieldProblem("After valid_from and after today.")]}
        )
    if changes.get("is_active") and not style.is_active:
        make_room(session, style)
    for name, value in (_columns(changes) | _price_columns(style, changes)).items():
        setattr(style, name, value)
    style.updated_at = func.clock_timestamp()
    session.flush()


def _columns(changes: TermChanges) -> dict[str, object]:
    """Return the columns that changes name, other than those of prices."""
    of_prices = {"price_tokens", "license_type", "prices"}
    return {name: value for name, value in changes.items() if name not in of_prices}


def _price_columns(style: Style, changes: TermChanges) -> dict[str, object]:
    """Return the columns of the prices after changes; raises ValidationFailed."""
    before = Prices.of_style(style)
    kind = changes.get("license_type", before.default)
    price = changes.get("price_tokens")
    if "prices" in changes:
        prices, field = changes["prices"], "prices"
    elif kind != before.default:
        price = price or before.of(kind) or style.price_tokens
        prices, field = Prices.of_one(kind, price), "price_tokens"
    elif price is not None:
        prices, field = before.changed(kind, price), "price_tokens"
    else:
        return {}
    if prices.is_commercial_cheaper:
        raise ValidationFailed(fields={field: [CHEAPER]})
    return prices.columns()


def publish(
    session: Session, *, user: User, style_id: int, step: int | None = None, cover: int = 0
) -> None:
    """Put an own trained style on sale, as one of its checkpoints, the last by default.

    `cover` is the index of a sample of that checkpoint, from 0. It happens once: raises
    InvalidTransition for a style that is on sale already or not yet trained, ValidationFailed for
    a checkpoint or cover that is none, StyleLimitReached while another style takes the slot,
    StyleOutdated when no renderer could draw it.
    """
    lock_slot(session, user.id)
    style = own_style(session, Viewer.of(user), style_id)
    session.refresh(style, with_for_update=True)
    if style.training_status != TrainingStatus.TRAINED:
        raise _not_trained(style, "publish")
    base_models.refuse_outdated(session, style_id)
    checkpoint = checkpoints.choose(session, style_id, step)
    if not 0 <= cover < len(checkpoint.sample_keys):
        count = len(checkpoint.sample_keys)
        raise ValidationFailed(
            fields={"cover": [FieldProblem("%(least)d to %(most)d.", least=0, most=count - 1)]}
        )
    if not style.is_active:
        make_room(session, style)
        style.is_active = True
    put_on_sale(session, style, checkpoint, cover=cover)


def put_on_sale(session: Session, style: Style, checkpoint: Checkpoint, *, cover: int) -> None:
    """Sell what a checkpoint has learned, from now on; the cover comes first among the samples.

    Raises InvalidTransition when the style cannot go on sale.
    """
    style.adapter_key = checkpoint.adapter_key
    style.adapter_sha256 = checkpoint.adapter_sha256
    style.sample_keys = _moved_first(cover, checkpoint.sample_keys)
    style.base_sample_keys = _moved_first(cover, checkpoint.base_sample_keys)
    style.thumbnail_key = checkpoint.thumbnail_keys[cover]
    session.flush()
    if not pipelines.advance_style(session, style.id, TrainingStatus.COMPLETED):
        raise _not_trained(style, "publish")
    session.refresh(style)
    tags.count_use(session, style.tags)


def _moved_first(place: int, keys: Sequence[str]) -> list[str]:
    """Return the keys with that of one place before the others; no keys stay none."""
    return [*keys[place : place + 1], *keys[:place], *keys[place + 1 :]]


def _not_trained(style: Style, action: str) -> InvalidTransition:
    return InvalidTransition(
        **{"from": style.training_status, "action": action, "allowed": [TrainingStatus.TRAINED]}
    )


def remove(session: Session, *, user: User, style_id: int) -> None:
    """Switch an own style off that nobody has used. Raises TrainingInProgress, StyleInUse."""
    lock_slot(session, user.id)
    style = own_style(session, Viewer.of(user), style_id)
    # An order of this very moment is either counted below, or waits and finds nothing on sale.
    session.refresh(style, with_for_update=True)
    if style.training_status in {TrainingStatus.PENDING, TrainingStatus.TRAINING}:
        raise TrainingInProgress(style_id=style_id)
    used = session.scalar(
        select(func.count())
        .select_from(Generation)
        .where(Generation.style_id == style_id, ~Generation.is_try_out)
    )
    if used:
        raise StyleInUse(generations=used)
    style.is_active = False
    style.updated_at = func.clock_timestamp()
    session.flush()
