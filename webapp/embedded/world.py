"""The world that `make up` shows: artists with trained styles, images, comments, likes, a ledger.

Everybody acts over HTTP, and the real workers train and draw; nothing is written past the site.
Each act looks first whether it was done, so a world that was interrupted goes on, and a second
start finds it. It is kept where the stack keeps everything, in `var/`. Where the fixture was
restored (`restore.py`) most of it is there, and only what the fixture lacks is done.

`python -m webapp.embedded.world` fills the stack that runs beside it.
"""

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from webapp.embedded import scrawl
from webapp.embedded.cast import ADMIN, CAST, WORKS, Artist, Buyer, Cast, Order
from webapp.embedded.person import Person, RefusedError
from webapp.embedded.shell import FOLDER, running_environment
from webapp.embedded.works import draw_works, work_file

Report = Callable[[str], None]

MADE = "world"  # the file in the stack's folder that says that all of it is there
POLL_SECONDS = 3
REPORT_PERCENT = 20
REPORT_IMAGES = 10
LIKED_OF_SEVEN = 3  # how many of seven people like a usual image
OPEN_TRAINING = frozenset({"pending", "training"})
OPEN_IMAGE = frozenset({"queued", "processing", "retrying"})


def inhabit(
    folder: Path, environment: Mapping[str, str], *, report: Report, cast: Cast = CAST
) -> None:
    """Fill the stack of this folder, unless that was done before."""
    if (folder / MADE).exists():
        return
    began = time.monotonic()
    fill(environment, report=report, cast=cast)
    (folder / MADE).touch()
    report(f"everything is there, after {(time.monotonic() - began) / 60:.0f} minutes")


def fill(environment: Mapping[str, str], *, report: Report, cast: Cast = CAST) -> None:
    """Let everybody of the cast act at the site of this environment."""
    emails = [each.email for each in (*cast.artists, *cast.buyers)] + [ADMIN]
    with ExitStack() as opened:
        people = {
            # Sign-ins are counted by address, so everybody has one.
            email: opened.enter_context(
                Person(environment["PUBLIC_BASE_URL"], email, address=f"127.0.1.{number}")
            ).sign_in()
            for number, email in enumerate(emails, start=1)
        }
        _make_admin(environment)
        _act(people, cast, report)


def _act(people: Mapping[str, Person], cast: Cast, report: Report) -> None:
    styles = _trained([(people[each.email], each) for each in cast.artists], report)
    for buyer in cast.buyers:
        _settle(people[buyer.email], buyer)
    images = _bought(people, styles, cast.orders, report)
    report("people look at each other's images")
    _follow(people, cast)
    _like(people, cast, images)
    _talk(people, cast, images)


def _make_admin(environment: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "flask", "--app", "webapp.app", "user", "make-admin", ADMIN]
    subprocess.run(command, env=dict(environment), check=True, stdout=subprocess.DEVNULL)


# --- artists -------------------------------------------------------------------------------------


def _trained(artists: list[tuple[Person, Artist]], report: Report) -> dict[str, dict[str, Any]]:
    """Bring every artist's style on sale; return styles by name."""
    ids = [(person, _style(person, artist, report)) for person, artist in artists]
    _wait_for_trainings(ids, report)
    styles = [
        _put_on_sale(person, artist, person.get(f"/styles/{style_id}"))
        for (person, artist), (_, style_id) in zip(artists, ids, strict=True)
    ]
    return {style["name"]: style for style in styles}


def _wait_for_trainings(ids: list[tuple[Person, int]], report: Report) -> None:
    """Return when none of the styles is in training; report the percent of those that were."""
    views = [(person.get(f"/styles/{style_id}"), person) for person, style_id in ids]
    waiting = [(person, view["id"]) for view, person in views if _is_open(view)]
    said = 0.0
    while waiting:
        views = [(person.get(f"/styles/{style_id}"), person) for person, style_id in waiting]
        if not any(_is_open(view) for view, _ in views):
            return
        percent = sum(_percent(view) for view, _ in views) / len(views)
        if percent >= said + REPORT_PERCENT:
            said = percent // REPORT_PERCENT * REPORT_PERCENT
            report(f"training {len(views)} of the styles: {percent:.0f} %")
        time.sleep(POLL_SECONDS)


def _is_open(style: Mapping[str, Any]) -> bool:
    return style["training_status"] in OPEN_TRAINING


def _put_on_sale(person: Person, artist: Artist, style: dict[str, Any]) -> dict[str, Any]:
    """Sell the last checkpoint of a trained style, with the cover that its artist chose."""
    if style["training_status"] == "trained":
        choice = {"checkpoint": style["checkpoints"][-1]["step"], "cover": artist.cover}
        style = person.post(f"/styles/{style['id']}/publish", json=choice)
    if style["training_status"] != "completed":
        raise RefusedError(f"{style['name']} was not trained: {style['failure']}")
    return style


def _style(person: Person, artist: Artist, report: Report) -> int:
    """Return the id of the artist's style, uploaded now or before."""
    if person.get("/auth/me")["artist"] is None:
        person.post(
            "/users/me/upgrade-to-artist",
            data={"artist_name": artist.artist_name},
            files={"signature_image": ("signature.png", _signature(artist), "image/png")},
        )
        person.patch("/users/me", json={"bio": artist.bio})
    for style in person.get("/styles/me")["results"]:
        if style["name"] == artist.style_name:
            if style["training_status"] == "failed":
                person.post(f"/styles/{style['id']}/retrain")
            return int(style["id"])
    report(f"{artist.artist_name} uploads {len(WORKS)} works: {artist.style_name}")
    return _upload(person, artist)


def _signature(artist: Artist) -> bytes:
    return scrawl.signature(sum(artist.artist_name.encode()))


def _upload(person: Person, artist: Artist) -> int:
    works = draw_works(artist)
    made = person.post(
        "/styles",
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
    return int(made["id"])


def _percent(style: Mapping[str, Any]) -> float:
    if not _is_open(style):
        return 100.0
    return float((style["progress"] or {}).get("progress_percent", 0))


# --- buyers --------------------------------------------------------------------------------------


def _settle(person: Person, buyer: Buyer) -> None:
    """Introduce oneself and buy tokens, once."""
    person.patch("/users/me", json={"bio": buyer.bio})
    bought = [each for each in _listed(person, "/tokens/purchases") if each["status"] == "paid"]
    for package_id in buyer.packages[len(bought) :]:
        person.pay(package_id)


def _bought(
    people: Mapping[str, Person],
    styles: Mapping[str, dict[str, Any]],
    orders: Iterable[Order],
    report: Report,
) -> dict[str, dict[str, Any]]:
    """Have everything ordered, and drawn as far as it can be; return images by title.

    Every buyer orders one image after the other, all buyers at the same time.
    """
    of_buyers: dict[str, list[Order]] = {}
    for order in orders:
        of_buyers.setdefault(order.buyer, []).append(order)
    wanted = sum(len(each) for each in of_buyers.values())
    delivered = itertools.count(1)

    def tell() -> None:
        number = next(delivered)
        if number % REPORT_IMAGES == 0:
            report(f"{number} of {wanted} images")

    def buy_all(email: str) -> dict[str, dict[str, Any]]:
        person, images = people[email], {}
        known = {each["description"]: each for each in _listed(person, "/generations/me")}
        for order in of_buyers[email]:
            image = known.get(order.title) or _order(person, order, styles[order.style_name])
            images[order.title] = _delivered(person, image, is_public=order.is_public)
            tell()
        return images

    with ThreadPoolExecutor(len(of_buyers)) as pool:
        found = list(pool.map(buy_all, of_buyers))
    return {title: image for each in found for title, image in each.items()}


def _order(person: Person, order: Order, style: Mapping[str, Any]) -> dict[str, Any]:
    """Order one image, waiting as long as the site lets nobody order more."""
    while True:
        try:
            made: dict[str, Any] = person.post(
                "/generations",
                json={
                    "style_id": style["id"],
                    "prompt_tags": list(order.prompt),
                    "description": order.title,
                    "aspect_ratio": order.ratio,
                    "expected_price_tokens": style["price_tokens"],
                },
            )
        except RefusedError as error:
            if error.code != "RATE_LIMIT_EXCEEDED":
                raise
            time.sleep(error.details["retry_after"])
        else:
            return made


def _delivered(person: Person, image: dict[str, Any], *, is_public: bool) -> dict[str, Any]:
    """Wait until an image has ended, and show it if it is to be shown; one may fail."""
    while image["status"] in OPEN_IMAGE:
        *_, image = person.watch(f"/generations/{image['id']}")
    if is_public and image["status"] == "completed" and not image["is_public"]:
        person.patch(f"/generations/{image['id']}", json={"is_public": True})
        image["is_public"] = True
    return image


# --- everybody -----------------------------------------------------------------------------------


def _follow(people: Mapping[str, Person], cast: Cast) -> None:
    for who, whom in cast.follows:
        if who in people and whom in people:
            _once(people[who], f"/users/{people[whom].get('/auth/me')['id']}/follow")


def _like(people: Mapping[str, Person], cast: Cast, images: Mapping[str, dict[str, Any]]) -> None:
    """Give every public image some hearts, a few of them many."""
    names = [name for name in people if name != ADMIN]
    for index, order in enumerate(cast.orders):
        if not _is_shown(images, order.title):
            continue
        for number, name in enumerate(names):
            luck = (5 * index + 3 * number + index * number) % len(names)
            is_loved = index % 9 == 0
            if name != order.buyer and (is_loved or luck < LIKED_OF_SEVEN):
                _once(people[name], f"/generations/{images[order.title]['id']}/like")


def _once(person: Person, path: str) -> None:
    """Like or follow; having done so before is no mistake."""
    try:
        person.post(path)
    except RefusedError as error:
        if not error.code.startswith("DUPLICATE_"):
            raise


def _talk(people: Mapping[str, Person], cast: Cast, images: Mapping[str, dict[str, Any]]) -> None:
    for remark in cast.remarks:
        if not _is_shown(images, remark.title) or remark.who not in people:
            continue
        path = f"/generations/{images[remark.title]['id']}/comments"
        said = {each["content"]: each for each in _listed(people[remark.who], path)}
        comment = said.get(remark.text) or _say(people[remark.who], path, remark.text)
        answered = {each["content"] for each in comment["replies"]}
        for who, text in remark.replies:
            if who in people and text not in answered:
                _say(people[who], path, text, parent_id=comment["id"])
        if remark.text == cast.reported and remark.text not in said:
            people[cast.artists[0].email].post(
                "/reports",
                json={
                    "target_type": "comment",
                    "target_id": comment["id"],
                    "reason": "other",
                    "text": "Unkind, and not true.",
                },
            )


def _say(person: Person, path: str, text: str, **more: int) -> dict[str, Any]:
    said: dict[str, Any] = person.post(path, json={"content": text} | more)
    return said


def _is_shown(images: Mapping[str, dict[str, Any]], title: str) -> bool:
    return title in images and bool(images[title]["is_public"])


def _listed(person: Person, path: str) -> list[dict[str, Any]]:
    """Return the first fifty of a list, more than anybody here has."""
    results: list[dict[str, Any]] = person.get(path, limit=50)["results"]
    return results


def main() -> None:
    """Fill the running stack of the folder named as the first argument, or of `var`."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else FOLDER

    def report(line: str) -> None:
        print(f"  world: {line}", flush=True)

    try:
        inhabit(folder, os.environ | running_environment(folder), report=report)
    except (httpx.HTTPError, subprocess.SubprocessError, RefusedError) as error:
        report(f"stopped here, the next start goes on: {error}")


if __name__ == "__main__":
    main()
