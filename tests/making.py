"""Rows for tests, made as the product makes them wherever it can."""

import hashlib
import io
import json
import struct
from itertools import count

from PIL import Image, ImageDraw
from sqlalchemy import select, text, update

from celery_config import TaskName
from webapp.domain import jobs, pipelines
from webapp.domain.models.account import Artist, Role, User
from webapp.domain.models.generation import AspectRatio, Generation
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.payment import Purchase
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.models.style import Artwork, ArtworkStatus, Style, TrainingStatus
from webapp.domain.models.training import TrainingRun
from webapp.domain.services import (
    artworks as artwork_service,
    checkpoints,
    generations,
    ledger,
    offers,
    payouts,
    purchase_delivery,
    purchases,
    refund_requests,
    sets_accounts,
    sets_credits,
    sets_purchases,
    shown_artworks,
    training as training_service,
    try_outs,
)
from webapp.domain.services.checkpoints import MadeCheckpoint, SignedSamples
from webapp.domain.services.ledger_check import INVARIANTS
from webapp.domain.services.shown_artworks import Choice
from webapp.domain.services.training import Publication

BASE_SHA256 = hashlib.sha256(b"the weights of the base model").hexdigest()


def adapter(*numbers: float, base_model_sha256: str = BASE_SHA256) -> bytes:
    """A style file in the layout of safetensors, with one tensor."""
    data = struct.pack(f"<{len(numbers)}f", *numbers)
    tensor = {"dtype": "F32", "shape": [len(numbers)], "data_offsets": [0, len(data)]}
    metadata = {"base_model_sha256": base_model_sha256}
    header = json.dumps({"__metadata__": metadata, "unet.a.lora_A.weight": tensor}).encode()
    return struct.pack("<Q", len(header)) + header + data


ADAPTER = adapter(1.0, -2.5, 0.0)
ADAPTER_SHA256 = hashlib.sha256(ADAPTER).hexdigest()
_numbers = count(1)


def signature_png() -> bytes:
    """A drawn signature: black strokes on nothing."""
    image = Image.new("RGBA", (300, 100), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    pen.line([(10, 80), (80, 15), (140, 85), (210, 20), (290, 70)], (0, 0, 0, 255), width=8)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def picture_png(width: int = 512, height: int = 512, *, seed: int = 0) -> bytes:
    """A picture with structure, another for each seed."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    pen = ImageDraw.Draw(image)
    left = 20 + 37 * seed % (width // 2)
    pen.ellipse((left, 60, left + width // 3, 300), (200, 40 + seed % 200, 60))
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def user(session, *, tokens: int = 100, **columns) -> User:
    """A person with the welcome bonus and more or less of it left."""
    number = next(_numbers)
    made = User(
        google_sub=f"sub-{number}",
        email=f"person{number}@example.org",
        username=f"person{number}",
        **columns,
    )
    session.add(made)
    session.flush()
    ledger.welcome(session, made)
    if tokens > ledger.WELCOME_TOKENS:
        ledger.grant(session, made.id, tokens - ledger.WELCOME_TOKENS, key=f"test-{number}")
    elif tokens < ledger.WELCOME_TOKENS:
        take_tokens(session, made.id, ledger.WELCOME_TOKENS - tokens)
    return made


def take_tokens(session, user_id: int, amount: int) -> None:
    ledger.move(
        session,
        ledger.account_of(session, user_id, "spendable"),
        ledger.account_of(session, None, "platform"),
        amount,
        "grant",
        key=f"taken-{next(_numbers)}",
    )


def earn_tokens(session, user_id: int, amount: int) -> None:
    """Let a person have earned tokens without a sale."""
    ledger.move(
        session,
        ledger.account_of(session, None, "platform"),
        ledger.account_of(session, user_id, "earned"),
        amount,
        "grant",
        key=f"earned-{next(_numbers)}",
    )


def payout(session, user_id: int, amount: int = 100) -> int:
    """An open payout request of a person, who gets the tokens for it."""
    earn_tokens(session, user_id, amount)
    return payouts.request(session, user_id, amount, payouts.PayoutTerms(70, amount, 14))


def paid(session, buyer: User, package_id: str = "basic_100") -> Purchase:
    """A package of tokens or Sets that was paid, and delivered."""
    if sets_purchases.is_offered(package_id):
        made = sets_purchases.order_any(session, user=buyer, package_id=package_id)
    else:
        made = purchases.order_tokens(session, user_id=buyer.id, package_id=package_id)
    made.status, made.payment_key, made.approved_at = "paid", f"key-{made.id}", jobs.NOW
    session.flush()
    session.refresh(made)
    purchase_delivery.deliver(session, made)
    return made


def asked_back(session, buyer: User, reason: str = "") -> Purchase:
    """A paid package of tokens whose refund its buyer asks for."""
    made = paid(session, buyer)
    refund_requests.request(session, user_id=buyer.id, order_id=made.order_id, reason=reason)
    return made


def sets_account(session, *, user: User | None = None, balance: int = 10, **columns) -> SetsAccount:
    """An account of Sets, anonymous or a person's, with so many credits (from 10)."""
    if user is None:
        made = sets_accounts.open_anonymous(session)
    else:
        made = sets_accounts.of_user(session, user)
    if balance > made.credits:
        key = f"test-{next(_numbers)}"
        sets_credits.grant(session, made.id, balance - made.credits, key=key)
    if columns:
        session.execute(update(SetsAccount).where(SetsAccount.id == made.id).values(**columns))
    session.flush()
    session.refresh(made)
    return made


def artist(session, storage=None, **columns) -> Artist:
    """A person who became an artist; with a storage, the signature lies in it."""
    owner = user(session, role=Role.ARTIST)
    drawing = signature_png()
    made = Artist(
        user_id=owner.id,
        artist_name=f"Artist {owner.id}",
        contact_email=owner.email,
        signature_key=f"signatures/{owner.id}.png",
        signature_sha256=hashlib.sha256(drawing).hexdigest(),
        **columns,
    )
    session.add(made)
    session.flush()
    if storage is not None:
        storage.put(made.signature_key, drawing, content_type="image/png")
    return made


def style(session, storage=None, *, of: Artist | None = None, **columns) -> Style:
    """A style on sale for ten tokens, unless the columns say otherwise."""
    owner = of or artist(session, storage)
    number = next(_numbers)
    made = Style(
        **{
            "artist_id": owner.user_id,
            "name": f"Ink Harbor {number}",
            "description": "Piers in ink.",
            "price_tokens": 10,
            "license_type": "commercial",
            "valid_from": session.scalar(text("SELECT current_date - 1")),
            "tags": [f"ink harbor {number}", "boat"],
            "training_status": TrainingStatus.COMPLETED,
            "base_model": "built-in",
            "trigger": "<style-1>",
            "adapter_key": f"training/{number}/1-adapter.safetensors",
            "adapter_sha256": ADAPTER_SHA256,
        }
        | columns
    )
    session.add(made)
    session.flush()
    if storage is not None and made.adapter_key:
        storage.put(made.adapter_key, ADAPTER, content_type="application/octet-stream")
    return made


def order(session, buyer: User, wanted: Style, **changes) -> list[Generation]:
    """Order images as the site does."""
    made = generations.request(
        session,
        user=buyer,
        style_id=wanted.id,
        **{
            "prompt_tags": ["boat", "sea"],
            "negative_tags": [],
            "description": "",
            "aspect_ratio": AspectRatio.SQUARE,
            "seed": 7,
            "style_strength": 1.0,
            "count": 1,
            "expected_price_tokens": None,
            "request_id": "request-1",
            "allow_duplicate": True,
        }
        | changes,
    )
    found = select(Generation).where(Generation.order_id == made.id).order_by(Generation.id)
    return list(session.scalars(found))


def delivered(session, storage, count: int) -> list[Generation]:
    """Pictures that one buyer ordered one by one in one style, brought to their end."""
    buyer, wanted = user(session), style(session, storage)
    images = [order(session, buyer, wanted, seed=seed)[0] for seed in range(count)]
    for image in images:
        finish(session, storage, image)
    return images


def generation(session, storage=None, *, tokens: int = 100, **changes) -> Generation:
    """One ordered image of a new buyer in a new style."""
    return order(session, user(session, tokens=tokens), style(session, storage), **changes)[0]


def rendering_progress(percent: int, *, estimated_seconds: int | None = None) -> dict[str, object]:
    """The progress of a rendering as a worker's reports leave it."""
    return {
        "current_step": percent // 2,
        "total_steps": 50,
        "progress_percent": percent,
        "estimated_seconds": estimated_seconds,
        "last_updated": "2026-11-28T09:00:00Z",
    }


def finish(session, storage, made: Generation, *, is_public: bool = False) -> None:
    """Bring an image to its end as the two CPU steps would, without drawing anything."""
    keys = {f"{kind}_key": f"{kind}s/{made.id}.png" for kind in ("image", "preview", "thumbnail")}
    for key in keys.values():
        storage.put(key, signature_png(), content_type="image/png")
    generations.pipelines.advance_generation(session, made.id, "processing")
    change_job(session, job_of(session, made).id, state="done")
    generations.complete(session, made.id, "0" * 16, image_sha256="a" * 64, image_size=100, **keys)
    if is_public:
        generations.edit(session, user_id=made.user_id, generation_id=made.id, is_public=True)


def training(
    session,
    storage=None,
    *,
    works: int = 10,
    status=ArtworkStatus.VALID,
    step=None,
    of=None,
    base_model: str = "built-in",
) -> TrainingRun:
    """A confirmed training run with its works, its job waiting at a step."""
    made = style(
        session,
        storage,
        of=of,
        base_model=base_model,
        training_status=TrainingStatus.PENDING,
        adapter_key=None,
        adapter_sha256=None,
    )
    artworks(session, made, count=works, status=status)
    run = TrainingRun(style_id=made.id, seed=1, confirmed_at=jobs.NOW)
    session.add(run)
    session.flush()
    job = jobs.enqueue(session, JobKind.TRAINING, run.id, batch_key=made.base_model)
    if step is not None:
        change_job(session, job.id, step=step)
    return run


def artworks(session, of: Style, *, count: int, status=ArtworkStatus.VALID) -> list[Artwork]:
    """Add works to a style, behind those that it has."""
    first = artwork_service.next_idx(session, of.id)
    clean = status is ArtworkStatus.VALID
    made = [
        Artwork(
            style_id=of.id,
            idx=idx,
            filename=f"work {idx}.png",
            upload_key=f"uploads/{of.id}-{idx}.png",
            declared_size=1000,
            content_type="image/png",
            tags=[of.tags[0]],
            status=status,
            clean_key=f"artworks/{of.id}-{idx}.png" if clean else None,
        )
        for idx in range(first, first + count)
    ]
    session.add_all(made)
    session.flush()
    return made


def show_artworks(session, of: Style, chosen: list[Artwork], *, titles: list[str]) -> None:
    """Let the artist show works, in this order, with previews as their jobs would make them."""
    shown_artworks.choose(
        session,
        user=session.get_one(User, of.artist_id),
        style_id=of.id,
        chosen=[Choice(work.id, title) for work, title in zip(chosen, titles, strict=True)],
        request_id="r",
    )
    rows = select(Job.id).where(Job.kind == JobKind.ARTWORK_PREVIEW, Job.state == JobState.QUEUED)
    for job_id in session.scalars(rows).all():
        lease = jobs.claim(session, job_id, TaskName.PREVIEW_ARTWORK, 60)
        key = f"artwork-previews/{lease.ref}.webp"
        shown_artworks.record(session, lease, preview_key=key, width=640, height=480)


def checkpoint(session, run: TrainingRun, storage=None, *, step: int = 50, **changes) -> str:
    """Record a checkpoint with two samples as its worker would; returns the adapter's key.

    The two samples of the base model are those of every checkpoint of the run.
    """
    key = f"training/{run.id}/1-{step}.safetensors"
    adapter = ADAPTER + str(step).encode()
    samples = [f"training/{run.id}/1-{step}-{place}.png" for place in range(2)]
    base_samples = [f"training/{run.id}/1-base-{place}.png" for place in range(2)]
    made = MadeCheckpoint(
        **{
            "step": step,
            "adapter_key": key,
            "adapter_sha256": hashlib.sha256(adapter).hexdigest(),
            "adapter_size": len(adapter),
            "sample_keys": samples,
            "base_sample_keys": base_samples,
        }
        | changes
    )
    checkpoints.record(session, run.id, made)
    if storage is not None:
        storage.put(key, adapter, content_type="application/octet-stream")
        for place, sample in enumerate([*samples, *base_samples]):
            storage.put(sample, picture_png(seed=step + place), content_type="image/png")
    return key


def signed(publication: Publication) -> dict[int, SignedSamples]:
    """The signed samples of every checkpoint, as publish_style would name them."""
    return {
        each.checkpoint_id: SignedSamples(
            [f"samples/{each.checkpoint_id}-{place}.webp" for place, _ in enumerate(samples)],
            [f"thumbnails/{each.checkpoint_id}-{place}.webp" for place, _ in enumerate(samples)],
            [f"samples/base-{place}.webp" for place, _ in enumerate(each.base_sample_keys)],
        )
        for each in publication.checkpoints
        for samples in [each.sample_keys]
    }


def trained(session, storage=None, *, steps=(50, 100, 150), of=None, gain=None) -> Style:
    """A style that waits for its artist, with checkpoints; objects lie in the storage, if any."""
    run = training(session, storage, step=TaskName.PUBLISH_STYLE, of=of)
    pipelines.advance_style(session, run.style_id, TrainingStatus.TRAINING)
    for step in steps:
        checkpoint(session, run, storage, step=step, gain=gain, held_out_loss=1 / step)
    lease = jobs.claim(session, job_of(session, run).id, TaskName.PUBLISH_STYLE, 60)
    found = training_service.publication(session, lease)
    samples = signed(found)
    if storage is not None:
        for each in samples.values():
            for key in [*each.sample_keys, *each.thumbnail_keys, *each.base_sample_keys]:
                storage.put(key, signature_png(), content_type="image/png")
    assert training_service.publish(session, found, samples)
    return session.get(Style, run.style_id, populate_existing=True)


def put_on_sale(session, wanted: Style, **choice) -> None:
    """Let the artist of a trained style put it on sale."""
    artist_of = session.get(User, wanted.artist_id)
    offers.publish(session, user=artist_of, style_id=wanted.id, **choice)


def try_out(session, wanted: Style, **changes) -> Generation:
    """One try-out of the artist of a trained style."""
    made = try_outs.request(
        session,
        style_id=wanted.id,
        **{
            "user": session.get(User, wanted.artist_id),
            "step": None,
            "prompt_tags": ["boat", "sea"],
            "negative_tags": [],
            "aspect_ratio": AspectRatio.SQUARE,
            "seed": 7,
            "style_strength": 1.0,
            "count": 1,
            "request_id": "request-1",
        }
        | changes,
    )
    return session.scalars(
        select(Generation).where(Generation.order_id == made.id).order_by(Generation.id)
    ).first()


def job_of(session, row: Generation | TrainingRun) -> Job:
    """The job of a row as it stands in the database now."""
    kind = JobKind.GENERATION if isinstance(row, Generation) else JobKind.TRAINING
    return session.scalars(
        select(Job)
        .where(Job.kind == kind, Job.ref == row.id)
        .execution_options(populate_existing=True)
    ).one()


def change_job(session, job_id: int, **columns) -> None:
    """Put a job where a test wants it, past all rules."""
    session.execute(update(Job).where(Job.id == job_id).values(**columns))


def hand_on_to_stamping(session, storage, made: Generation, raw: bytes | None = None) -> Job:
    """Bring a generation to the stamping step as a renderer would."""
    data = raw or picture_png(made.width, made.height)
    job = job_of(session, made)
    lease = jobs.claim(session, job.id, TaskName.RENDER_IMAGES, 60)
    key = f"raw/{made.id}/{lease.fence}-image.png"
    storage.put(key, data, content_type="image/png")
    generations.pipelines.advance_generation(session, made.id, "processing")
    jobs.queue_next_step(session, lease, raw_key=key, raw_sha256=hashlib.sha256(data).hexdigest())
    return job_of(session, made)


def violations(session, *, only: str = "") -> list[str]:
    """What the ledger check finds, seen from inside a transaction."""
    session.flush()
    return [
        f"{name}: {finding}"
        for name, query in INVARIANTS.items()
        if name.startswith(only)
        for finding in session.scalars(text(query))
    ]
