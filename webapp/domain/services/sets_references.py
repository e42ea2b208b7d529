"""References of rules to other photos of an album, `match:<idx>`: they must be usable.

A setting was checked when it was given. Its photo may be missing by now: a job with some photos of
another one has copies of the own rules of instances, and photos that cannot be decoded are dropped.
"""

from collections.abc import Iterable, Sequence

from webapp.domain import sets_settings
from webapp.domain.errors import FieldProblem, ValidationFailed
from webapp.domain.models.documents import Setting
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_photo import SetsPhoto
from webapp.domain.services.sets_job_states import refuse_unchecked

UNREADABLE = FieldProblem("This photo could not be read: choose another one.")


def check(
    job: SetsJob,
    action: str,
    photos: Sequence[SetsPhoto],
    settings: Iterable[tuple[str, str, Setting]],
) -> dict[int, SetsPhoto]:
    """Return the photos that settings refer to, by index; each has a small copy.

    `settings` are (path in the request, concept, setting), `photos` all photos of the job. Raises
    ValidationFailed for a photo that the job does not have or that could not be read, and
    InvalidTransition while one is being checked.
    """
    by_idx = {photo.idx: photo for photo in photos}
    indexes = {path: sets_settings.reference_of(setting) for path, _, setting in settings}
    references = {path: idx for path, idx in indexes.items() if idx is not None}
    unknown = [path for path, idx in references.items() if idx not in by_idx]
    if unknown:
        raise ValidationFailed(
            fields={f"{path}.value": [sets_settings.NO_PHOTO] for path in unknown}
        )
    matched = {idx: by_idx[idx] for idx in sorted(references.values())}
    refuse_unchecked(job, action, list(matched.values()))
    unreadable = [path for path, idx in references.items() if not _is_readable(matched[idx])]
    if unreadable:
        raise ValidationFailed(fields={f"{path}.value": [UNREADABLE] for path in unreadable})
    return matched


def _is_readable(photo: SetsPhoto) -> bool:
    return photo.preview_key is not None and not photo.is_purged
