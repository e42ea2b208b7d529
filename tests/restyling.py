"""Albums painted in a style for tests: executed, painted as a renderer would, brought to an end."""

from datetime import timedelta

from sqlalchemy import select

from celery_config import TaskName
from tasks.on_cpu.deliver_generation import deliver_generation
from tasks.on_cpu.stamp_signature import stamp_signature
from tests import making, sets_albums as albums
from webapp.domain import jobs
from webapp.domain.models.account import Artist
from webapp.domain.models.generation import Generation
from webapp.domain.models.job import JobKind
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.models.sets_instance import SetsInstance
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_restyle import SetsRestyle
from webapp.domain.services import (
    duplicates,
    job_attempts,
    sets_executions,
    sets_jobs,
    sets_restyles,
)
from webapp.domain.services.duplicates import Picture
from webapp.domain.services.sets_executions import RuleRequest
from webapp.domain.services.sets_restyles import NewCanvas
from webapp.editor import EngineEditor

EDITOR = EngineEditor()


def restyle(style, strength=0.6, **options) -> dict:
    """A setting that paints with a style."""
    options = {"strength": strength} | options
    return {"action": "restyle", "value": str(style.id), "options": options}


def album(session, storage, *, tokens=100, instances=({},), photos=1, **columns):
    """A checked album of a signed-in person with parts in each photo; and a style on sale."""
    style = making.style(session, storage)
    buyer = making.user(session, tokens=tokens)
    tomorrow = jobs.NOW + timedelta(days=1)
    account = making.sets_account(session, user=buyer, pro_until=tomorrow)  # no watermark
    job = albums.album(session, storage, of=account, photos=photos, **columns)
    for photo in albums.photos_of(session, job):
        for number, each in enumerate(instances, start=1):
            albums.instance(session, photo, storage, **{"number": number} | each)
    return job, style


def execute(session, job, concepts, **wanted) -> None:
    """Execute a job as the site does."""
    account = session.get_one(SetsAccount, job.account_id)
    rules = [RuleRequest(concepts=concepts, protect=(), **wanted)]
    sets_executions.execute(
        session, EDITOR, account, job.public_id, rules=rules, output_template=None, request_id="r"
    )


def post_execute(client, job, setting, **more):
    """Send the rule for the walls of an album over HTTP."""
    body = {"concepts": {"Wall": setting}, "protect": []} | more
    return client.post(f"/api/v1/sets/jobs/{job.public_id}/execute", json=body)


def retry(session, job) -> None:
    account = session.get_one(SetsAccount, job.account_id)
    sets_jobs.retry(session, account, job.public_id, items=None, request_id="r")


def cancel(session, job) -> None:
    account = session.get_one(SetsAccount, job.account_id)
    sets_jobs.cancel(session, account, job.public_id)


def artist_of(session, style) -> Artist:
    return session.get_one(Artist, style.artist_id)


def deliver(job_id: int) -> None:
    """Stamp and deliver an image that a renderer has handed over."""
    stamp_signature(job_id=job_id)
    deliver_generation(job_id=job_id)


def edits(session) -> list[int]:
    """The jobs of all edits, the oldest first."""
    return [each.id for each in albums.work(session, JobKind.PHOTO_EDIT)]


def ordered(session, job, style, *, size=(512, 512)) -> Generation:
    """Order the walls of an executed job of one photo, as its edit does; return the first."""
    session.refresh(job)
    work = albums.work(session, JobKind.PHOTO_EDIT)[-1]
    lease = jobs.claim(session, work.id, TaskName.APPLY_RULES, 60)
    (photo,) = albums.photos_of(session, job)
    new = [
        NewCanvas(
            instance_id=each.id,
            concept="Wall",
            style_id=style.id,
            change=job.concepts["Wall"]["options"]["strength"],
            frame=(0, 0, 96, 96),
            size=size,
            picture_key=f"canvases/{each.id}.png",
            mask_key=f"canvases/{each.id}-mask.png",
            sha256="c" * 64,
        )
        for each in instances_of(session, photo)
    ]
    assert sets_restyles.order(session, lease, new)
    return canvases(session, job)[0][1]


def canvases(session, job) -> list[tuple[SetsRestyle, Generation]]:
    """What was ordered for a job, the oldest first."""
    rows = session.execute(
        select(SetsRestyle, Generation)
        .join(Generation, Generation.id == SetsRestyle.generation_id)
        .where(Generation.user_id == user_of(session, job))
        .order_by(SetsRestyle.id)
        .execution_options(populate_existing=True)
    )
    return [(row, image) for row, image in rows]


def instances_of(session, photo) -> list[SetsInstance]:
    query = select(SetsInstance).where(SetsInstance.photo_id == photo.id)
    return list(session.scalars(query.order_by(SetsInstance.id)))


def owned(session, style, image: Generation) -> dict[int, int]:
    """What an order of the same words, seed and shape would find that its buyer has already."""
    picture = Picture(
        image.prompt_tags, image.negative_tags, image.aspect_ratio, image.style_strength
    )
    return duplicates.owned(
        session,
        user_id=image.user_id,
        style=style,
        picture=picture,
        seeds=[image.seed],
    )


def user_of(session, job: SetsJob) -> int:
    found = select(SetsAccount.user_id).where(SetsAccount.id == job.account_id)
    return session.scalars(found).one()


def paint(committed, storage, image: Generation) -> bytes:
    """Render an image as a worker would, stamp and deliver it; return what was painted."""
    with committed.begin() as session:
        image = session.get_one(Generation, image.id)
        job = making.hand_on_to_stamping(session, storage, image)
        raw = storage.get(job.handover["raw_key"])
    deliver(job.id)
    return raw


def fail(session, image: Generation) -> None:
    """Let the renderer refuse an image for good."""
    lease = jobs.claim(session, making.job_of(session, image).id, TaskName.RENDER_IMAGES, 60)
    job_attempts.activate(session, lease)
    job_attempts.fail(session, lease, "SAFETY_BLOCKED", "The result was blank.")
