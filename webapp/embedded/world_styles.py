"""The styles of `world.py`: every artist uploads works, waits for the training, and publishes."""

import json
import time
from collections.abc import Callable, Sequence

from webapp.domain.models.style import TrainingStatus
from webapp.embedded import scrawl
from webapp.embedded.cast import WORKS, Artist
from webapp.embedded.person import Person, RefusedError
from webapp.embedded.works import draw_works, work_file
from webapp.schemas.accounts import Account
from webapp.schemas.fields import Listed
from webapp.schemas.styles import OwnStyleCard, OwnStyleView

POLL_SECONDS = 3
REPORT_PERCENT = 20
IN_TRAINING = frozenset({TrainingStatus.PENDING, TrainingStatus.TRAINING})


def on_sale(
    artists: Sequence[tuple[Person, Artist]], report: Callable[[str], None]
) -> dict[str, OwnStyleView]:
    """Put every artist's style on sale; return the styles by name."""
    ids = [_uploaded(person, artist, report) for person, artist in artists]
    people = [person for person, _ in artists]
    _wait_for_trainings(list(zip(people, ids, strict=True)), report)
    styles = [
        _published(person, artist, _style(person, style_id))
        for (person, artist), style_id in zip(artists, ids, strict=True)
    ]
    return {style.name: style for style in styles}


def _style(person: Person, style_id: int) -> OwnStyleView:
    return person.get(f"/styles/{style_id}", OwnStyleView)


def _uploaded(person: Person, artist: Artist, report: Callable[[str], None]) -> int:
    """Return the id of the artist's style, uploaded now or before."""
    if person.get("/auth/me", Account).artist is None:
        signature = scrawl.signature(sum(artist.artist_name.encode()))
        person.post(
            "/users/me/upgrade-to-artist",
            data={"artist_name": artist.artist_name},
            files={"signature_image": ("signature.png", signature, "image/png")},
        )
        person.patch("/users/me", json={"bio": artist.bio})
    for style in person.get("/styles/me", Listed[OwnStyleCard]).results:
        if style.name == artist.style_name:
            if style.training_status == TrainingStatus.FAILED:
                person.post(f"/styles/{style.id}/retrain")
            return style.id
    report(f"{artist.artist_name} uploads {len(WORKS)} works: {artist.style_name}")
    return _upload(person, artist)


def _upload(person: Person, artist: Artist) -> int:
    works = draw_works(artist)
    style = person.post(
        "/styles",
        OwnStyleView,
        data={
            "name": artist.style_name,
            "description": artist.description,
            "price_tokens": str(artist.price_tokens),
            "license_type": artist.license_type,
            "tags": ",".join(artist.tags),
            "image_tags": json.dumps({str(k): list(tags) for k, (_, tags) in enumerate(works)}),
        },
        files=[
            ("images[]", work_file(f"work-{k:02}", image)) for k, (image, _) in enumerate(works)
        ],
    )
    return style.id


def _wait_for_trainings(
    styles: Sequence[tuple[Person, int]], report: Callable[[str], None]
) -> None:
    """Return when none of the styles is in training; report the percent of those that were."""
    waiting = [(person, each) for person, each in styles if _is_open(_style(person, each))]
    reported = 0.0
    while waiting:
        views = [_style(person, style_id) for person, style_id in waiting]
        if not any(_is_open(view) for view in views):
            return
        percent = sum(_percent(view) for view in views) / len(views)
        if percent >= reported + REPORT_PERCENT:
            reported = percent // REPORT_PERCENT * REPORT_PERCENT
            report(f"training {len(views)} of the styles: {percent:.0f} %")
        time.sleep(POLL_SECONDS)


def _is_open(style: OwnStyleView) -> bool:
    return style.training_status in IN_TRAINING


def _percent(style: OwnStyleView) -> float:
    if not _is_open(style):
        return 100.0
    return style.progress.progress_percent if style.progress else 0.0


def _published(person: Person, artist: Artist, style: OwnStyleView) -> OwnStyleView:
    """Sell the last checkpoint of a trained style, with the cover and artworks of its artist."""
    if style.training_status == TrainingStatus.TRAINED:
        choice = {"checkpoint": style.checkpoints[-1].step, "cover": artist.cover}
        style = person.post(f"/styles/{style.id}/publish", OwnStyleView, json=choice)
    if style.training_status != TrainingStatus.COMPLETED:
        raise RefusedError(f"{style.name} was not trained: {style.failure}")
    if artist.shown:
        _show(person, artist, style)
    return style


def _show(person: Person, artist: Artist, style: OwnStyleView) -> None:
    """Show the artworks that an artist chose beside the samples."""
    ids = {artwork.idx: artwork.id for artwork in style.artworks}
    chosen = [{"artwork_id": ids[idx], "title": title} for idx, title in artist.shown]
    person.put(f"/styles/{style.id}/shown-artworks", json={"artworks": chosen})
