"""A worker's numbers: what its children measured, and GPUs only where there are some."""

import os
import subprocess
import sys

import pytest

from tasks.exporter import Gpus
from tests.broker import free_port
from tests.fixtures import ENVIRONMENT
from tests.processes import ROOT

CARDS = """\
0, NVIDIA H100 80GB HBM3, 1024, 81559, 37
1, Card without meters, [N/A], 16384, [Not Supported]
"""
# A parent that serves, and a child that works, as a pool has them.
WORKER = """
import os, sys, urllib.request
from tasks import exporter
from tasks.metrics import count_failure
from tasks.task import task
from celery_config import TaskName

@task(TaskName.REFUND)
def works(*, job_id: int) -> None:
    if job_id == 13:
        raise RuntimeError("broken")
    count_failure("NETWORK")

child = os.fork()
if child == 0:
    works(job_id=1)
    works(job_id=2)
    try:
        works(job_id=13)
    except RuntimeError:
        os._exit(0)
assert os.waitpid(child, 0)[1] == 0
exporter.serve()
address = os.environ["WORKER_METRICS_LISTEN"]
print(urllib.request.urlopen(f"http://{address}/metrics").read().decode())
"""


def measured(*command):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in Gpus(command).collect()
        for sample in family.samples
    }


def test_every_card_tells_what_it_knows(tmp_path):
    (tmp_path / "cards").write_text(CARDS)
    metrics = measured("cat", str(tmp_path / "cards"))
    h100 = "NVIDIA H100 80GB HBM3"
    assert metrics == {
        ("gpu_memory_bytes", "0", h100, "used"): 1 << 30,
        ("gpu_memory_bytes", "0", h100, "total"): 81559 << 20,
        ("gpu_busy_ratio", "0", h100): pytest.approx(0.37),
        ("gpu_memory_bytes", "1", "Card without meters", "total"): 16384 << 20,
    }


@pytest.mark.parametrize("command", [("no-such-program",), ("false",), ("true",)])
def test_without_a_gpu_there_is_no_number_at_all(command):
    assert measured(*command) == {}


def run(tmp_path, **environment):
    return subprocess.run(
        [sys.executable, "-c", WORKER],
        check=False,
        cwd=ROOT,
        env=ENVIRONMENT | {"PATH": os.environ["PATH"]} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_parent_tells_what_its_children_measured(tmp_path):
    listen = f"127.0.0.1:{free_port()}"
    done = run(tmp_path, WORKER_METRICS_LISTEN=listen, PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    assert 'task_seconds_count{outcome="done",task="refund"} 2.0' in done.stdout, done.stderr
    assert 'task_seconds_count{outcome="raised",task="refund"} 1.0' in done.stdout
    assert 'task_failures_total{cause="NETWORK",task="refund"} 2.0' in done.stdout
