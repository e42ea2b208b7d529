"""Fills the site of `make up`: artists with trained styles, images, comments, likes, a ledger.

Every account acts over HTTP, and the real workers train and render; nothing is written past the
site. Each action first checks whether it was done before, so an interrupted run continues and a
second run changes nothing. Where the fixture was restored (`restore.py`), only what it lacks is
done.

`python -m webapp.embedded.world` fills the stack that runs beside it.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx

from webapp.embedded import world_images, world_reactions, world_styles
from webapp.embedded.cast import ADMIN, CAST, Cast
from webapp.embedded.person import Person, RefusedError
from webapp.embedded.shell import FOLDER, running_environment

MADE = "world"  # the file in the stack's folder that marks a filled site


def inhabit(
    folder: Path,
    environment: Mapping[str, str],
    *,
    report: Callable[[str], None],
    cast: Cast = CAST,
) -> None:
    """Fill the site of the stack in this folder, unless that was done before."""
    if (folder / MADE).exists():
        return
    began = time.monotonic()
    fill(environment, report=report, cast=cast)
    (folder / MADE).touch()
    report(f"everything is there, after {(time.monotonic() - began) / 60:.0f} minutes")


def fill(
    environment: Mapping[str, str], *, report: Callable[[str], None], cast: Cast = CAST
) -> None:
    """Do all actions of the cast at the site of this environment."""
    artists = [artist.email for artist in cast.artists]
    buyers = [buyer.email for buyer in cast.buyers]
    with ExitStack() as clients:
        people = {
            # Sign-ins are counted by address, so every account has its own.
            email: clients.enter_context(
                Person(environment["PUBLIC_BASE_URL"], email, address=f"127.0.1.{number}")
            ).sign_in()
            for number, email in enumerate((*artists, *buyers, ADMIN), start=1)
        }
        _make_admin(environment)
        _act(people, cast, report)


def _act(people: Mapping[str, Person], cast: Cast, report: Callable[[str], None]) -> None:
    styles = world_styles.on_sale([(people[each.email], each) for each in cast.artists], report)
    for buyer in cast.buyers:
        world_images.prepare(people[buyer.email], buyer)
    images = world_images.ordered(people, styles, cast.orders, report)
    report("likes, follows and comments")
    world_reactions.follow(people, cast)
    world_reactions.like(people, cast, images)
    world_reactions.comment(people, cast, images)


def _make_admin(environment: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "flask", "--app", "webapp.app", "user", "make-admin", ADMIN]
    subprocess.run(command, env=dict(environment), check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Fill the running stack of the folder named as the first argument, or of `var`."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else FOLDER

    def report(line: str) -> None:
        print(f"  world: {line}", flush=True)

    try:
        inhabit(folder, os.environ | running_environment(folder), report=report)
    except (httpx.HTTPError, subprocess.SubprocessError, RefusedError) as error:
        report(f"stopped here, the next start continues: {error}")


if __name__ == "__main__":
    main()
