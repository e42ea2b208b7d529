"""Logging of every process: one structured line per event, errors to Sentry if configured.

JSON, or text on a terminal; lines of libraries have the same format. Everything that is logged as
an error is reported once, with its request id.
"""

import logging
import re
import sys
from typing import Any

import sentry_sdk
import structlog
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.utils import event_from_exception
from structlog.types import EventDict, Processor, WrappedLogger

# Messages of libraries and exceptions may contain e-mail addresses; they are removed.
EMAIL = re.compile(r"[\w.%+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")
TAGS = ("request_id", "task", "job_id")
# The task decorator has logged and reported these errors already.
REPORTED_LOGGERS = frozenset({"celery.app.trace"})


class LogSettings(BaseSettings):
    """Settings of logging, for every process including GPU workers and beat."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    env: str = "development"
    sentry_dsn: str | None = Field(None, description="empty: errors are only logged")


def start() -> None:
    """Configure logging and Sentry of this process; call it once at its start."""
    settings = LogSettings()
    is_watched = sys.stderr.isatty() and settings.env != "production"
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_context_processors(),
            report_error,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter(is_watched=is_watched))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    if settings.sentry_dsn:
        _start_sentry(settings.sentry_dsn, settings.env)


def _context_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


class Formatter(structlog.stdlib.ProcessorFormatter):
    """Formats our lines and those of libraries, without e-mail addresses."""

    def __init__(self, *, is_watched: bool) -> None:
        renderers: list[Processor] = (
            [structlog.dev.ConsoleRenderer()]
            if is_watched
            else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        )
        super().__init__(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
            foreign_pre_chain=[*_context_processors(), report_error],
        )

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return scrub(super().format(record))


def scrub(text: str) -> str:
    """Return the text without e-mail addresses."""
    return EMAIL.sub("[e-mail]", text)


# ── Sentry ───────────────────────────────────────────────────────────────────────────────────


def _start_sentry(dsn: str, environment: str) -> None:
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        # Local variables may contain prompts; breadcrumbs are earlier log lines.
        include_local_variables=False,
        max_breadcrumbs=0,
        # Errors are reported from log lines; hooks of integrations would report them again.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[DedupeIntegration(), ExcepthookIntegration()],
        before_send=_without_addresses,
    )


def report_error(_logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    """Send lines of level error to Sentry; a processor of structlog."""
    is_error = line.get("level", method) in {"error", "critical", "exception"}
    if not is_error or line.get("logger") in REPORTED_LOGGERS or not sentry_sdk.is_initialized():
        return line
    error = _exception(line)
    event: Any = {"message": scrub(str(line["event"]))}
    hint: Any = {}
    if error is not None:
        event, hint = event_from_exception(error, client_options=sentry_sdk.get_client().options)
    event |= {
        "level": "error",
        "logger": line.get("logger"),
        "tags": {name: str(line[name]) for name in TAGS if line.get(name)},
        "extra": {
            name: scrub(str(value))
            for name, value in line.items()
            if isinstance(value, str | int | float)
        },
    }
    sentry_sdk.capture_event(event, hint)
    return line


def _exception(line: EventDict) -> Any:
    exc_info = line.get("exc_info")
    if exc_info is True:
        exc_info = sys.exc_info()
    if isinstance(exc_info, BaseException):
        return exc_info
    return exc_info if isinstance(exc_info, tuple) and exc_info[0] is not None else None


def _without_addresses(event: Any, _hint: Any) -> Any:
    for raised in event.get("exception", {}).get("values", []):
        raised["value"] = scrub(raised.get("value") or "")
    return event
