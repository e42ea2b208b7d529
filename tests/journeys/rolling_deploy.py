"""A deploy under load: a migration, then one web after the other is replaced; nobody notices.

It takes minutes on a busy machine, so `make test` leaves it out: `make deploy-drill`.
"""

import tempfile
from collections import Counter, defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.journeys.deploy_load import Load, OpeningAccounts, Ordering, Reading, Watching
from tests.journeys.deploying import Site, prepared, requests_of
from tests.newer_code import NEWER
from tests.waiting import wait_for

ENOUGH = 30  # requests that each web must have answered in each phase


@pytest.fixture(scope="module")
def services():
    """A database, a cache and a provider; each test starts webs of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="style-license-deploy-") as folder,
        prepared(Path(folder)) as made,
    ):
        yield made


@pytest.fixture
def site(services):
    """Nothing serves it yet; nothing does any more afterwards."""
    yield services
    services.stop()


@dataclass
class Deploy:
    """What was asked while the webs were replaced."""

    site: Site
    loads: list[Load]

    def served(self, *webs) -> None:
        """Wait until each of these webs has answered more requests."""
        before = [requests_of(web) for web in webs]

        def have_all_answered():
            now = [requests_of(web) for web in webs]
            return all(after >= start + ENOUGH for start, after in zip(before, now, strict=True))

        wait_for(have_all_answered, "both webs to serve", explain=lambda: self.outcomes)

    @property
    def outcomes(self):
        """How many requests of each kind ended how."""
        found = defaultdict(Counter)
        for load in self.loads:
            found[type(load).__name__] += load.outcomes
        return {kind: dict(outcomes) for kind, outcomes in found.items()}


def replaced(site, deploy, place, old, other, *options):
    """Stop one web, start one of the new code in its place; both versions serve meanwhile."""
    site.end_web(old)
    assert old.status == 0, old.tail()
    new = site.start_web(place, "new", *options)
    site.wait_until_ready(place)
    deploy.served(new, other)
    return new


def test_nobody_notices_a_deploy(site):
    first, second = (site.start_web(place, "old") for place in (0, 1))
    site.wait_until_ready(0, 1)
    site.start_proxy()
    style_id, [buyer, watcher] = site.buyers(2)
    watching = Watching(watcher)
    ordering, opening = Ordering(buyer, style_id), OpeningAccounts(site.address)
    loads = [Reading(site.address), Reading(site.address), ordering, opening, watching]
    accounts = site.count("sets_accounts")
    with ExitStack() as running:
        for load in loads:
            running.enter_context(load)
        deploy = Deploy(site, loads)
        deploy.served(first, second)
        site.flask("new", "prepare")
        assert site.count(f"alembic_version WHERE version_num = '{NEWER}'") == 1
        assert site.is_ready(0)
        assert site.is_ready(1)
        deploy.served(first, second)
        new_first = replaced(site, deploy, 0, first, second)
        new_second = replaced(site, deploy, 1, second, new_first)
        deploy.served(new_first, new_second)
    print(deploy.outcomes, f"longest {max(load.longest for load in loads[:4]):.2f} s")  # noqa: T201
    assert {type(load).__name__: load.bad for load in loads if load.bad} == {}
    assert all(load.good >= ENOUGH for load in loads[:4])
    assert site.count("orders") == ordering.good
    assert site.count("sets_accounts") - accounts == opening.good
    assert watching.reconnections >= 1


def test_without_draining_requests_are_lost(site):
    """The control: gunicorn's own worker stops accepting at once, and the proxy is not told."""
    first = site.start_web(0, "old", "--worker-class", "gthread")
    second = site.start_web(1, "old")
    site.wait_until_ready(0, 1)
    site.start_proxy()
    loads = [OpeningAccounts(site.address) for _ in range(8)]
    with ExitStack() as running:
        for load in loads:
            running.enter_context(load)
        deploy = Deploy(site, loads)
        deploy.served(first, second)
        site.end_web(first)
        deploy.served(second)
    print(deploy.outcomes)  # noqa: T201 - how many
    assert any(load.bad for load in loads)
