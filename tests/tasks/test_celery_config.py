"""The one page of Celery: what it promises to messages, workers and time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from celery_config import (
    CPU_QUEUES,
    DEAD_LETTERS,
    GPU_QUEUES,
    ROUTES,
    QueueName,
    TaskName,
    make_celery,
)
from tasks.on_cpu.refund import refund
from webapp.domain.services import job_attempts
from webapp.domain.settings import settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def conf():
    return make_celery("amqp://guest:guest@localhost//").conf


def test_no_message_is_lost_by_being_acknowledged_too_early(conf):
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1
    assert conf.worker_cancel_long_running_tasks_on_connection_loss


def test_nothing_is_kept_or_tracked_in_a_result_store(conf):
    assert conf.task_ignore_result
    assert conf.task_track_started is False
    assert conf.result_backend is None


def test_only_json_is_spoken(conf):
    assert conf.task_serializer == "json"
    assert conf.accept_content == ["json"]


def test_publishing_is_confirmed_and_never_hangs(conf):
    options = conf.broker_transport_options
    assert options["confirm_publish"] is True
    assert options["read_timeout"] <= 10
    assert options["write_timeout"] <= 10


def test_every_queue_is_declared_and_stops_poison_instead_of_dropping_it(conf):
    assert {queue.name for queue in conf.task_queues} == set(QueueName)
    for queue in conf.task_queues:
        assert queue.queue_arguments["x-queue-type"] == "quorum"
        assert queue.queue_arguments["x-delivery-limit"] >= 1
        assert queue.queue_arguments["x-dead-letter-exchange"] == DEAD_LETTERS
    assert conf.task_create_missing_queues is False


def test_every_task_goes_to_the_queue_of_its_route(conf):
    routes = {name.value: {"queue": queue.value} for name, queue in ROUTES.items()}
    assert conf.task_routes == routes


def test_gpu_and_cpu_work_never_share_a_queue():
    assert not set(CPU_QUEUES) & set(GPU_QUEUES)
    assert ROUTES[TaskName.RENDER_IMAGES] in GPU_QUEUES
    assert ROUTES[TaskName.DELIVER_GENERATION] is QueueName.MONEY


def test_a_slice_of_training_fits_into_its_limits_and_all_limits_warn_first(conf, environment):
    limits = conf.task_annotations[TaskName.TRAIN_STYLE.value]
    assert settings().training_slice_seconds < limits["soft_time_limit"] < limits["time_limit"]
    assert conf.task_soft_time_limit < conf.task_time_limit


def test_beat_only_keeps_house(conf):
    names = {entry["task"] for entry in conf.beat_schedule.values()}
    assert names <= set(TaskName)
    assert {ROUTES[TaskName(name)] for name in names} == {QueueName.HOUSEKEEPING}


def test_a_deploy_uses_up_no_work(conf):
    assert conf.worker_soft_shutdown_timeout > 0
    assert conf.worker_enable_soft_shutdown_on_idle


def test_the_embedded_broker_gets_its_own_options():
    options = make_celery("redis://localhost:6379/0").conf.broker_transport_options
    assert options == {"visibility_timeout": 3600}


def run(script, **environment):
    return subprocess.run(
        [sys.executable, "-c", script],
        check=False,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]} | environment,
        capture_output=True,
        text=True,
    )


def test_names_can_be_imported_without_a_broker_but_the_app_cannot():
    assert run("from celery_config import TaskName, ROUTES").returncode == 0
    done = run("import celery_config; celery_config.app")
    assert done.returncode != 0
    assert "broker_url" in done.stderr


def test_the_app_is_made_once_and_unknown_names_are_none():
    script = (
        "import celery_config as c\n"
        "assert c.app is c.app\n"
        "assert not hasattr(c, 'application')\n"
        "print(c.app.main)"
    )
    done = run(script, BROKER_URL="amqp://guest:guest@127.0.0.1:1//")
    assert (done.returncode, done.stdout.strip()) == (0, "style_license")


# ── our one decorator ────────────────────────────────────────────────────────────────────────


def test_a_task_takes_ids_by_name_and_tells_its_outcome(committed):
    with capture_logs() as logs:
        refund(job_id=10**9)
    assert logs[-1]["event"] == "task done"
    assert {"seconds", "log_level"} <= set(logs[-1])
    with pytest.raises(TypeError):
        refund(7)


def test_a_task_that_fails_is_logged_and_raised(committed, monkeypatch):
    monkeypatch.setattr(job_attempts, "abandon", lambda *_args: 1 / 0)
    with capture_logs() as logs, pytest.raises(ZeroDivisionError):
        refund(job_id=1)
    assert (logs[-1]["event"], logs[-1]["log_level"]) == ("task failed", "error")
