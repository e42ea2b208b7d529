"""Collections: make, change and delete them, put pictures into them and take them out.

A collection row is locked before its pictures change, so that its limit holds. Nothing is deleted
from a collection when a picture becomes private or hidden: it is left out while it is so.
A collection that an administrator has hidden (`is_flagged`) stays as it is for its owner.
"""

from collections.abc import Collection as Ids

from sqlalchemy import ColumnElement, delete as delete_rows, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain.errors import (
    CollectionFull,
    CollectionLimitReached,
    CollectionNotFound,
    FieldProblem,
    Forbidden,
    GenerationNotFound,
)
from webapp.domain.models.account import User
from webapp.domain.models.collection import Collection, CollectionPicture
from webapp.domain.models.generation import Generation
from webapp.domain.queries.pagination import AnyRow
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import accounts, generations

MAX_COLLECTIONS, MAX_PICTURES = 100, 500


def may_see(viewer: Viewer, collection: AnyRow) -> bool:
    """Tell whether a viewer may see a collection, given its owner and flags.

    Administrators see the public ones that are hidden, to decide on them, and no private ones.
    """
    is_shown = collection.is_public and (viewer.is_admin or not collection.is_flagged)
    return collection.is_active and (is_shown or viewer.user_id == collection.user_id)


def create(
    session: Session, *, user: User, name: str, description: str = "", is_public: bool = False
) -> int:
    """Make an empty collection; return its id. Raises CollectionLimitReached."""
    accounts.lock_exclusively(session, user.id)
    used = select(func.count()).select_from(Collection).where(Collection.user_id == user.id)
    if session.scalars(used).one() >= MAX_COLLECTIONS:
        problem = FieldProblem("At most %(most)d collections.", most=MAX_COLLECTIONS)
        raise CollectionLimitReached(limit=MAX_COLLECTIONS, fields={"name": [problem]})
    collection = Collection(
        user_id=user.id, name=name, description=description, is_public=is_public
    )
    session.add(collection)
    session.flush()
    return collection.id


def edit(
    session: Session,
    *,
    user_id: int,
    collection_id: int,
    name: str | None = None,
    description: str | None = None,
    is_public: bool | None = None,
) -> None:
    """Change what is given. Raises CollectionNotFound, and Forbidden for that of another."""
    accounts.lock_active(session, user_id)
    collection = _locked(session, user_id, collection_id)
    if name is not None:
        collection.name = name
    if description is not None:
        collection.description = description
    if is_public is not None:
        collection.is_public = is_public
    collection.updated_at = func.clock_timestamp()
    session.flush()


def delete(session: Session, *, user_id: int, collection_id: int) -> None:
    """Delete a collection, not its pictures. Raises CollectionNotFound and Forbidden."""
    accounts.lock_active(session, user_id)
    _locked(session, user_id, collection_id)
    _take_out(session, CollectionPicture.collection_id == collection_id)
    session.execute(delete_rows(Collection).where(Collection.id == collection_id))


def add(session: Session, *, user: User, collection_id: int, generation_id: int) -> None:
    """Put a picture that one may see into an own collection, if it is not in it.

    Raises CollectionNotFound, Forbidden, GenerationNotFound and CollectionFull.
    """
    accounts.lock_active(session, user.id)
    _locked(session, user.id, collection_id)
    _check_picture(session, user.id, generation_id)
    _put(session, collection_id, generation_id)


def remove(session: Session, *, user_id: int, collection_id: int, generation_id: int) -> None:
    """Take a picture out of an own collection.

    Raises CollectionNotFound and Forbidden, and GenerationNotFound for a picture that is not in it.
    """
    accounts.lock_active(session, user_id)
    _locked(session, user_id, collection_id)
    is_out = _take_out(
        session,
        CollectionPicture.collection_id == collection_id,
        CollectionPicture.generation_id == generation_id,
    )
    if not is_out:
        raise GenerationNotFound(id=generation_id)
    _mark_changed(session, collection_id)


def choose(
    session: Session,
    *,
    user: User,
    generation_id: int,
    chosen_ids: Ids[int],
    offered_ids: Ids[int],
    new_name: str = "",
) -> None:
    """Put a picture into the chosen ones of the offered collections, and take it out of the others.

    With `new_name` it is also put into a new private collection of this name. Raises what `create`
    and `add` raise.
    """
    if new_name:  # first: it locks more of the user's row than the others need
        chosen_ids = {*chosen_ids, create(session, user=user, name=new_name)}
    accounts.lock_active(session, user.id)
    collection_ids = sorted({*chosen_ids, *offered_ids})
    for collection_id in collection_ids:  # sorted, so that two requests never deadlock
        _locked(session, user.id, collection_id)
    _check_picture(session, user.id, generation_id)
    holding = select(CollectionPicture.collection_id).where(
        CollectionPicture.generation_id == generation_id,
        CollectionPicture.collection_id.in_(collection_ids),
    )
    before = set(session.scalars(holding))
    for collection_id in sorted(set(chosen_ids) - before):
        _put(session, collection_id, generation_id)
    left = sorted(before - set(chosen_ids))
    _take_out(
        session,
        CollectionPicture.generation_id == generation_id,
        CollectionPicture.collection_id.in_(left),
    )
    _mark_changed(session, *left)


def hide_all(session: Session, user_id: int) -> None:
    """Make the collections of a closed account private."""
    session.execute(
        update(Collection)
        .where(Collection.user_id == user_id, Collection.is_public)
        .values(is_public=False, updated_at=func.clock_timestamp())
    )


def delete_all(session: Session, user_id: int) -> None:
    """Delete the collections of a person, and the person's pictures in those of others.

    The pictures themselves are marked as deleted before: who adds one at the same time has locked
    its row, so that it is found here, or finds it deleted.
    """
    own = select(Collection.id).where(Collection.user_id == user_id)
    images = select(Generation.id).where(Generation.user_id == user_id)
    _take_out(session, CollectionPicture.collection_id.in_(own))
    _take_out(session, CollectionPicture.generation_id.in_(images))
    session.execute(delete_rows(Collection).where(Collection.user_id == user_id))


def _locked(session: Session, user_id: int, collection_id: int) -> Collection:
    """Lock an own collection. Raises CollectionNotFound, Forbidden for a public one of another."""
    of_id = select(Collection).where(Collection.id == collection_id)
    collection = session.scalar(
        of_id.where(Collection.user_id == user_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if collection is not None:
        return collection
    if session.scalar(of_id.where(Collection.is_public, ~Collection.is_flagged)) is not None:
        raise Forbidden(owner=False)
    raise CollectionNotFound(id=collection_id)


def _check_picture(session: Session, user_id: int, generation_id: int) -> None:
    """Raise GenerationNotFound for a picture that this person may not see, and for a try-out.

    Administrators may collect no more than others. The row stays locked, so that a picture that
    is deleted at the same time does not stay in a collection.
    """
    session.execute(
        select(Generation.id).where(Generation.id == generation_id).with_for_update(read=True)
    )
    generations.owner_of_completed(session, Viewer(user_id), generation_id)


def _put(session: Session, collection_id: int, generation_id: int) -> None:
    """Put a picture into a locked collection. Raises CollectionFull."""
    within = CollectionPicture.collection_id == collection_id
    added = session.scalar(
        insert(CollectionPicture)
        .values(collection_id=collection_id, generation_id=generation_id)
        .on_conflict_do_nothing()
        .returning(CollectionPicture.generation_id)
    )
    if added is None:
        return
    count = select(func.count()).select_from(CollectionPicture).where(within)
    if session.scalars(count).one() > MAX_PICTURES:
        problem = FieldProblem(
            "A collection holds at most %(most)d pictures, also those that are private now.",
            most=MAX_PICTURES,
        )
        raise CollectionFull(
            id=collection_id, limit=MAX_PICTURES, fields={"generation_id": [problem]}
        )
    _mark_changed(session, collection_id)


def _take_out(session: Session, *conditions: ColumnElement[bool]) -> bool:
    """Delete pictures from collections; return whether there were any.

    Their rows are locked in one order, so that two transactions never deadlock.
    """
    key = tuple_(CollectionPicture.collection_id, CollectionPicture.generation_id)
    keys = (
        select(CollectionPicture.collection_id, CollectionPicture.generation_id)
        .where(*conditions)
        .order_by(CollectionPicture.collection_id, CollectionPicture.generation_id)
        .with_for_update()
    )
    deleted = session.scalars(
        delete_rows(CollectionPicture)
        .where(key.in_(keys))
        .returning(CollectionPicture.generation_id)
    )
    return bool(deleted.all())


def _mark_changed(session: Session, *collection_ids: int) -> None:
    session.execute(
        update(Collection)
        .where(Collection.id.in_(collection_ids))
        .values(updated_at=func.clock_timestamp())
    )
