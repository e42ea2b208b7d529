"""What every process tells: one structured line per event, and its errors to Sentry if asked for.

JSON where no person watches, readable text on a terminal. The lines of libraries look the same.
Whatever is logged as an error is reported, once, with the id of the request it belongs to.
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

# Text of libraries and of exceptions may quote anything; an e-mail address never goes out with it.
EMAIL = re.compile(r"[\w.%+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")
TAGS = ("request_id", "task", "job_id")
# Logged first where the error was caught, by the task itself.
TOLD_BEFORE = frozenset({"celery.app.trace"})


class LogSettings(BaseSettings):
    """What every process reads about telling, GPU workers and beat included."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    env: str = "development"
    sentry_dsn: str | None = Field(None, description="empty: errors are only logged")


def start() -> None:
    """Let this process and its children log and report; called once, where a process begins."""
    settings = LogSettings()
    is_watched = sys.stderr.isatty() and settings.env != "production"
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_described(),
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


def _described() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


class Formatter(structlog.stdlib.ProcessorFormatter):
    """Renders our lines and those of libraries alike, without e-mail addresses."""

    def __init__(self, *, is_watched: bool) -> None:
        shown: list[Processor] = (
            [structlog.dev.ConsoleRenderer()]
            if is_watched
            else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        )
        super().__init__(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *shown],
            foreign_pre_chain=[*_described(), report_error],
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
        # Local variables hold prompts, and breadcrumbs whatever was logged before.
        include_local_variables=False,
        max_breadcrumbs=0,
        # Errors come from our own log lines; libraries' hooks would report each of them again.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[DedupeIntegration(), ExcepthookIntegration()],
        before_send=_without_addresses,
    )


def report_error(_logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    """Send what is logged as an error to Sentry, as a processor of structlog."""
    is_error = line.get("level", method) in {"error", "critical", "exception"}
    if not is_error or line.get("logger") in TOLD_BEFORE or not sentry_sdk.is_initialized():
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
    found = line.get("exc_info")
    if found is True:
        found = sys.exc_info()
    if isinstance(found, BaseException):
        return found
    return found if isinstance(found, tuple) and found[0] is not None else None


def _without_addresses(event: Any, _hint: Any) -> Any:
    for raised in event.get("exception", {}).get("values", []):
        raised["value"] = scrub(raised.get("value") or "")
    return event
