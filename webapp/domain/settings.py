"""The typed Settings, read from the environment; one error lists everything that is missing."""

from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    Field,
    IPvAnyNetwork,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError as UnreadableSetting

from failpoints import are_requested
from webapp.domain.mail_settings import mail_server, sender
from webapp.domain.operator import EmailText, Operator, OperatorText
from webapp.domain.secret_rules import NOT_GIVEN, Secret, check_fallbacks, check_production
from webapp.domain.signing_chain import ChainUnusable, SigningChain, read_chain, read_key

LIVE_KEY = "live_"
BUILT_IN = "built-in"
# Fixed, so that every `make up` recognises the marked pictures of the shipped world.
DEVELOPMENT_WATERMARK_KEY = "of development only, because everybody can read it"
KeyNumber = Annotated[int, Field(ge=1, le=32_767)]


class Environment(StrEnum):
    """Where the platform runs; production refuses sandboxes and failpoints."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class SegmenterName(StrEnum):
    """The segmenters of photos of Sets, by their names in `gpu.segmenting.registry`."""

    CLASSIC = "classic"
    SAM3 = "sam3"


class SettingsError(RuntimeError):
    """The environment is incomplete or inconsistent; the message names every variable."""


class Settings(BaseSettings):
    """Everything that the web process, the relay and the CPU workers read from the environment."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    env: Environment = Field(Environment.DEVELOPMENT, description="development, test or production")
    secret_key: Secret = Field(description="signs cookies and storage URLs; at least 32 characters")
    # How they are used: docs/operations.md, Secrets.
    secret_key_fallbacks: tuple[Secret, ...] = Field(
        (),
        description='other values of SECRET_KEY as JSON, such as ["…"]: what they signed is'
        " accepted, and they sign nothing; for a rotation",
    )
    database_url: str = Field(description="postgresql+psycopg2://user:password@host:5432/database")
    database_direct_url: str | None = Field(
        None,
        description="of PostgreSQL itself, if DATABASE_URL leads to PgBouncer in transaction mode;"
        " for the relay and migrations",
    )
    broker_url: str = Field(description="amqp://… (RabbitMQ) or redis://…; never used by the web")
    redis_url: str = Field(description="redis://host:6379/0 for rate limits and caches")
    storage_url: str = Field(
        description="folder:///path or s3://access:secret@host:9000/bucket?secure=0"
        "&public_endpoint=https://where.browsers.reach.it"
    )
    public_base_url: str = Field(
        description="where people reach the site, without a last slash, such as https://localhost"
    )
    internal_api_url: str = Field(
        "http://127.0.0.1:8000", description="where GPU workers reach the site"
    )
    internal_api_token: Secret = Field(description="bearer of GPU workers; at least 32 characters")
    internal_api_token_fallbacks: tuple[Secret, ...] = Field(
        (),
        description="other values of INTERNAL_API_TOKEN as JSON that the site accepts from GPU"
        " workers; for a rotation",
    )
    internal_networks: tuple[IPvAnyNetwork, ...] = Field(
        (), description="where GPU workers may call from, as JSON; empty: from anywhere"
    )
    publish_gpu_messages: bool = Field(
        True,
        description="false when no Celery worker consumes the GPU queues, only tasks.remote works",
    )
    google_client_id: str = Field(
        description="from the Google console, or anything at the sandbox; the authorised redirect"
        " URI is PUBLIC_BASE_URL/api/v1/auth/google/callback"
    )
    google_client_secret: str = Field(description="from the Google console, or the sandbox's")
    google_base_url: str | None = Field(
        None, description="base URL of the sandbox provider; empty means Google itself"
    )
    toss_client_key: str = Field(
        description="of Toss Payments, or anything at the sandbox; the webhook is"
        " PUBLIC_BASE_URL/api/v1/webhooks/toss/payment"
    )
    toss_secret_key: str = Field(description="of Toss Payments, or the sandbox's")
    toss_networks: tuple[IPvAnyNetwork, ...] = Field(
        (), description="where webhooks of payments may come from, as JSON; empty: from anywhere"
    )
    toss_base_url: str | None = Field(
        None, description="base URL of the sandbox provider; empty means Toss Payments itself"
    )
    smtp_url: str | None = Field(
        None,
        description="smtp://user:password@host:587 (STARTTLS) or smtps://user:password@host:465;"
        " empty: this site sends no mail",
    )
    mail_from: str | None = Field(
        None,
        description="sender of mails, such as Style License <no-reply@example.com>; needs SMTP_URL",
    )
    base_model: str = Field(BUILT_IN, description="built-in, sd15, sdxl or a diffusers folder")
    segmenter: SegmenterName = Field(
        SegmenterName.CLASSIC, description="classic (any CPU) or sam3 (a GPU and its weights)"
    )
    generation_lease_seconds: int = Field(
        60, ge=2, description="a renderer that does not report loses its job"
    )
    training_lease_seconds: int = Field(
        120, ge=2, description="a trainer that does not report loses its job"
    )
    segmentation_lease_seconds: int = Field(
        120, ge=2, description="without a report of the segmenter"
    )
    step_lease_seconds: int = Field(120, ge=2, description="lease of one CPU step")
    training_slice_seconds: int = Field(600, ge=1, description="longest slice of a training")
    republish_seconds: int = Field(
        30,
        ge=1,
        description="a due job that nobody claimed is published again after this",
    )
    retry_delays_seconds: tuple[int, int, int] = Field(
        (0, 30, 120), description="waits before the three retries, as JSON"
    )
    content_credentials_chain: Path = Field(
        description="PEM file: the certificate that signs pictures, then its issuers if any"
    )
    content_credentials_roots: Path = Field(
        description="PEM file: the roots whose signatures on pictures are ours, also earlier roots"
    )
    content_credentials_key: Path | None = Field(
        None,
        description="PEM file: the private key of that certificate; workers of the queue"
        " stamping need it; the site offers certificates as signed PDF files if it has it too",
    )
    watermark_keys: dict[KeyNumber, Secret] = Field(
        {1: DEVELOPMENT_WATERMARK_KEY},
        min_length=1,
        description='numbered secret keys as JSON, such as {"1": "…"}; at least 32 characters each;'
        " the highest number marks new orders, the others are read; never remove one",
    )
    market_timezone: str = Field(
        "Asia/Seoul", description="where the days of licences and offers begin, such as Asia/Seoul"
    )
    payout_krw_per_token: int = Field(
        70, ge=1, le=80, description="what an earned token is worth when it is paid out, in KRW"
    )
    payout_minimum_tokens: int = Field(
        100, ge=1, description="fewest earned tokens of a payout request"
    )
    payout_within_days: int = Field(
        14, ge=1, description="days in which a requested payout is transferred, as artists are told"
    )
    job_retention_days: int = Field(
        30, ge=2, description="ended jobs, but those of trainings, are deleted after this"
    )
    # The check of the ledger expects a notification of everything that ended within 30 days.
    notification_retention_days: int = Field(
        30, ge=30, description="read notifications are deleted after this"
    )
    unread_notification_retention_days: int = Field(
        365, ge=30, description="notifications that nobody read are deleted after this"
    )
    webhooks_may_be_local: bool = Field(
        False,
        description="webhooks may go to http and to private networks; refused in production",
    )
    rate_limits_enabled: bool = Field(True, description="only the test suite turns this off")
    trusted_proxies: int = Field(0, ge=0, description="number of reverse proxies in front")
    metrics_token: Secret | None = Field(
        None, description="bearer that may read /metrics from another machine; empty: nobody may"
    )

    flower_url: str | None = Field(
        None, description="where administrators reach Flower, for a link; empty: no link"
    )
    # Shown at /contact and at the foot of every page, as they are written here.
    operator_name: OperatorText | None = Field(
        None, description="business that runs this site; a shop in Korea must state all of these"
    )
    operator_representative: OperatorText | None = Field(None, description="its representative")
    operator_business_number: OperatorText | None = Field(
        None, description="its business registration number, such as 123-45-67890"
    )
    operator_mail_order_number: OperatorText | None = Field(
        None, description="its mail-order business report number, such as 2026-서울강남-01234"
    )
    operator_address: OperatorText | None = Field(None, description="its postal address")
    operator_phone: OperatorText | None = Field(None, description="its phone number for customers")
    operator_email: EmailText | None = Field(None, description="its e-mail address for customers")
    operator_hosting_provider: OperatorText | None = Field(
        None, description="company that hosts this site"
    )

    @field_validator("market_timezone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)  # available_timezones() would read some 600 files
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("is no time zone such as Asia/Seoul") from None
        return name

    @field_validator("smtp_url")
    @classmethod
    def _is_a_mail_server(cls, url: str | None) -> str | None:
        if url is not None:
            mail_server(url)
        return url

    @field_validator("mail_from")
    @classmethod
    def _is_a_sender(cls, text: str | None) -> str | None:
        return text if text is None else sender(text)

    @model_validator(mode="after")
    def _mails_have_a_sender(self) -> Self:
        if self.smtp_url and not self.mail_from:
            raise ValueError("SMTP_URL needs MAIL_FROM, the sender of mails")
        return self

    @model_validator(mode="after")
    def _payment_keys_match(self) -> Self:
        is_live = self.toss_secret_key.startswith(LIVE_KEY)
        if self.toss_client_key.startswith(LIVE_KEY) != is_live:
            raise ValueError("TOSS_CLIENT_KEY and TOSS_SECRET_KEY: one is live, one is not")
        if is_live and self.toss_base_url:
            raise ValueError("TOSS_BASE_URL names a sandbox: refused with live keys")
        if self.env is Environment.PRODUCTION and not is_live:
            raise ValueError("TOSS_SECRET_KEY must be a live key in production")
        return self

    @model_validator(mode="after")
    def _refuse_sandboxes_in_production(self) -> Self:
        if self.env is Environment.PRODUCTION and self.google_base_url:
            raise ValueError("GOOGLE_BASE_URL names a sandbox: refused in production")
        if self.env is Environment.PRODUCTION and not self.uses_tls:
            raise ValueError("PUBLIC_BASE_URL must be https in production")
        is_known = DEVELOPMENT_WATERMARK_KEY in self.watermark_keys.values()
        if self.env is Environment.PRODUCTION and is_known:
            raise ValueError("WATERMARK_KEYS holds the key of development: refused in production")
        if self.env is Environment.PRODUCTION and self.webhooks_may_be_local:
            raise ValueError("WEBHOOKS_MAY_BE_LOCAL reaches our own network: refused in production")
        if self.env is Environment.PRODUCTION and are_requested():
            raise ValueError("FAILPOINTS kills processes: refused in production")
        return self

    @model_validator(mode="after")
    def _chain_may_sign(self) -> Self:
        chain = self.signing_chain()
        if self.env is Environment.PRODUCTION and chain.is_development:
            raise ValueError(
                "CONTENT_CREDENTIALS_CHAIN was made for development: refused in production"
            )
        if self.content_credentials_key:
            self.signing_key(chain)
        return self

    @model_validator(mode="after")
    def _secrets_are_fit(self) -> Self:
        check_fallbacks("SECRET_KEY", self.secret_key, self.secret_key_fallbacks)
        check_fallbacks(
            "INTERNAL_API_TOKEN", self.internal_api_token, self.internal_api_token_fallbacks
        )
        if self.env is Environment.PRODUCTION:
            check_production(self.model_dump())
        return self

    def require_own_secrets(self) -> None:
        """Raise SettingsError if this process got the text that stands for the site's secrets."""
        for name in ("secret_key", "internal_api_token"):
            if getattr(self, name) == NOT_GIVEN:
                raise SettingsError(f"{name.upper()}: the site needs the secret itself")
        self.watermark_key_bytes()

    def signing_chain(self) -> SigningChain:
        """Read the chain that signs pictures. Raises ChainUnusable."""
        return read_chain(self.content_credentials_chain, self.content_credentials_roots)

    def signing_key(self, chain: SigningChain) -> bytes:
        """Read the private key of the chain, as PEM. Raises ChainUnusable, also if none is set."""
        if self.content_credentials_key is None:
            raise ChainUnusable("CONTENT_CREDENTIALS_KEY is not set")
        return read_key(self.content_credentials_key, chain)

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The keys whose signatures are accepted; the first one signs."""
        return (self.secret_key, *self.secret_key_fallbacks)

    @property
    def internal_api_tokens(self) -> tuple[str, ...]:
        """The tokens of workers that are accepted."""
        return (self.internal_api_token, *self.internal_api_token_fallbacks)

    def watermark_key_bytes(self) -> dict[int, bytes]:
        """Return the secret keys of watermarks by their numbers.

        Raises SettingsError in a process that got the text that stands for them: with it a picture
        would be marked by a key that nobody has, and no mark would be recognised.
        """
        if NOT_GIVEN in self.watermark_keys.values():
            raise SettingsError("WATERMARK_KEYS: this process needs the keys themselves")
        return {number: key.encode() for number, key in self.watermark_keys.items()}

    @property
    def database_is_pooled(self) -> bool:
        """Whether PgBouncer is between us and the database."""
        return self.database_direct_url is not None

    @property
    def database_session_url(self) -> str:
        """The database for what needs a session of its own: the relay and migrations."""
        return self.database_direct_url or self.database_url

    @property
    def operator(self) -> Operator:
        """The business that runs this site."""
        return Operator(
            name=self.operator_name,
            representative=self.operator_representative,
            business_number=self.operator_business_number,
            mail_order_number=self.operator_mail_order_number,
            address=self.operator_address,
            phone=self.operator_phone,
            email=self.operator_email,
            hosting_provider=self.operator_hosting_provider,
        )

    @property
    def uses_tls(self) -> bool:
        """Whether people reach the site by https only."""
        return self.public_base_url.startswith("https://")

    @property
    def is_demo(self) -> bool:
        """Whether sign-in and payment both use sandboxes, so that no user and no money is real."""
        return bool(self.google_base_url and self.toss_base_url)

    @property
    def sends_mail(self) -> bool:
        """Whether people may ask for mails; the workers of the queue mail know the server."""
        return self.mail_from is not None

    @property
    def has_demo_model(self) -> bool:
        """Whether images are rendered by the small model that is shipped with the platform."""
        return self.base_model == BUILT_IN

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment.

        Raises SettingsError that names every missing or invalid variable.
        """
        try:
            return cls()
        except UnreadableSetting as error:  # a list or a dictionary that is no JSON
            raise SettingsError(str(error)) from None
        except ValidationError as error:
            lines = [
                f"  {'.'.join(str(part) for part in problem['loc']).upper() or 'SETTINGS'}: "
                f"{'missing' if problem['type'] == 'missing' else problem['msg']}"
                for problem in error.errors()
            ]
            raise SettingsError("The environment is not complete:\n" + "\n".join(lines)) from None


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of this process, read once."""
    return Settings.from_environment()
