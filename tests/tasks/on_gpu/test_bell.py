"""A bell that finds no site: waited for as long as it makes sense, then left to ring again."""

import pytest
from tenacity import wait_none

from tasks.on_gpu import bell
from tasks.worker_api import ClaimError


@pytest.fixture
def work(monkeypatch):
    """Work whose claims fail as told, one after the other; `work.rung` is what it was asked for."""
    monkeypatch.setattr(bell._do.retry, "wait", wait_none())

    def run(*, job_id):
        run.rung.append(job_id)
        if run.fails:
            raise run.fails.pop(0)
        return True

    run.rung, run.fails = [], []
    return run


def test_a_site_that_stumbles_is_asked_again(work):
    work.fails = [ClaimError("503", is_passing=True)] * 2
    bell.hear(work, 7)
    assert work.rung == [7, 7, 7]


def test_a_bell_goes_unheard_when_the_site_stays_away(work, monkeypatch):
    monkeypatch.setattr(bell._do.retry, "stop", lambda state: state.attempt_number >= 2)
    work.fails = [ClaimError("503", is_passing=True)] * 5
    bell.hear(work, 7)
    assert work.rung == [7, 7]


def test_a_site_that_refuses_is_not_asked_again(work):
    work.fails = [ClaimError("403", is_passing=False)]
    bell.hear(work, 7)
    assert work.rung == [7]


def test_work_that_fails_is_not_done_twice(work):
    work.fails = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        bell.hear(work, 7)
    assert work.rung == [7]
