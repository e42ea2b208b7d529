"""`flask jobs …`: the job table in a terminal."""

import pytest

from tests import making
from webapp.app import create_app


def flask(*arguments):
    return create_app().test_cli_runner().invoke(args=["jobs", *map(str, arguments)])


@pytest.fixture
def job_id(committed):
    with committed.begin() as session:
        return making.job_of(session, making.generation(session, request_id="order-9")).id


def test_a_job_is_shown_with_every_column(committed, job_id):
    shown = flask("show", job_id)
    assert shown.exit_code == 0, shown.output
    for text in ("published_at", "lease_until", "fence", "order-9"):
        assert text in shown.output


def test_jobs_are_listed_by_state(committed, job_id, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # else long words are wrapped
    assert "render_images" in flask("list", "--state", "queued").output
    assert "render_images" not in flask("list", "--state", "running").output


def test_a_waiting_job_is_published_by_hand_and_an_unknown_one_is_an_error(committed, job_id):
    assert flask("retry", job_id).output == f"Job {job_id} was published.\n"
    unknown = flask("retry", 10**9)
    assert (unknown.exit_code, unknown.output) == (1, "Error: Job 1000000000 is not waiting.\n")
