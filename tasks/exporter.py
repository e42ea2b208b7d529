"""A worker's numbers for Prometheus: what its children measured, and the GPUs of its machine.

Off unless WORKER_METRICS_LISTEN is set. The children write into the files of the folder
PROMETHEUS_MULTIPROC_DIR; their parent, which only waits, answers for them.
"""

import csv
import subprocess
from collections.abc import Iterator

import structlog
from celery.signals import worker_ready
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

log = structlog.get_logger()
ASKED = "index,name,memory.used,memory.total,utilization.gpu"
NVIDIA_SMI = ("nvidia-smi", f"--query-gpu={ASKED}", "--format=csv,noheader,nounits")
MEBIBYTE = 1 << 20


class ExporterSettings(BaseSettings):
    """Where a worker shows its numbers."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    worker_metrics_listen: str | None = Field(
        None, description="host:port for Prometheus; needs PROMETHEUS_MULTIPROC_DIR; empty: off"
    )


@worker_ready.connect
def serve(**_: object) -> None:
    """Answer Prometheus from a thread of the worker's parent, once its children are there."""
    listen = ExporterSettings().worker_metrics_listen
    if listen is None:
        return
    host, port = listen.rsplit(":", 1)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    registry.register(Gpus())
    start_http_server(int(port), addr=host, registry=registry)
    log.info("numbers shown", at=listen)


class Gpus(Collector):
    """What the driver says at the moment of asking; nothing at all where there is no GPU."""

    def __init__(self, command: tuple[str, ...] = NVIDIA_SMI) -> None:
        self._command = command

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield memory and use of every GPU of this machine."""
        memory = GaugeMetricFamily(
            "gpu_memory_bytes", "Memory of a GPU.", labels=["gpu", "name", "kind"]
        )
        busy = GaugeMetricFamily(
            "gpu_busy_ratio", "Share of the last moments a GPU computed.", labels=["gpu", "name"]
        )
        for index, card, used, total, percent in self._rows():
            for kind, mebibytes in (("used", used), ("total", total)):
                _add(memory, [index, card, kind], mebibytes, MEBIBYTE)
            _add(busy, [index, card], percent, 1 / 100)
        yield from (family for family in (memory, busy) if family.samples)

    def _rows(self) -> list[list[str]]:
        try:
            told = subprocess.run(
                self._command, check=True, capture_output=True, text=True, timeout=8
            ).stdout
        except (OSError, subprocess.SubprocessError):
            return []
        return [row for row in csv.reader(told.splitlines(), skipinitialspace=True) if row]


def _add(family: GaugeMetricFamily, labels: list[str], told: str, unit: float) -> None:
    """Add a number; what a card does not know (`[N/A]`) is left out."""
    try:
        family.add_metric(labels, float(told) * unit)
    except ValueError:
        return
