"""Metrics of a worker for Prometheus: of its child processes, and of the GPUs of its machine.

Off unless WORKER_METRICS_LISTEN is set. The children write to files in PROMETHEUS_MULTIPROC_DIR;
a thread of the parent serves them.
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
GPU_FIELDS = "index,name,memory.used,memory.total,utilization.gpu"
NVIDIA_SMI = ("nvidia-smi", f"--query-gpu={GPU_FIELDS}", "--format=csv,noheader,nounits")
MEBIBYTE = 1 << 20


class ExporterSettings(BaseSettings):
    """Where a worker serves its metrics."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    worker_metrics_listen: str | None = Field(
        None, description="host:port for Prometheus; needs PROMETHEUS_MULTIPROC_DIR; empty: off"
    )


@worker_ready.connect
def serve(**_: object) -> None:
    """Serve metrics from a thread of the parent process, once the worker is ready."""
    listen = ExporterSettings().worker_metrics_listen
    if listen is None:
        return
    host, port = listen.rsplit(":", 1)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    registry.register(Gpus())
    start_http_server(int(port), addr=host, registry=registry)
    log.info("metrics served", listen=listen)


class Gpus(Collector):
    """GPU metrics, read from the driver at each scrape; none without a GPU."""

    def __init__(self, command: tuple[str, ...] = NVIDIA_SMI) -> None:
        self._command = command

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield memory and utilization of every GPU of this machine."""
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
            output = subprocess.run(
                self._command, check=True, capture_output=True, text=True, timeout=8
            ).stdout
        except (OSError, subprocess.SubprocessError):
            return []
        return [row for row in csv.reader(output.splitlines(), skipinitialspace=True) if row]


def _add(family: GaugeMetricFamily, labels: list[str], text: str, unit: float) -> None:
    """Add a number; a value that the driver does not have (`[N/A]`) is left out."""
    try:
        family.add_metric(labels, float(text) * unit)
    except ValueError:
        return
