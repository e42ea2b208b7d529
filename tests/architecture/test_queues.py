"""Every task has a queue, every queue a worker, and every worker knows the tasks it consumes."""

import json
import shlex
from pathlib import Path

import pytest
import yaml

from celery_config import CPU_QUEUES, GPU_QUEUES, ROUTES, QueueName, TaskName, make_celery
from webapp.domain.pipelines import PIPELINES
from webapp.embedded.processes import PROCESSES

ROOT = Path(__file__).parents[2]


def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def workers():
    """Each worker service: the package it imports and the queues it consumes."""
    found = {}
    for name, service in compose().items():
        command = service.get("command") or []
        words = shlex.split(command) if isinstance(command, str) else command
        if "worker" in words:
            package = words[words.index("-I") + 1]
            found[name] = (package, set(words[words.index("-Q") + 1].split(",")), words)
    return found


def tasks_of(packages):
    """Names of the tasks that the packages of a pool, with commas between, register with an app."""
    return {name for package in packages.split(",") for name in _registered(package)}


def _registered(package):
    app = make_celery("memory://")
    app.loader.import_task_module(package)
    app.finalize()
    sources = {path.stem for path in (ROOT / package.replace(".", "/")).glob("*.py")}
    return {
        name
        for name, task in app.tasks.items()
        if task.__module__.startswith(package) and task.__module__.rpartition(".")[2] in sources
    }


def test_every_task_is_routed_and_every_queue_is_used():
    assert set(ROUTES) == set(TaskName)
    assert set(ROUTES.values()) | {QueueName.DEFAULT} == set(QueueName)
    assert set(CPU_QUEUES) | set(GPU_QUEUES) == set(QueueName)
    assert not set(CPU_QUEUES) & set(GPU_QUEUES)


def test_every_queue_has_a_worker_in_docker_compose():
    consumed = set().union(*(queues for _, queues, _ in workers().values()))
    assert consumed == set(QueueName)


def listening():
    """Queues of every worker that we start: in compose, by the images alone, and embedded."""
    dockerfile = (ROOT / "docker/Dockerfile").read_text().splitlines()
    commands = [
        json.loads(line.removeprefix("CMD ")) for line in dockerfile if line.startswith("CMD ")
    ]
    commands += [words for _, _, words in workers().values()]
    commands += [process.command for process in PROCESSES]
    return [words[words.index("-Q") + 1].split(",") for words in commands if "-Q" in words]


@pytest.mark.parametrize("queue", ["uploads", "verify", "outgoing", "mail"])
def test_a_worker_that_waits_for_strangers_or_their_servers_does_nothing_else(queue):
    alone = [queues for queues in listening() if queue in queues]
    assert len(alone) >= 2
    assert all(queues == [queue] for queues in alone)


def test_no_stamping_and_no_refund_waits_for_housekeeping():
    consumers = {name: queues for name, (_, queues, _) in workers().items()}
    keeping = {name for name, queues in consumers.items() if "housekeeping" in queues}
    assert keeping == {"worker-housekeeping"}
    assert consumers["worker-housekeeping"] == {"housekeeping"}
    words = workers()["worker-housekeeping"][2]
    assert int(words[words.index("-c") + 1]) >= 2, "what takes minutes, and what is due each minute"


def test_no_mail_waits_for_webhooks_and_no_webhook_for_mails():
    tasks = {queue: [task for task in ROUTES if ROUTES[task] == queue] for queue in QueueName}
    assert tasks[QueueName.MAIL] == ["send_mail_digest"]
    assert tasks[QueueName.OUTGOING] == ["deliver_webhook"]


def test_only_files_of_strangers_wait_on_their_queue():
    of_strangers = [task for task, queue in ROUTES.items() if queue == "uploads"]
    assert of_strangers == ["validate_uploads", "check_photo"]


def test_every_worker_knows_all_tasks_of_the_queues_it_hears():
    for name, (package, queues, _) in workers().items():
        routed = {task for task, queue in ROUTES.items() if queue in queues}
        assert routed <= tasks_of(package), name


def test_every_task_is_registered_by_exactly_one_package():
    cpu, gpu = tasks_of("tasks.on_cpu"), tasks_of("tasks.on_gpu")
    assert cpu | gpu == set(TaskName)
    assert not cpu & gpu
    assert gpu == {pipeline.gpu_step for pipeline in PIPELINES.values() if pipeline.gpu_step}
    assert all(ROUTES[TaskName(task)] in GPU_QUEUES for task in gpu)


def test_gpu_workers_take_one_task_at_a_time_in_a_child():
    for name, (package, _, words) in workers().items():
        assert words[words.index("-P") + 1] == "prefork", name
        if package == "tasks.on_gpu":
            assert words[words.index("-c") + 1] == "1", name


def test_every_queue_has_a_worker_in_the_embedded_stack():
    consumed = set()
    for process in PROCESSES:
        words = process.command
        if "worker" in words and "-Q" in words:
            queues = set(words[words.index("-Q") + 1].split(","))
            routed = {task for task, queue in ROUTES.items() if queue in queues}
            assert routed <= tasks_of(words[words.index("-I") + 1]), process.name
            consumed |= queues
    assert consumed == set(QueueName)


@pytest.mark.parametrize(
    "service",
    [
        "web",
        "relay",
        "worker-cpu",
        "worker-housekeeping",
        "worker-uploads",
        "worker-editing",
        "beat",
        "postgres",
        "rabbitmq",
    ],
)
def test_the_services_of_the_product_are_there(service):
    assert service in compose()


def test_gpu_workers_get_no_database_and_no_storage_keys_of_their_own():
    for name, (package, _, _) in workers().items():
        if package == "tasks.on_gpu":
            assert "DATABASE_URL" not in str(compose()[name].get("environment", "")), name


def test_flower_and_operators_ports_stay_on_loopback():
    for port in compose()["flower"]["ports"]:
        assert str(port).startswith("127.0.0.1:")
