"""`flask task …`: every task by name, on its queue or here and now."""

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from celery_config import CPU_QUEUES, ROUTES, TaskName, make_celery
from tests import making
from tests.toss import toss_of_tasks
from webapp.app import create_app
from webapp.domain.models.heartbeat import Heartbeat

HOUSEKEEPING = [entry["task"] for entry in make_celery("memory://").conf.beat_schedule.values()]


def flask(*arguments):
    return create_app().test_cli_runner().invoke(args=["task", *map(str, arguments)])


@pytest.mark.parametrize("name", HOUSEKEEPING)
def test_each_task_of_housekeeping_runs_here_and_leaves_its_heartbeat(
    committed, storage, monkeypatch, name
):
    with toss_of_tasks(monkeypatch):
        answer = flask("run", name)
    assert (answer.exit_code, answer.output.splitlines()[-1]) == (0, f"{name} is done.")
    with committed() as session:
        assert session.get(Heartbeat, name) is not None


def test_a_step_run_by_hand_works_under_the_request_that_asked_for_it(committed, storage):
    with committed.begin() as session:
        image = making.generation(session, request_id="order-9")
        job = making.job_of(session, image)
        making.change_job(session, job.id, step=TaskName.REFUND)
    with capture_logs(processors=[merge_contextvars]) as lines:
        answer = flask("run", "refund", "--job", job.id)
    assert answer.exit_code == 0, answer.output
    [done] = [line for line in lines if line["event"] == "task done"]
    assert (done["request_id"], done["job_id"]) == ("order-9", job.id)
    with committed() as session:
        assert making.job_of(session, image).state == "failed"
        assert making.violations(session) == []


def test_a_task_that_fails_here_fails_the_command_and_leaves_no_heartbeat(committed, tmp_path):
    answer = flask("run", "stamp_signature")  # which needs a job
    assert answer.exit_code != 0
    with committed() as session:
        assert session.query(Heartbeat).count() == 0


def test_a_job_that_is_not_there_is_said(committed):
    answer = flask("run", "refund", "--job", 10**9)
    assert (answer.exit_code, answer.output) == (1, "Error: There is no job 1000000000.\n")


def test_gpu_tasks_are_not_run_here():
    answer = flask("run", "render_images")
    assert answer.exit_code == 2
    for name, queue in ROUTES.items():
        if queue in CPU_QUEUES:
            assert name in answer.output
