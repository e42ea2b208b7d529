"""Saved rules of Sets: settings by concept, checked against their preset, in slots of the plan."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from webapp.domain import sets_presets, sets_settings
from webapp.domain.errors import NotFound
from webapp.domain.gateways.editor import Concepts, Setting, SettingChecker
from webapp.domain.identifiers import public_id
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


def create(
    session: Session,
    checker: SettingChecker,
    *,
    account_id: int,
    preset_id: str,
    content: RuleContent,
) -> dict[str, Any]:
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
        concepts=dict(content.concepts),
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
) -> dict[str, Any]:
    """Replace the content of a rule. Raises RuleNotFound and ValidationFailed."""
    rule = find(session, account_id=account_id, rule_id=rule_id)
    _check(checker, preset_of(rule.preset_id), content)
    session.execute(
        update(SetsRule)
        .where(SetsRule.id == rule.id)
        .values(
            name=content.name,
            concepts=dict(content.concepts),
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
) -> Page[dict[str, Any]]:
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


def view(rule: SetsRule | AnyRow) -> dict[str, Any]:
    """Return a rule as its owner sees it."""
    return {
        "id": rule.public_id,
        "name": rule.name,
        "preset_id": rule.preset_id,
        "concepts": {name: with_defaults(setting) for name, setting in rule.concepts.items()},
        "protect": rule.protect,
        "created_at": rule.created_at,
        "updated_at": rule.updated_at,
    }


def with_defaults(setting: Setting) -> dict[str, Any]:
    """Return a stored setting with a value for each optional field."""
    return {"value": None, "options": {}, "prompt": None} | dict(setting)


def preset_of(preset_id: str) -> Preset:
    """Return a preset. Raises NotFound."""
    try:
        return sets_presets.preset(preset_id)
    except UnknownPreset:
        raise NotFound(resource="preset", id=preset_id) from None


def _check(checker: SettingChecker, preset: Preset, content: RuleContent) -> None:
    sets_settings.check_concepts(checker, preset, content.concepts)
    sets_settings.check_protect(preset, content.protect, own=content.concepts)
