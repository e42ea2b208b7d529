"""Execute a job of Sets: freeze its rules, and have masks found and photos edited.

One execution may make variants: the job itself has the first rule, each other one gets a job of its
own with the same photos, paid for by itself.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import pipelines, sets_settings
from webapp.domain.errors import FieldProblem, InvalidTransition, ValidationFailed
from webapp.domain.gateways.editor import Concepts, SettingChecker
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.models.sets_instance import InstanceSource, SetsInstance
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus, SetsPhoto
from webapp.domain.models.sets_rule import SetsRule
from webapp.domain.services import (
    sets_accounts,
    sets_choices,
    sets_jobs,
    sets_masks,
    sets_photos,
    sets_restyle_checks,
    sets_rules,
)
from webapp.domain.services.sets_job_states import (
    get_job_for_update,
    photos_of,
    refuse,
    refuse_unchecked,
)
from webapp.domain.services.sets_restyle_checks import Prices
from webapp.domain.sets_errors import PlanRequired
from webapp.domain.sets_presets import Plan, Preset, UnknownTemplate
from webapp.domain.sets_settings import Override, RuleRequest
from webapp.domain.settings import SegmenterName, settings

CHOOSING = (SetsJobStatus.UPLOADED,)
UNASKED = FieldProblem("Must be one of the concepts to search.")
CLICK_IT = FieldProblem("Click this on a photo: this site cannot find it by name.")
USABLE = frozenset({PhotoStatus.READY, PhotoStatus.CHECKING})


@dataclass(frozen=True)
class _Frozen:
    """A rule that was found applicable, as the row of a job keeps it."""

    name: str
    concepts: Concepts
    protect: tuple[str, ...]
    overrides: tuple[Override, ...]
    rule: SetsRule | None
    path: str
    style_prices: Prices

    def columns(self, of_instances: Prices) -> dict[str, object]:
        """Return the columns of the job's row; single instances may have prices, too."""
        return {
            "name": self.name,
            "rule_id": self.rule.id if self.rule else None,
            "concepts": {name: dict(setting) for name, setting in self.concepts.items()},
            "protect": list(self.protect),
            "overrides": [override.as_json() for override in self.overrides],
            "style_prices": of_instances | self.style_prices,
        }


def execute(
    session: Session,
    checker: SettingChecker,
    account: SetsAccount,
    job_id: str,
    *,
    wanted: Sequence[RuleRequest],
    output_template: str | None,
    request_id: str,
) -> None:
    """Queue a job with the first rule, and a job of its own for each other one.

    Raises JobNotFound, AlreadyCanceled, InvalidTransition, RuleNotFound, PlanRequired for a
    template of another plan, ValidationFailed naming the field that cannot be applied,
    CreditsExhausted for the photos of the other rules, and InsufficientTokens for what is to be
    painted in a style. Then nothing was queued or charged.
    """
    job = get_job_for_update(session, account.id, job_id)
    refuse(job, "execute", unless=CHOOSING)
    account = sets_accounts.lock(session, account.id)
    preset = sets_rules.preset_of(job.preset_id)
    template = _template(preset, account, output_template)
    photos = photos_of(session, job)
    frozen = [_frozen(session, checker, account, preset, each, photos) for each in wanted]
    for rule in frozen:
        _check_found_by_somebody(session, preset, rule, photos)
    if len(frozen) > 1:
        refuse_unchecked(job, "execute", photos)
    shared: dict[str, object] = {
        "output_template": template,
        "has_watermark": _limits(account).has_watermark,
        "request_id": request_id,
    }
    variants = [_variant(session, account, job, photos, request_id) for _ in frozen[1:]]
    of_instances = sets_restyle_checks.prices_of_instances(session, account, preset, photos)
    queued = [job, *variants]
    for each, rule in zip(queued, frozen, strict=True):
        _queue(session, each, rule.columns(of_instances) | shared)
    to_edit = {each: photos_of(session, each) for each in queued}
    sets_restyle_checks.refuse_unaffordable(session, account, to_edit)
    for each in queued:
        _start(session, each)


def segment(
    session: Session,
    account: SetsAccount,
    job_id: str,
    *,
    concepts: Sequence[str],
    protect: Sequence[str],
    items: Sequence[int] | None,
    prompts: dict[str, str],
) -> None:
    """Have concepts searched in photos before the execution, in all photos without `items`.

    `prompts` describes concepts that the preset does not have. Costs no credits. Raises
    JobNotFound, AlreadyCanceled, InvalidTransition while photos are being decoded or searched, and
    ValidationFailed for an unknown concept or photo, or for a prompt that only clicks can serve.
    """
    job = get_job_for_update(session, account.id, job_id)
    refuse(job, "segment", unless=CHOOSING)
    preset = sets_rules.preset_of(job.preset_id)
    _check_names(preset, concepts, prompts, "concepts")
    _check_names(preset, protect, prompts, "protect")
    unasked = prompts.keys() - {*concepts, *protect}
    if unasked:
        raise ValidationFailed(fields={f"prompts.{name}": [UNASKED] for name in sorted(unasked)})
    if prompts and settings().segmenter is SegmenterName.CLASSIC:
        raise ValidationFailed(fields={f"prompts.{name}": [CLICK_IT] for name in prompts})
    photos = photos_of(session, job)
    if items is not None:
        sets_settings.check_indexes(items, {photo.idx for photo in photos})
        photos = [photo for photo in photos if photo.idx in set(items)]
    refuse_unchecked(job, "segment", photos)
    searched = [photo for photo in photos if photo.status == PhotoStatus.READY]
    if any(sets_photos.is_being_segmented(session, photo.id) for photo in searched):
        raise InvalidTransition(**{"from": "segmenting", "action": "segment", "allowed": []})
    _refuse_full(session, searched)
    names = dict.fromkeys([*concepts, *protect])
    asked = [sets_choices.concept_query(preset, name, prompts.get(name)) for name in names]
    for photo in searched:
        sets_photos.segment(session, photo, asked)


def _refuse_full(session: Session, photos: Sequence[SetsPhoto]) -> None:
    """Raise ValidationFailed where a photo has as many instances as it may have."""
    counts = sets_masks.count_instances(session, [photo.id for photo in photos])
    for photo in photos:
        most = sets_masks.most_instances(photo.width or 0, photo.height or 0)
        if counts.get(photo.id, 0) >= most:
            problem = FieldProblem("At most %(most)d instances in a photo.", most=most)
            raise ValidationFailed(fields={"items": [problem]})


def _check_names(preset: Preset, names: Sequence[str], prompts: dict[str, str], path: str) -> None:
    for number, name in enumerate(names):
        sets_settings.check_concept(
            preset,
            name,
            prompts.get(name),
            path=f"{path}.{number}",
            prompt_path=f"prompts.{name}",
        )


def _template(preset: Preset, account: SetsAccount, wanted: str | None) -> str:
    """Return the id of the template; the preset's first without a wish."""
    if wanted is None:
        return preset.templates[0].id
    try:
        template = preset.template(wanted)
    except UnknownTemplate as error:
        choices = ", ".join(each.id for each in preset.templates)
        problem = FieldProblem("One of %(choices)s.", choices=choices)
        raise ValidationFailed(fields={"output_template": [problem]}) from error
    if not _limits(account).allows(template):
        raise PlanRequired(template=template.id, plan=Plan.PRO.value)
    return template.id


def _frozen(
    session: Session,
    checker: SettingChecker,
    account: SetsAccount,
    preset: Preset,
    wanted: RuleRequest,
    photos: Sequence[SetsPhoto],
) -> _Frozen:
    """Return a rule as it will be applied. Raises RuleNotFound and ValidationFailed."""
    rule = None
    if wanted.rule_id is not None:
        rule = _saved(session, account, preset, wanted)
        wanted = replace(
            wanted,
            concepts=rule.concepts,
            protect=tuple(rule.protect),
            name=wanted.name or rule.name,
        )
    path, indexes = wanted.path, {photo.idx for photo in photos}
    if not wanted.concepts and not wanted.overrides:
        problem = FieldProblem("This is required.")
        raise ValidationFailed(fields={f"{path}concepts": [problem]})
    _check_settings(checker, preset, wanted, indexes)
    protect = preset.protected_by_default if wanted.protect is None else wanted.protect
    every = list(sets_settings.all_settings(wanted.concepts, wanted.overrides, path=path))
    sets_settings.check_restyles(
        ((place, setting) for place, _, setting in every),
        is_signed_in=account.user_id is not None,
    )
    own = {name for _, name, _ in every}
    sets_settings.check_protect(preset, protect, own=own, path=f"{path}protect")
    return _Frozen(
        name=wanted.name,
        concepts=wanted.concepts,
        protect=tuple(protect),
        overrides=wanted.overrides,
        rule=rule,
        path=path,
        style_prices=sets_restyle_checks.prices(session, account, preset, every),
    )


def _saved(session: Session, account: SetsAccount, preset: Preset, wanted: RuleRequest) -> SetsRule:
    rule = sets_rules.find(session, account_id=account.id, rule_id=wanted.rule_id or "")
    if rule.preset_id != preset.id:
        problem = FieldProblem("This rule belongs to another preset.")
        raise ValidationFailed(fields={f"{wanted.path}rule_id": [problem]})
    return rule


def _check_settings(
    checker: SettingChecker, preset: Preset, wanted: RuleRequest, indexes: Collection[int]
) -> None:
    path = wanted.path
    sets_settings.check_concepts(
        checker, preset, wanted.concepts, indexes=indexes, path=f"{path}concepts"
    )
    sets_settings.check_overrides(
        checker, preset, wanted.overrides, indexes=indexes, path=f"{path}overrides"
    )


def _check_found_by_somebody(
    session: Session, preset: Preset, rule: _Frozen, photos: Sequence[SetsPhoto]
) -> None:
    """Raise ValidationFailed for a concept in somebody's own words that nothing here can find."""
    if settings().segmenter is not SegmenterName.CLASSIC:
        return
    every = sets_settings.all_settings(rule.concepts, rule.overrides, path=rule.path)
    own = {place: name for place, name, _ in every if not sets_settings.is_known(preset, name)}
    if not own:
        return
    clicked = session.scalars(
        select(SetsInstance.concept)
        .distinct()
        .where(
            SetsInstance.photo_id.in_([photo.id for photo in photos]),
            SetsInstance.source != InstanceSource.FOUND,
            SetsInstance.concept.in_(set(own.values())),
        )
    ).all()
    fields = {place: [CLICK_IT] for place, name in own.items() if name not in clicked}
    if fields:
        raise ValidationFailed(fields=fields)


def _variant(
    session: Session,
    account: SetsAccount,
    parent: SetsJob,
    photos: Sequence[SetsPhoto],
    request_id: str,
) -> SetsJob:
    """Return a job of its own with the usable photos of its parent, paid for."""
    usable = [photo for photo in photos if photo.status in USABLE]
    if not usable:
        raise InvalidTransition(**{"from": parent.status, "action": "execute", "allowed": []})
    made = sets_jobs.new_job(account, parent.preset_id, len(usable), request_id)
    made.parent_id, made.source_job_id = parent.id, parent.id
    made.status = SetsJobStatus.UPLOADED
    session.add(made)
    session.flush()
    sets_jobs.copy_photos(session, usable, made)
    return made


def _queue(session: Session, job: SetsJob, columns: dict[str, object]) -> None:
    pipelines.advance_sets_job(session, job.id, SetsJobStatus.QUEUED, **columns)
    session.refresh(job)


def _start(session: Session, job: SetsJob) -> None:
    for photo in photos_of(session, job):
        sets_photos.enqueue_next_step(session, photo.id)
    sets_photos.end_job_if_over(session, job.id)


def _limits(account: SetsAccount) -> sets_accounts.PlanLimits:
    return sets_accounts.limits_of(account, datetime.now(UTC))
