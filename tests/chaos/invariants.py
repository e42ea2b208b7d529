"""What must hold when all is quiet: the ledger, every answer that was given, every object."""

import io

from PIL import Image

from gpu.signature import watermark
from tests.stack import Stack
from webapp.domain.settings import DEVELOPMENT_WATERMARK_KEY

NAMED = """
    SELECT unnest(ARRAY[image_key, preview_key, thumbnail_key]) FROM generations
        WHERE status = 'completed'
    UNION SELECT unnest(ARRAY[adapter_key, thumbnail_key]) FROM styles
    UNION SELECT jsonb_array_elements_text(sample_keys || base_sample_keys) FROM styles
    UNION SELECT unnest(ARRAY[checkpoint_key, adapter_key]) FROM training_runs
    UNION SELECT jsonb_array_elements_text(sample_keys) FROM training_runs
    UNION SELECT adapter_key FROM checkpoints
    UNION SELECT jsonb_array_elements_text(sample_keys || thumbnail_keys || base_sample_keys)
          FROM checkpoints
    UNION SELECT clean_key FROM artworks
    UNION SELECT preview_key FROM shown_artworks
    UNION SELECT signature_key FROM artists
    UNION SELECT unnest(ARRAY[photo_key, preview_key, result_key, result_preview_key])
        FROM sets_photos
    UNION SELECT mask_key FROM sets_instances
    UNION SELECT jsonb_path_query(found, '$[*].mask_key') #>> '{}' FROM sets_masks
    UNION SELECT archive_key FROM sets_exports
    UNION SELECT archive_key FROM data_exports
    UNION SELECT unnest(ARRAY[picture_key, mask_key, painted_key]) FROM sets_restyles
        WHERE edit_id IN (SELECT sets_edits.id FROM sets_edits JOIN sets_photos
                          ON sets_photos.id = photo_id WHERE status <> 'done')
"""


def broken(stack: Stack, accepted: dict[str, list[int]] | None = None) -> list[str]:
    """Return every invariant that does not hold; call it when no job is unfinished.

    `accepted` names, per idempotency key, the generations that a 201 promised.
    """
    return [
        *stack.violations(),
        *_unfinished(stack),
        *_trainings_told(stack),
        *_objects(stack),
        *_sets(stack),
        *(_promises(stack, accepted) if accepted is not None else []),
    ]


def unmarked(stack: Stack, accepted: dict[str, list[int]]) -> list[str]:
    """Return the delivered pictures that do not carry the number of their order."""
    promised = [generation_id for ids in accepted.values() for generation_id in ids]
    query = "SELECT id, image_key, watermark_number FROM generations WHERE id = ANY(:ids)"
    found = []
    for row in stack.rows(f"{query} AND status = 'completed'", ids=promised):
        picture = Image.open(io.BytesIO(stack.storage.get(row.image_key))).convert("RGB")
        mark = watermark.detect(picture, {1: DEVELOPMENT_WATERMARK_KEY.encode()}, deep=False)
        if mark is None or mark.number != row.watermark_number % 2**64:
            found.append(f"generation {row.id} carries {mark}")
    return found


def _unfinished(stack: Stack) -> list[str]:
    left = stack.rows("SELECT id, state, step FROM jobs WHERE state IN ('queued', 'running')")
    return [f"I7 job {row.id} is {row.state} at {row.step}" for row in left]


def _trainings_told(stack: Stack) -> list[str]:
    rows = stack.rows(
        """
        SELECT runs.id, count(notifications.id) AS told
        FROM training_runs AS runs
        JOIN jobs ON jobs.kind = 'training' AND jobs.ref = runs.id
                 AND jobs.state IN ('done', 'failed')
        LEFT JOIN notifications ON notifications.dedupe_key LIKE '%:run:' || runs.id
        GROUP BY runs.id HAVING count(notifications.id) <> 1
        """
    )
    return [f"I10 training run {row.id} was told {row.told} times" for row in rows]


def _objects(stack: Stack) -> list[str]:
    """I9: completed if and only if there is an object of that size and hash, and no other."""
    found = []
    for row in stack.rows(
        "SELECT id, image_key, image_size, image_sha256 FROM generations WHERE status = 'completed'"
    ):
        info = stack.storage.head(row.image_key)
        if info is None or info.size != row.image_size:
            found.append(f"I9 generation {row.id} has no object of its size")
        elif stack.sha256(row.image_key) != row.image_sha256:
            found.append(f"I9 generation {row.id} has another object")
    stack.collect_garbage()
    named = {row[0] for row in stack.rows(NAMED)}
    stored = {info.key for info in stack.storage.list()}
    found += [f"I9 {key} is left over" for key in sorted(stored - named)]
    unlisted = stack.rows(
        "SELECT id FROM generations WHERE status <> 'completed' AND image_key IS NOT NULL"
    )
    return found + [f"I9 generation {row.id} has an image though it failed" for row in unlisted]


def _sets(stack: Stack) -> list[str]:
    """A photo has ended as its edit and its job have, once, and its result is what was recorded."""
    found = []
    for row in stack.rows(
        "SELECT sets_photos.*, sets_jobs.status AS job_status,"
        " (SELECT count(*) FROM sets_edits WHERE photo_id = sets_photos.id"
        "  AND delivered_at IS NOT NULL) AS delivered,"
        " (SELECT count(*) FROM sets_edits WHERE photo_id = sets_photos.id"
        "  AND delivered_at IS NULL AND returned_at IS NULL) AS open"
        " FROM sets_photos JOIN sets_jobs ON sets_jobs.id = job_id"
    ):
        has_ended = row.job_status in {"done", "failed", "canceled"}
        if row.delivered != (row.status == "done"):
            found.append(f"S1 photo {row.id} is {row.status}, delivered {row.delivered} times")
        if has_ended and (row.open or row.status not in {"done", "failed", "canceled"}):
            found.append(f"S2 photo {row.id} is {row.status} in a job that is {row.job_status}")
        if row.status == "done" and stack.sha256(row.result_key) != row.result_sha256:
            found.append(f"S3 photo {row.id} has another result")
    return found


def _promises(stack: Stack, accepted: dict[str, list[int]]) -> list[str]:
    """I8 and I12: what was accepted is there, once; nothing else was made by those keys."""
    promised = [generation_id for ids in accepted.values() for generation_id in ids]
    rows = stack.rows("SELECT id FROM generations WHERE id = ANY(:ids)", ids=promised)
    found = []
    if len(promised) != len(set(promised)):
        found.append("I12 two orders share a generation")
    if len(rows) != len(set(promised)):
        found.append(f"I8 {len(set(promised)) - len(rows)} accepted generations are not there")
    stored = stack.rows(
        "SELECT key, response -> 'batch' -> 'generation_ids' AS ids FROM idempotency_keys"
        " WHERE key = ANY(:keys)",
        keys=list(accepted),
    )
    if {row.key: row.ids for row in stored} != accepted:
        found.append("I8 stored answers are not those that were given")
    return found
