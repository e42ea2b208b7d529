"""Order images, cancel them, and end them: delivered and paid, or failed and refunded."""

import secrets

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from webapp.domain import jobs, pipelines
from webapp.domain.errors import (
    AlreadyCanceled,
    FieldProblem,
    Forbidden,
    GenerationNotFound,
    InsufficientTokens,
    InvalidTransition,
    LicenseNotSold,
    LicenseNotValid,
    PriceChanged,
    StyleNotFound,
    StyleNotReady,
    UnknownTags,
)
from webapp.domain.identifiers import public_id
from webapp.domain.models.account import User
from webapp.domain.models.generation import AspectRatio, Generation, GenerationStatus, Order
from webapp.domain.models.job import JobKind
from webapp.domain.models.license import IssuedLicense
from webapp.domain.models.notification import NotificationType
from webapp.domain.models.style import LicenseType, Style, TrainingStatus
from webapp.domain.prices import Prices
from webapp.domain.queries.pagination import AnyRow
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import (
    accounts,
    base_models,
    duplicates,
    generation_events,
    ledger,
    licenses,
    notification_groups,
    notifications,
    offers,
    prompts,
    sets_canvases,
    visibility,
    vocabulary,
    watermarks,
)
from webapp.domain.services.duplicates import Picture

SEED_RANGE = 2**32
# Images that everybody may see, in the words that the partial indexes have.
SHOWN = (Generation.is_public, ~Generation.is_flagged)
# What `may_see` asks of a row.
VISIBILITY = (
    Generation.user_id,
    Generation.status,
    Generation.is_public,
    Generation.is_flagged,
    Generation.deleted_at,
    Generation.price_tokens,
)


def may_see(viewer: Viewer, image: AnyRow | Generation) -> bool:
    """Tell whether a viewer may see an image, given its owner, state and flags."""
    if image.deleted_at is not None:
        return False  # its owner left: it is gone for administrators too
    is_done = image.status == GenerationStatus.COMPLETED
    is_shown = image.is_public and not image.is_flagged and is_done
    return is_shown or viewer.may_manage(image.user_id)


def may_have_file(viewer: Viewer, *, owner_id: int, artist_id: int) -> bool:
    """Tell whether the full file is for a viewer: the licensee, the artist, an administrator."""
    return viewer.may_manage(owner_id) or viewer.user_id == artist_id


def visible(session: Session, viewer: Viewer, generation_id: int) -> AnyRow:
    """Return owner, state and flags of an image that a viewer may see; else GenerationNotFound."""
    image = session.execute(select(*VISIBILITY).where(Generation.id == generation_id)).one_or_none()
    if image is None or not may_see(viewer, image):
        raise GenerationNotFound(id=generation_id)
    return image


def owner_of_completed(session: Session, viewer: Viewer, generation_id: int) -> int:
    """Return whose a completed image is that a viewer may see: such can be liked and commented.

    A try-out cannot. Raises GenerationNotFound.
    """
    image = visible(session, viewer, generation_id)
    if image.status != GenerationStatus.COMPLETED or image.price_tokens == 0:
        raise GenerationNotFound(id=generation_id)
    return int(image.user_id)


def request(
    session: Session,
    *,
    user: User,
    style_id: int,
    prompt_tags: list[str],
    negative_tags: list[str],
    description: str,
    aspect_ratio: AspectRatio,
    seed: int | None,
    style_strength: float,
    count: int,
    expected_price_tokens: int | None,
    request_id: str,
    license_type: LicenseType | None = None,
    allow_duplicate: bool = False,
    legal_name: str | None = None,
) -> Order:
    """Order `count` images: price and licence frozen, tokens held, rows queued, one job each.

    All or nothing: the caller's one commit makes all of it true. Image k gets seed + k. Without a
    `license_type` it is the style's default. Raises UnknownTags when no word is known, and
    DuplicatePicture for a picture that the buyer has already, unless `allow_duplicate`.
    """
    accounts.lock_active(session, user.id)
    prompt, negative = prompts.clean_tags(session, prompt_tags, negative_tags)
    style = style_for_sale(session, style_id, user.id)
    license_type, price = offered(style, license_type, aspect_ratio, expected_price_tokens)
    if not vocabulary.recognise(session, style, prompt).is_any_known:
        problem = FieldProblem("None of these tags is known.")
        raise UnknownTags(tags=prompt, fields={"prompt_tags": [problem]})
    total = price * count
    available = ledger.spendable(session, user.id, lock=True)
    seeds = seeds_of(seed, count)
    if not allow_duplicate:
        picture = Picture(prompt, negative, aspect_ratio, style_strength, license_type)
        duplicates.refuse(session, user_id=user.id, style=style, picture=picture, seeds=seeds)
    if available < total:
        raise InsufficientTokens(required=total, available=available)
    return place(
        session,
        user_id=user.id,
        style=style,
        seeds=seeds,
        request_id=request_id,
        license_type=license_type,
        legal_name=legal_name or None,
        prompt_tags=prompt,
        negative_tags=negative,
        description=description,
        aspect_ratio=aspect_ratio,
        style_strength=style_strength,
        price_tokens=price,
        adapter_sha256=style.adapter_sha256,
    )


def place(
    session: Session,
    *,
    user_id: int,
    style: Style,
    seeds: list[int],
    aspect_ratio: AspectRatio,
    price_tokens: int,
    license_type: LicenseType,
    request_id: str,
    legal_name: str | None = None,
    **columns: object,
) -> Order:
    """Write an order whose every condition is met: its images, what they cost, and their jobs.

    There is one image for each seed. `legal_name` is whom their certificates name. `columns` are
    those that all its images share. A price of 0 is that of a try-out.
    """
    order = Order(
        id=public_id("b_", 12),
        user_id=user_id,
        style_id=style.id,
        count=len(seeds),
        total_price_tokens=price_tokens * len(seeds),
        license_type=IssuedLicense(license_type),
        legal_name=legal_name,
    )
    session.add(order)
    session.flush()
    width, height = aspect_ratio.size
    for each_seed in seeds:
        watermark = watermarks.draw()
        generation = Generation(
            order_id=order.id,
            user_id=user_id,
            style_id=style.id,
            aspect_ratio=aspect_ratio,
            width=width,
            height=height,
            seed=each_seed,
            price_tokens=price_tokens,
            license_public_id=public_id("L_"),
            watermark_number=watermark.number,
            watermark_key_number=watermark.key_number,
            **columns,
        )
        session.add(generation)
        session.flush()
        if not generation.is_try_out:
            ledger.hold(session, generation)
        jobs.enqueue(
            session,
            JobKind.GENERATION,
            generation.id,
            batch_key=f"{style.base_model}:{width}x{height}",
            request_id=request_id,
        )
    return order


def seeds_of(first: int | None, count: int) -> list[int]:
    """Return the seeds of an order's images: neighbours, all different; by chance without one."""
    first = secrets.randbelow(SEED_RANGE) if first is None else first
    return [(first + k) % SEED_RANGE for k in range(count)]


def style_for_sale(session: Session, style_id: int, buyer_id: int) -> Style:
    """Return a style that a buyer may order an image in.

    Raises StyleNotFound, StyleNotReady, StyleOutdated and LicenseNotValid.
    """
    # Held until the order is there, as its foreign key would: an artist who leaves in the same
    # moment either waits and finds the order, or was first and the style is no longer on sale.
    style = session.scalar(
        select(Style)
        .where(Style.id == style_id)
        .with_for_update(read=True, key_share=True)
        .execution_options(populate_existing=True)
    )
    hidden = style is None or not style.is_active or style.is_flagged
    if style is None or hidden:
        raise StyleNotFound(id=style_id)
    if style.training_status != TrainingStatus.COMPLETED:
        if style.artist_id != buyer_id:
            raise StyleNotFound(id=style_id)
        raise StyleNotReady(training_status=style.training_status)
    base_models.refuse_outdated(session, style.id)
    if not offers.is_in_period(style.valid_from, style.valid_to):
        raise LicenseNotValid(
            valid_from=style.valid_from.isoformat(),
            valid_to=style.valid_to and style.valid_to.isoformat(),
        )
    return style


def offered(
    style: Style,
    license_type: LicenseType | None,
    aspect_ratio: AspectRatio,
    expected_price_tokens: int | None,
) -> tuple[LicenseType, int]:
    """Return the licence of an order, by default that of the style, and the price of one image.

    Raises LicenseNotSold, and PriceChanged unless it is the price that the buyer expects.
    """
    prices = Prices.of_style(style)
    license_type = license_type or prices.default
    price = prices.for_size(aspect_ratio).of(license_type)
    if price is None:
        problem = FieldProblem("One of %(choices)s.", choices=", ".join(prices.sold))
        raise LicenseNotSold(
            license_type=license_type, prices=prices, fields={"license_type": [problem]}
        )
    if expected_price_tokens not in {None, price}:
        raise PriceChanged(price_tokens=price)
    return license_type, price


def edit(
    session: Session,
    *,
    user_id: int,
    generation_id: int,
    is_public: bool | None = None,
    description: str | None = None,
) -> None:
    """Show an own image to everybody, hide it again, or describe it.

    Raises what `visibility.check_can_be_public` raises.
    """
    accounts.lock_active(session, user_id)
    generation = _own(session, user_id, generation_id)
    session.refresh(generation, with_for_update=True)  # its words are counted by what it was
    if is_public is not None:
        visibility.set_public(session, [generation], user_id=user_id, is_public=is_public)
    if description is not None:
        generation.description = description
    generation.updated_at = func.clock_timestamp()
    session.flush()


def _own(session: Session, user_id: int, generation_id: int) -> Generation:
    generation = session.get(Generation, generation_id)
    if generation is None:
        raise GenerationNotFound(id=generation_id)
    if generation.user_id != user_id:
        if may_see(Viewer.of(session.get_one(User, user_id)), generation):
            raise Forbidden(owner=False)
        raise GenerationNotFound(id=generation_id)
    return generation


def cancel(session: Session, *, user_id: int, generation_id: int) -> Generation:
    """Cancel an image that no worker has claimed, and return its tokens."""
    generation = _own(session, user_id, generation_id)
    if generation.status == GenerationStatus.CANCELED:
        is_free = generation.is_try_out
        at = generation.updated_at if is_free else ledger.refunded_at(session, generation_id)
        raise AlreadyCanceled(canceled_at=at)
    if not jobs.cancel_waiting(session, JobKind.GENERATION, generation_id):
        raise _not_cancelable(generation)
    canceled = pipelines.advance_generation(session, generation_id, GenerationStatus.CANCELED)
    if canceled is None:
        raise _not_cancelable(generation)
    if not canceled.is_try_out:
        ledger.refund(session, canceled)
    sets_canvases.resume_photo_edit(session, generation_id)
    return canceled


def _not_cancelable(generation: Generation) -> InvalidTransition:
    return InvalidTransition(
        **{"from": generation.status, "action": "cancel", "allowed": [GenerationStatus.QUEUED]}
    )


def fail(session: Session, generation_id: int, cause: str, message: str) -> None:
    """End an image for good: failed and refunded, with a notification, in the caller's one commit.

    Does nothing when the image has already ended.
    """
    failed = pipelines.advance_generation(
        session,
        generation_id,
        GenerationStatus.FAILED,
        failure_cause=cause,
        failure_message=message,
        progress=None,
    )
    if failed is None:
        return
    if not failed.is_try_out:
        ledger.refund(session, failed)
    if sets_canvases.resume_photo_edit(session, generation_id):
        return  # the photo's job has a notification of its own
    notifications.notify(
        session,
        failed.user_id,
        NotificationType.GENERATION_FAILED,
        target_type="generation",
        target_id=failed.id,
        details={"is_try_out": True} if failed.is_try_out else None,
    )
    generation_events.tell_failed(session, failed)


def complete(session: Session, generation_id: int, perceptual_hash: str, **image: object) -> None:
    """End an image well: pay the artist, issue the certificate, count the use, tell the buyer.

    `image` are the columns of the signed image. A try-out pays nobody and is not counted. Does
    nothing when the image has already ended.
    """
    generation = pipelines.advance_generation(
        session,
        generation_id,
        GenerationStatus.COMPLETED,
        completed_at=func.clock_timestamp(),
        progress=None,
        **image,
    )
    if generation is None:
        return
    if not generation.is_try_out:
        session.execute(
            update(Style)
            .where(Style.id == generation.style_id)
            .values(usage_count=Style.usage_count + 1)
        )
        ledger.release(session, generation)
    style = session.get_one(Style, generation.style_id)
    licenses.issue(session, generation, style, perceptual_hash)
    generation_events.tell_sold(session, generation, style)
    if sets_canvases.resume_photo_edit(session, generation_id):
        return  # the photo's job has a notification of its own
    notification_groups.notify_ready(session, generation)
    generation_events.tell_completed(session, generation)
