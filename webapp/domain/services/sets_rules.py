"""Saved rules of Sets: settings by concept, checked against their preset, in slots of the plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import JsonValue
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from webapp.domain import sets_presets, sets_settings
from webapp.domain.errors import NotFound
from webapp.domain.gateways.editor import Concepts, SettingChecker
from webapp.domain.identifiers import public_id
from webapp.domain.models.documents import Setting
from webapp.domain.models.sets_rule import SetsRule
from webapp.domain.queries.pagination import AnyRow, Keyset, Page, PageRequest
from webapp.domain.services import sets_accounts
from webapp.domain.sets_errors import RuleNotFound, RuleSlotFull
from webapp.domain.sets_presets import Preset, UnknownPreset


@dataclass(frozen=True)
class RuleContent:
    """The content of a rule: settings `{action, value, options, prompt}` and protected concepts."""

    name: str
    concepts: Concepts
    protect: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SettingView:
    """A stored setting of a concept; None for what was not set."""

    action: str
    value: str | None
    options: Mapping[str, JsonValue]
    prompt: str | None
    license_type: str | None


@dataclass(frozen=True, slots=True)
class RuleView:
    """A saved rule as its owner sees it."""

    id: str
    name: str
    preset_id: str
    concepts: Mapping[str, SettingView]
    protect: Sequence[str]
    created_at: datetime
    updated_at: datetime


def create(
    session: Session,
    checker: SettingChecker,
    *,
    account_id: int,
    preset_id: str,
    content: RuleContent,
) -> RuleView:
    """Save a rule in a free slot and return it as its owner sees it.

    Raises NotFound for an unknown preset, ValidationFailed, and RuleSlotFull.
    """
    _check(checker, preset_of(preset_id), content)
    account = sets_accounts.lock(session, account_id)
    limits = sets_accounts.limits_of(account, datetime.now(UTC))
    used = sets_accounts.used_rules(session, account_id)
    if used >= limits.max_rules:
        raise RuleSlotFull(used=used, max=limits.max_rules, plan=limits.plan.value)
    rule = SetsRule(
        public_id=public_id("rule_"),
        account_id=account_id,
        preset_id=preset_id,
        name=content.name,
        concepts=sets_settings.without_prices(content.concepts),
        protect=list(content.protect),
        created_at=func.clock_timestamp(),
        updated_at=func.clock_timestamp(),
    )
    session.add(rule)
    session.flush()
    session.refresh(rule)
    return view(rule)


def find(session: Session, *, account_id: int, rule_id: str) -> SetsRule:
    """Return a rule of an account by its public id. Raises RuleNotFound."""
    rule = session.scalar(
        select(SetsRule)
        .where(
            SetsRule.public_id == rule_id,
            SetsRule.account_id == account_id,
            SetsRule.deleted_at.is_(None),
        )
        .execution_options(populate_existing=True)
    )
    if rule is None:
        raise RuleNotFound(rule_id=rule_id)
    return rule


def replace(
    session: Session,
    checker: SettingChecker,
    *,
    account_id: int,
    rule_id: str,
    content: RuleContent,
) -> RuleView:
    """Replace the content of a rule. Raises RuleNotFound and ValidationFailed."""
    rule = find(session, account_id=account_id, rule_id=rule_id)
    _check(checker, preset_of(rule.preset_id), content)
    session.execute(
        update(SetsRule)
        .where(SetsRule.id == rule.id)
        .values(
            name=content.name,
            concepts=sets_settings.without_prices(content.concepts),
            protect=list(content.protect),
            updated_at=func.clock_timestamp(),
        )
    )
    return view(find(session, account_id=account_id, rule_id=rule_id))


def delete(session: Session, *, account_id: int, rule_id: str) -> None:
    """Mark a rule as deleted and free its slot; its row stays for jobs that used it.

    Raises RuleNotFound.
    """
    deleted_id = session.execute(
        update(SetsRule)
        .where(
            SetsRule.public_id == rule_id,
            SetsRule.account_id == account_id,
            SetsRule.deleted_at.is_(None),
        )
        .values(deleted_at=func.clock_timestamp())
        .returning(SetsRule.id)
    ).first()
    if deleted_id is None:
        raise RuleNotFound(rule_id=rule_id)


def list_rules(
    session: Session, *, account_id: int, preset_id: str | None, page: PageRequest
) -> Page[RuleView]:
    """List the rules of an account, newest first."""
    statement = select(*SetsRule.__table__.columns).where(
        SetsRule.account_id == account_id, SetsRule.deleted_at.is_(None)
    )
    if preset_id is not None:
        statement = statement.where(SetsRule.preset_id == preset_id)
    keyset = Keyset(
        [(SetsRule.created_at, "created_at", datetime), (SetsRule.id, "id", int)],
        {"list": "sets rules", "account_id": account_id, "preset_id": preset_id},
    )
    return keyset.page(session.execute(keyset.apply(statement, page)).all(), page, view)


def view(rule: SetsRule | AnyRow) -> RuleView:
    """Return a rule as its owner sees it."""
    return RuleView(
        id=rule.public_id,
        name=rule.name,
        preset_id=rule.preset_id,
        concepts={name: with_defaults(setting) for name, setting in rule.concepts.items()},
        protect=rule.protect,
        created_at=rule.created_at,
        updated_at=rule.updated_at,
    )


def with_defaults(setting: Setting) -> SettingView:
    """Return a stored setting with a value for each optional field."""
    return SettingView(
        action=setting["action"],
        value=setting.get("value"),
        options=setting.get("options") or {},
        prompt=setting.get("prompt"),
        license_type=setting.get("license_type"),
    )


def preset_of(preset_id: str) -> Preset:
    """Return a preset. Raises NotFound."""
    try:
        return sets_presets.preset(preset_id)
    except UnknownPreset:
        raise NotFound(resource="preset", id=preset_id) from None


def _check(checker: SettingChecker, preset: Preset, content: RuleContent) -> None:
    sets_settings.check_concepts(checker, preset, content.concepts)
    sets_settings.check_protect(preset, content.protect, own=content.concepts)
