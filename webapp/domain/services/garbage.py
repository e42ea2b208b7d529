"""Garbage collection of storage: deletes objects whose key is in no row."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from webapp.domain.db import UnitOfWork
from webapp.domain.gateways.storage import ObjectInfo, Storage

MIN_AGE = timedelta(hours=24)
BATCH = 500
# Every column with an object key; without an entry here its objects would be deleted.
REFERENCED_KEYS = """
    SELECT unnest(ARRAY[image_key, preview_key, thumbnail_key]) FROM generations
    UNION ALL SELECT unnest(ARRAY[adapter_key, thumbnail_key]) FROM styles
    UNION ALL SELECT jsonb_array_elements_text(sample_keys) FROM styles
    UNION ALL SELECT unnest(ARRAY[checkpoint_key, adapter_key]) FROM training_runs
    UNION ALL SELECT jsonb_array_elements_text(sample_keys) FROM training_runs
    UNION ALL SELECT adapter_key FROM checkpoints
    UNION ALL SELECT jsonb_array_elements_text(sample_keys || thumbnail_keys) FROM checkpoints
    UNION ALL SELECT unnest(ARRAY[upload_key, clean_key]) FROM artworks
    UNION ALL SELECT signature_key FROM artists
    UNION ALL SELECT profile_image_key FROM users
    UNION ALL SELECT unnest(ARRAY[photo_key, preview_key, result_key, result_preview_key])
              FROM sets_photos WHERE NOT is_purged
    UNION ALL SELECT upload_key FROM sets_photos WHERE status IN ('awaited', 'checking')
    UNION ALL SELECT mask_key FROM sets_instances
              WHERE photo_id IN (SELECT id FROM sets_photos WHERE NOT is_purged)
    UNION ALL SELECT jsonb_path_query(found, '$[*].mask_key') #>> '{}' FROM sets_masks
    UNION ALL SELECT archive_key FROM sets_exports
              WHERE job_id IN (SELECT id FROM sets_jobs WHERE purged_at IS NULL)
    UNION ALL SELECT unnest(ARRAY[picture_key, mask_key, painted_key]) FROM sets_restyles
              WHERE instance_id IN (SELECT sets_instances.id FROM sets_instances
                                    JOIN sets_photos ON sets_photos.id = photo_id
                                    WHERE NOT is_purged AND status <> 'done')
    UNION ALL SELECT jsonb_path_query(handover, '$.found[*].mask_key') #>> '{}' FROM jobs
              WHERE state IN ('queued', 'running')
    UNION ALL SELECT jsonb_path_query(handover, '$.result.*') #>> '{}' FROM jobs
              WHERE state IN ('queued', 'running')
    UNION ALL SELECT handover ->> 'raw_key' FROM jobs WHERE state IN ('queued', 'running')
    UNION ALL SELECT jsonb_path_query(handover, '$.image.*') #>> '{}' FROM jobs
              WHERE state IN ('queued', 'running')
"""


def collect(
    storage: Storage,
    unit_of_work: UnitOfWork,
    *,
    older_than: timedelta = MIN_AGE,
) -> int:
    """Delete unreferenced objects of a certain age; return how many.

    The age protects objects that a running step has stored but not yet recorded.
    """
    before = datetime.now(UTC) - older_than
    batch: list[str] = []
    count = 0
    for info in storage.list():
        if _is_old(info, before):
            batch.append(info.key)
        if len(batch) == BATCH:
            count += _delete_unreferenced(storage, unit_of_work, batch)
            batch = []
    return count + _delete_unreferenced(storage, unit_of_work, batch)


def _is_old(info: ObjectInfo, before: datetime) -> bool:
    return info.modified_at < before


def _delete_unreferenced(
    storage: Storage,
    unit_of_work: UnitOfWork,
    keys: list[str],
) -> int:
    with unit_of_work() as session:
        unreferenced = session.scalars(
            text(f"SELECT unnest(CAST(:keys AS text[])) EXCEPT ({REFERENCED_KEYS})"),
            {"keys": keys},
        ).all()
    for key in unreferenced:
        storage.delete(key)
    return len(unreferenced)
