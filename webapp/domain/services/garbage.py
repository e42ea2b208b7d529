"""Garbage collection of storage: deletes objects whose key is in no row."""

import math
import time
from datetime import UTC, datetime, timedelta
from itertools import islice

from sqlalchemy import text

from webapp.domain.db import UnitOfWork
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.documents import PassPosition
from webapp.domain.services import task_cursors

MIN_AGE = timedelta(hours=24)
CURSOR = "collect_garbage"
# All columns with keys are read once for a batch, so few large ones.
BATCH = 20_000
STATEMENT_TIMEOUT = "120s"
# Every column with an object key; without an entry here its objects would be deleted.
REFERENCED_KEYS = """
    SELECT unnest(ARRAY[image_key, preview_key, thumbnail_key]) FROM generations
    UNION ALL SELECT unnest(ARRAY[adapter_key, thumbnail_key]) FROM styles
    UNION ALL SELECT jsonb_array_elements_text(sample_keys || base_sample_keys) FROM styles
    UNION ALL SELECT unnest(ARRAY[checkpoint_key, adapter_key]) FROM training_runs
    UNION ALL SELECT jsonb_array_elements_text(sample_keys) FROM training_runs
    UNION ALL SELECT adapter_key FROM checkpoints
    UNION ALL SELECT jsonb_array_elements_text(sample_keys || thumbnail_keys || base_sample_keys)
              FROM checkpoints
    UNION ALL SELECT unnest(ARRAY[upload_key, clean_key]) FROM artworks
    UNION ALL SELECT preview_key FROM shown_artworks
    UNION ALL SELECT signature_key FROM artists
    UNION ALL SELECT profile_image_key FROM users
    UNION ALL SELECT banner_key FROM artist_pages
    UNION ALL SELECT archive_key FROM data_exports
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
# Joined with the batch first: only its keys are compared, instead of all keys of all tables.
UNREFERENCED = f"""
    WITH batch AS MATERIALIZED (SELECT unnest(CAST(:keys AS text[])) AS key)
    SELECT key FROM batch
    EXCEPT
    SELECT named.key FROM ({REFERENCED_KEYS}) AS named (key) JOIN batch ON batch.key = named.key"""


def collect(
    storage: Storage,
    unit_of_work: UnitOfWork,
    *,
    older_than: timedelta = MIN_AGE,
    seconds: float = math.inf,
) -> int:
    """Delete unreferenced objects of a certain age until the time is up; return how many.

    The next run continues behind the last object that was looked at. The age protects objects that
    a running step has stored but not yet recorded.
    """
    before = datetime.now(UTC) - older_than
    until = time.monotonic() + seconds
    with unit_of_work() as session:
        position = task_cursors.resume(session, CURSOR) or PassPosition()
    objects = storage.list(after=position.get("after_key", ""))
    count, is_complete = 0, False
    while not is_complete:
        batch = list(islice(objects, BATCH))
        old = [info.key for info in batch if info.modified_at < before]
        count += _delete_unreferenced(storage, unit_of_work, old)
        is_complete = len(batch) < BATCH
        with unit_of_work() as session:
            task_cursors.save(
                session, CURSOR, None if is_complete else PassPosition(after_key=batch[-1].key)
            )
        if time.monotonic() >= until:
            break
    return count


def _delete_unreferenced(
    storage: Storage,
    unit_of_work: UnitOfWork,
    keys: list[str],
) -> int:
    if not keys:
        return 0
    with unit_of_work() as session:
        session.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'"))
        unreferenced = session.scalars(text(UNREFERENCED), {"keys": keys}).all()
    for key in unreferenced:
        storage.delete(key)
    return len(unreferenced)
