"""`flask sets …`: apply a rule to a folder of photos."""

import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

import click
from flask.cli import AppGroup
from pydantic import Field, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.cli.accounts import find_user
from webapp.cli.failures import failure
from webapp.cli.progress import JobProgress, watch
from webapp.domain.db import unit_of_work
from webapp.domain.errors import AlreadyCanceled, DomainError, InvalidTransition
from webapp.domain.gateways.editor import Point
from webapp.domain.gateways.storage import Storage, configured_storage
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_photo import PhotoStatus, SetsPhoto
from webapp.domain.services import (
    sets_accounts,
    sets_executions,
    sets_instances,
    sets_jobs,
    sets_uploads,
)
from webapp.domain.services.sets_instances import Clicked
from webapp.domain.services.sets_photos import ENDED
from webapp.domain.services.sets_uploads import DeclaredPhoto
from webapp.domain.settings import settings
from webapp.editor import EngineEditor
from webapp.schemas.fields import Body
from webapp.schemas.sets_instances import ClickPoint
from webapp.schemas.sets_jobs import RuleBody, TemplateId

sets = AppGroup("sets", help="Edit photo albums by rules.")
CONTENT_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
REQUEST_ID = "command-line"
SHARE = {
    PhotoStatus.CHECKING: 10,
    PhotoStatus.READY: 30,
    PhotoStatus.QUEUED: 50,
    PhotoStatus.RUNNING: 80,
}


class RuleFileClicks(Body):
    """Points on one photo of the album that select one instance of a concept."""

    photo: str = Field(min_length=1)
    concept: str = Field(min_length=1)
    points: list[ClickPoint] = Field(min_length=1, max_length=50)


class RuleFile(RuleBody):
    """Body of a rule file: the rules of an execution, and clicks on photos."""

    output_template: TemplateId | None = None
    clicks: list[RuleFileClicks] = Field(default_factory=list)


@dataclass(frozen=True)
class AlbumFile:
    """One photo of a folder; its group is the name of its folder inside ALBUM."""

    name: str
    path: Path
    group: str


@sets.command("apply")
@click.argument("album", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--preset", required=True, help="interior or seller.")
@click.option(
    "--rule", "rule_file", required=True, help="TOML with concepts, protect, overrides, clicks.",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)  # fmt: skip
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the results.",
)  # fmt: skip
@click.option("--user", "email", required=True, help="E-mail address of the account that pays.")
def apply(album: Path, preset: str, rule_file: Path, out: Path, email: str) -> None:
    """Apply one rule to all photos of ALBUM.

    The workers of this site do it, for one credit per photo.

    The photos of a folder inside ALBUM form a group of that name. Concepts that no worker can find
    are selected by clicks in the rule file; the output names the photos where none was found.
    An error and Ctrl-C cancel the job: credits of photos that are not finished are returned.
    """
    rule = _read_rule(rule_file)
    files = _photos(album)
    out.mkdir(parents=True, exist_ok=True)
    try:
        job_id = _create(email, preset, files)
        with _canceled_on_error(email, job_id):
            _upload(email, job_id, files)
            watch(lambda: _progress_of(job_id, until=PhotoStatus.READY))
            _execute(email, job_id, files, rule)
            photos = watch(lambda: _progress_of(job_id))
    except DomainError as error:
        raise failure(error) from error
    for line in _save(job_id, out):
        click.echo(line)
    if any(photo.status != PhotoStatus.DONE for photo in photos):
        raise click.ClickException("Some photos failed; their credits were returned.")


def _read_rule(path: Path) -> RuleFile:
    try:
        return RuleFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        lines = [
            f"  {'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors()
        ]
        raise click.ClickException("\n".join([f"{path} is not a rule file:", *lines])) from error


def _photos(album: Path) -> list[AlbumFile]:
    files = [
        AlbumFile(
            path.relative_to(album).as_posix(),
            path,
            "" if path.parent == album else path.parent.name,
        )
        for path in sorted(album.rglob("*"))
        if path.suffix.lower() in CONTENT_TYPES
    ]
    if not files:
        raise click.ClickException(f"{album} has no JPEG or PNG files.")
    return files


@contextmanager
def _canceled_on_error(email: str, row_id: int) -> Iterator[None]:
    """Cancel a job if the block fails or is interrupted, so that no credits stay reserved."""
    try:
        yield
    except BaseException:
        with suppress(AlreadyCanceled, InvalidTransition):  # the job has ended
            _cancel(email, row_id)
        raise


def _create(email: str, preset: str, files: Sequence[AlbumFile]) -> int:
    """Create a job for the files; return the id of its row."""
    declared = [
        DeclaredPhoto(
            filename=file.name,
            size=file.path.stat().st_size,
            content_type=CONTENT_TYPES[file.path.suffix.lower()],
            group=file.group,
        )
        for file in files
    ]
    with unit_of_work() as session:
        account = _account(session, email)
        job = sets_jobs.create(
            session, account, preset_id=preset, photos=declared, request_id=REQUEST_ID
        )
        return job.id


def _upload(email: str, row_id: int, files: Sequence[AlbumFile]) -> None:
    """Store the files of a job and confirm the upload."""
    with unit_of_work() as session:
        account_id = _account(session, email).id
        job_id = session.get_one(SetsJob, row_id).public_id
        keys = {photo.idx: photo.upload_key for photo in _rows(session, row_id)}
    for idx, file in enumerate(files):
        content_type = CONTENT_TYPES[file.path.suffix.lower()]
        _storage().put(keys[idx], file.path.read_bytes(), content_type=content_type)
    sets_uploads.confirm(
        unit_of_work, _storage(), account_id=account_id, job_id=job_id, request_id=REQUEST_ID
    )


def _execute(email: str, row_id: int, files: Sequence[AlbumFile], rule: RuleFile) -> None:
    indexes = {file.name: idx for idx, file in enumerate(files)}
    editor = EngineEditor()
    with unit_of_work() as session:
        account_id = _account(session, email).id
        job_id = session.get_one(SetsJob, row_id).public_id
    for clicks in rule.clicks:
        if clicks.photo not in indexes:
            raise click.ClickException(f"The album has no photo {clicks.photo}.")
        clicked = Clicked(
            idx=indexes[clicks.photo],
            concept=clicks.concept,
            points=tuple(Point(each.x, each.y, each.include) for each in clicks.points),
        )
        sets_instances.click(
            unit_of_work,
            _storage(),
            editor,
            account_id=account_id,
            job_id=job_id,
            clicked=clicked,
        )
    with unit_of_work() as session:
        sets_executions.execute(
            session,
            editor,
            session.get_one(SetsAccount, account_id),
            job_id,
            rules=[rule.rule_request()],
            output_template=rule.output_template,
            request_id=REQUEST_ID,
        )


def _cancel(email: str, row_id: int) -> None:
    """Cancel a job, which returns the credits of its unfinished photos."""
    with unit_of_work() as session:
        job_id = session.get_one(SetsJob, row_id).public_id
        sets_jobs.cancel(session, _account(session, email), job_id)


def _progress_of(row_id: int, until: PhotoStatus | None = None) -> list[JobProgress]:
    """Return the progress of the photos; finished when ended, or in the state `until`."""
    with unit_of_work() as session:
        return [
            JobProgress(
                label=photo.filename,
                status=photo.status,
                percent=100 if photo.status == until else SHARE.get(photo.status, 100),
                is_finished=photo.status in ENDED or photo.status == until,
            )
            for photo in _rows(session, row_id)
        ]


def _save(row_id: int, out: Path) -> list[str]:
    """Save the results; return one line for each photo, with its warnings."""
    lines = []
    with unit_of_work() as session:
        photos = [(each.filename, each.result_key, each) for each in _rows(session, row_id)]
    for name, key, photo in photos:
        if key is None:
            lines.append(f"{name}: {photo.failure_code or photo.status}")
            continue
        path = _free(out / name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_storage().get(key))
        missing = ", ".join(each["concept"] for each in photo.warnings)
        lines.append(f"{path}" + (f"  (not found: {missing})" if missing else ""))
    return lines


def _free(path: Path) -> Path:
    """Return the path as PNG, numbered if there is such a file: `a.jpg` and `a.png` are two."""
    numbered = (path.with_name(f"{path.stem}-{number}.png") for number in count(2))
    return next(each for each in chain([path.with_suffix(".png")], numbered) if not each.exists())


def _rows(session: Session, row_id: int) -> list[SetsPhoto]:
    query = select(SetsPhoto).where(SetsPhoto.job_id == row_id).order_by(SetsPhoto.idx)
    return list(session.scalars(query))


def _account(session: Session, email: str) -> SetsAccount:
    return sets_accounts.of_user(session, find_user(session, email))


def _storage() -> Storage:
    return configured_storage(settings())
