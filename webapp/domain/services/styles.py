"""Make styles: take in an artist's artworks, confirm uploads, train again after a failure."""

import secrets
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from webapp.domain import jobs, market, pipelines
from webapp.domain.db import UnitOfWork
from webapp.domain.errors import (
    FieldProblem,
    InvalidTransition,
    TrainingInProgress,
    UploadIncomplete,
    ValidationFailed,
)
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Artist, User
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.style import (
    Artwork,
    PublishWhen,
    Style,
    TrainingStatus,
)
from webapp.domain.models.training import TrainingRun
from webapp.domain.prices import Prices
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import (
    artworks,
    base_models,
    offers,
    rights,
    style_names,
    tags,
    training,
    try_outs,
)

MAX_STYLE_TAGS = 10
TRIGGER_SLOTS = 64
SEED_RANGE = 2**31
RETRAINABLE = [TrainingStatus.FAILED, TrainingStatus.TRAINED]


@dataclass(frozen=True)
class NewStyle:
    """What an artist says of a new style.

    `name` is in any script; `english_name` becomes the tag that stands for it. Without one the tag
    is made of the name.
    """

    name: str
    description: str
    prices: Prices
    english_name: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    tags: tuple[str, ...] = ()
    rights_statement: str | None = None
    publish: PublishWhen = PublishWhen.BY_ARTIST


def store_images(
    unit_of_work: UnitOfWork,
    storage: Storage,
    *,
    artist_id: int,
    new: NewStyle,
    uploaded: list[artworks.UploadedImage],
) -> list[artworks.StoredImage]:
    """Put the files of a new style into storage, outside of any transaction.

    What would be refused later is refused first, in a short transaction; the checks are repeated
    when the style is created. Raises the errors of refused files (docs/api.md, Uploads); then
    nothing was stored.
    """
    artworks.check_count(len(uploaded))

    def check(session: Session) -> None:
        _clean_tags_of(session, new)
        _refuse_taken(session, artist_id, new.name)

    return artworks.store(unit_of_work, storage, uploaded, check)


def create_from_images(
    session: Session,
    *,
    artist: Artist,
    new: NewStyle,
    stored: list[artworks.StoredImage],
    base_model: str,
    request_id: str,
    accept_similar: bool = False,
) -> Style:
    """Create a style of files that `store_images` has stored, and start their checks."""
    artworks.check_count(len(stored))
    style = _new_style(session, artist, new, base_model)
    run = _new_run(session, style, accept_similar=accept_similar)
    artworks.add_stored(session, style, stored, first_idx=0)
    _start(session, run, request_id)
    return style


def create_from_declared(
    session: Session,
    storage: Storage,
    *,
    artist: Artist,
    new: NewStyle,
    files: list[artworks.DeclaredFile],
    base_model: str,
    accept_similar: bool = False,
) -> tuple[Style, list[artworks.Upload]]:
    """Make a style whose files follow by presigned uploads; training waits for the confirmation."""
    artworks.check_count(len(files))
    artworks.check_declared(files)
    files = artworks.with_clean_tags(session, files)
    style = _new_style(session, artist, new, base_model)
    _new_run(session, style, accept_similar=accept_similar)
    return style, artworks.add_declared(session, storage, style, files, first_idx=0)


def confirm_upload(
    unit_of_work: UnitOfWork, storage: Storage, *, artist_id: int, style_id: int, request_id: str
) -> None:
    """Start the checks once every declared file is in storage.

    Storage is read between two short transactions. Raises UploadIncomplete naming what is missing,
    with fresh URLs.
    """
    with unit_of_work() as session:
        keys = [artwork.upload_key for artwork in _awaited(session, artist_id, style_id)[1]]
    present = {key for key in keys if storage.head(key) is not None}
    with unit_of_work() as session:
        run, awaited = _awaited(session, artist_id, style_id)
        missing = [artwork for artwork in awaited if artwork.upload_key not in present]
        if missing:
            uploads = [artworks.upload_for(storage, artwork) for artwork in missing]
            raise UploadIncomplete(missing=[artwork.idx for artwork in missing], uploads=uploads)
        _start(session, run, request_id)


def _awaited(session: Session, artist_id: int, style_id: int) -> tuple[TrainingRun, list[Artwork]]:
    """Lock an unconfirmed training and return it with the artworks whose files it waits for."""
    offers.lock_slot(session, artist_id)
    style = offers.own_style(session, _viewer(session, artist_id), style_id)
    run = training.latest_run(session, style_id)
    if run is not None:
        # The end of an unconfirmed run may be under way: whoever holds the row first decides.
        session.refresh(run, with_for_update=True)
        session.refresh(style)
    if run is None or run.confirmed_at is not None or style.training_status != "pending":
        raise _wrong_state(style, "confirm-upload", [TrainingStatus.PENDING])
    return run, artworks.awaited(session, style_id)


def retrain(
    session: Session,
    storage: Storage,
    *,
    artist_id: int,
    style_id: int,
    remove_artwork_ids: list[int],
    stored: list[artworks.StoredImage],
    files: list[artworks.DeclaredFile],
    request_id: str,
    accept_similar: bool = False,
    publish: PublishWhen | None = None,
) -> tuple[Style, list[artworks.Upload]]:
    """Train a style again that failed, is not on sale yet or is outdated.

    Images may be taken out or added; with `accept_similar` those that are nearly the same as others
    are used too, as they are from then on. What happens after the training stays as before, unless
    `publish` says otherwise. What a trained style had learned before stays until it has learned
    something new. Raises GenerationStillProcessing while a try-out is being drawn with that.
    """
    offers.lock_slot(session, artist_id)
    style = _retrainable_style(session, artist_id, style_id)
    before = training.latest_run(session, style_id)
    accept_similar = accept_similar or (before is not None and before.accepts_similar)
    offers.refuse_second_active(session, artist_id, except_id=style_id)
    artworks.remove(session, style_id, remove_artwork_ids, accept_similar=accept_similar)
    present = artworks.present(session, style_id)
    artworks.check_count(len(present) + len(stored) + len(files))
    artworks.check_declared(files)
    files = artworks.with_clean_tags(session, files)
    was_on_sale = style.training_status == TrainingStatus.COMPLETED
    if not pipelines.advance_style(session, style_id, TrainingStatus.PENDING):
        raise _wrong_state(style, "retrain", RETRAINABLE)
    if was_on_sale:
        tags.uncount_uses(session, style.tags)  # they are counted again when it is published
    if publish is not None:
        style.publish = publish
    artworks.judge_again(session, present)
    next_idx = artworks.next_idx(session, style_id)
    run = _new_run(session, style, accept_similar=accept_similar)
    artworks.add_stored(session, style, stored, first_idx=next_idx)
    uploads = artworks.add_declared(
        session, storage, style, files, first_idx=next_idx + len(stored)
    )
    if not uploads:
        _start(session, run, request_id)
    session.refresh(style)
    return style, uploads


def store_added_images(
    unit_of_work: UnitOfWork,
    storage: Storage,
    *,
    artist_id: int,
    style_id: int,
    uploaded: list[artworks.UploadedImage],
) -> list[artworks.StoredImage]:
    """Put files that `retrain` adds into storage, outside of any transaction.

    A style that cannot be retrained is refused first, in a short transaction; `retrain` checks it
    again. Raises the errors of refused files (docs/api.md, Uploads); then nothing was stored.
    """
    with unit_of_work() as session:
        _retrainable_style(session, artist_id, style_id)
    return artworks.store(unit_of_work, storage, uploaded)


def _retrainable_style(session: Session, artist_id: int, style_id: int) -> Style:
    """Return an artist's own style if it can be retrained now; raises the errors of `retrain`."""
    style = offers.own_style(session, _viewer(session, artist_id), style_id)
    if style.training_status in {TrainingStatus.PENDING, TrainingStatus.TRAINING}:
        raise TrainingInProgress(style_id=style_id)
    if not _is_retrainable(session, style):
        raise _wrong_state(style, "retrain", RETRAINABLE)
    try_outs.refuse_unfinished(session, style_id)
    return style


def cancel(session: Session, *, artist_id: int, style_id: int) -> None:
    """Stop a training, or the wait for its files: the artworks stay, and the slot is free again.

    The answer to its next report tells the worker. Raises InvalidTransition after the end.
    """
    offers.lock_slot(session, artist_id)
    style = offers.own_style(session, _viewer(session, artist_id), style_id)
    run = training.latest_run(session, style_id)
    if run is None or not training.cancel(session, run):
        session.refresh(style)
        allowed = [TrainingStatus.PENDING, TrainingStatus.TRAINING]
        raise _wrong_state(style, "cancel", allowed)


def _viewer(session: Session, user_id: int) -> Viewer:
    return Viewer.of(session.get_one(User, user_id))


def expire_unconfirmed(session: Session) -> int:
    """End styles whose files were never confirmed in time; return how many."""
    runs = session.scalars(
        select(TrainingRun)
        .where(
            TrainingRun.confirmed_at.is_(None),
            TrainingRun.finished_at.is_(None),
            TrainingRun.uploads_expire_at < func.statement_timestamp(),
        )
        .with_for_update(skip_locked=True)
    ).all()
    for run in runs:
        run.finished_at = func.clock_timestamp()
        training.fail(
            session, run.id, "INSUFFICIENT_IMAGES", "The upload was not confirmed within a day."
        )
    return len(runs)


def _new_style(session: Session, artist: Artist, new: NewStyle, base_model: str) -> Style:
    """Add the style's row, in the slot of a failed one if there is one."""
    style_tags = _clean_tags_of(session, new)
    stated = new.rights_statement
    rights_version = None if stated is None else rights.version_of(stated)
    offers.lock_slot(session, artist.user_id)
    _refuse_taken(session, artist.user_id, new.name)
    session.execute(
        update(Style)
        .where(
            Style.artist_id == artist.user_id,
            Style.is_active,
            Style.training_status == TrainingStatus.FAILED,
        )
        .values(is_active=False)
    )
    style = Style(
        artist_id=artist.user_id,
        name=new.name,
        description=new.description,
        **new.prices.columns(),
        valid_from=new.valid_from or market.today(),
        valid_to=new.valid_to,
        tags=style_tags,
        base_model=base_model,
        trigger="",
        publish=new.publish,
        rights_statement=stated,
        rights_version=rights_version,
        rights_agreed_at=None if stated is None else func.clock_timestamp(),
    )
    session.add(style)
    session.flush()
    # Rare words that base models have no meaning for; the built-in vocabulary reserves 64.
    style.trigger = f"<style-{style.id % TRIGGER_SLOTS}>"
    return style


def _clean_tags_of(session: Session, new: NewStyle) -> list[str]:
    """Return the tags of a new style, that of its name first.

    Raises ValidationFailed, InvalidTagLanguage and TagNotAllowed.
    """
    name_tag = style_names.tag_of(new.name, new.english_name)
    style_tags = tags.normalise(new.tags)
    if len(style_tags) > MAX_STYLE_TAGS:
        raise ValidationFailed(
            fields={"tags": [FieldProblem("At most %(most)d tags.", most=MAX_STYLE_TAGS)]}
        )
    tags.refuse_blocked(session, [name_tag, *style_tags])
    return [name_tag, *(tag for tag in style_tags if tag != name_tag)]


def _refuse_taken(session: Session, artist_id: int, name: str) -> None:
    """Raise StyleLimitReached or DuplicateStyleName."""
    offers.refuse_second_active(session, artist_id)
    style_names.refuse_second(session, artist_id, name)


def _is_retrainable(session: Session, style: Style) -> bool:
    """Whether a style is not on sale, or is though no renderer can draw it any more."""
    if not style.is_active:
        return False
    if style.training_status == TrainingStatus.COMPLETED:
        return base_models.is_style_outdated(session, style.id)
    return style.training_status in RETRAINABLE


def _new_run(session: Session, style: Style, *, accept_similar: bool) -> TrainingRun:
    run = TrainingRun(
        style_id=style.id,
        accepts_similar=accept_similar,
        seed=secrets.randbelow(SEED_RANGE),
        uploads_expire_at=func.clock_timestamp() + timedelta(hours=24),
    )
    session.add(run)
    session.flush()
    return run


def _start(session: Session, run: TrainingRun, request_id: str) -> None:
    run.confirmed_at = func.clock_timestamp()
    session.flush()
    style = session.get_one(Style, run.style_id)
    # Workers report by style: a fence of an earlier run must never fit a later one.
    last_fence = session.scalar(
        select(func.max(Job.fence))
        .join(TrainingRun, TrainingRun.id == Job.ref)
        .where(Job.kind == JobKind.TRAINING, TrainingRun.style_id == run.style_id)
    )
    jobs.enqueue(
        session,
        JobKind.TRAINING,
        run.id,
        batch_key=style.base_model,
        request_id=request_id,
        last_fence=last_fence or 0,
    )


def _wrong_state(style: Style, action: str, allowed: list[TrainingStatus]) -> InvalidTransition:
    return InvalidTransition(
        **{"from": style.training_status, "action": action, "allowed": list(allowed)}
    )
