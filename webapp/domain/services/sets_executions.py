"""Executes jobs of Sets: stores the rule in the job and queues segmentation and edits.

One execution may create variants: the job itself has the first rule; for each other rule there is
another job with the same photos and its own credits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import pipelines, sets_settings
from webapp.domain.errors import FieldProblem, InvalidTransition, ValidationFailed
from webapp.domain.gateways.editor import Concepts, SettingChecker
from webapp.domain.models.documents import Setting
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
    sets_references,
    sets_restyle_checks,
    sets_rules,
)
from webapp.domain.services.sets_job_states import (
    get_job_for_update,
    photos_of,
    refuse,
    refuse_unchecked,
)
from webapp.domain.services.sets_restyle_checks import Offers
from webapp.domain.sets_errors import PlanRequired
from webapp.domain.sets_presets import Plan, Preset, UnknownTemplate
from webapp.domain.sets_settings import Override, RuleRequest
from webapp.domain.settings import SegmenterName, settings

CHOOSING = (SetsJobStatus.UPLOADED,)
UNSEARCHED = FieldProblem("Must be one of the concepts to search.")
CLICK_IT = FieldProblem("Click this on a photo: this site cannot find it by name.")
USABLE = frozenset({PhotoStatus.READY, PhotoStatus.CHECKING})


@dataclass(frozen=True)
class _Frozen:
    """A checked rule, as it is stored in the row of a job."""

    name: str
    concepts: Concepts
    protect: tuple[str, ...]
    overrides: tuple[Override, ...]
    rule: SetsRule | None
    path: str
    offers: Offers

    def settings(self) -> list[tuple[str, str, Setting]]:
        """Return (path in the request, concept, setting) of all settings."""
        return list(sets_settings.all_settings(self.concepts, self.overrides, path=self.path))

    def columns(self, groups: Mapping[int, str]) -> dict[str, object]:
        """Return the columns of the job's row; `groups` are those of its photos, by index."""
        return {
            "name": self.name,
            "rule_id": self.rule.id if self.rule else None,
            "concepts": sets_settings.without_prices(self.concepts),
            "protect": list(self.protect),
            "overrides": [override.as_document(groups) for override in self.overrides],
            "style_prices": {name: each.price_tokens for name, each in self.offers.items()},
            "style_licenses": {name: each.license_type for name, each in self.offers.items()},
        }


@dataclass(frozen=True)
class _Chosen:
    """The groups of the photos of a job by index, and what was chosen in the photos.

    `own_rules` are those of single instances, `offers` what their styles are offered for.
    """

    groups: Mapping[int, str]
    concepts: frozenset[str]
    own_rules: Sequence[tuple[str, str, Setting]]
    offers: Offers


def execute(
    session: Session,
    checker: SettingChecker,
    account: SetsAccount,
    job_id: str,
    *,
    rules: Sequence[RuleRequest],
    output_template: str | None,
    request_id: str,
) -> None:
    """Queue a job with the first rule, and a new job for each other rule.

    Raises JobNotFound, AlreadyCanceled, InvalidTransition, also while a photo that a rule matches
    is being checked, RuleNotFound, PlanRequired for a template of another plan, ValidationFailed
    with the invalid field, CreditsExhausted for the photos of the other rules, and for regions that
    are painted in a style PriceChanged and InsufficientTokens. Then nothing is queued or charged.
    """
    job = get_job_for_update(session, account.id, job_id)
    refuse(job, "execute", unless=CHOOSING)
    account = sets_accounts.lock(session, account.id)
    preset = sets_rules.preset_of(job.preset_id)
    template = _template(preset, account, output_template)
    photos = photos_of(session, job)
    chosen = _chosen(session, account, preset, photos)
    frozen = [_frozen(session, checker, account, preset, each, chosen) for each in rules]
    for rule in frozen:
        _check_findable(session, preset, rule, photos)
    every = [setting for rule in frozen for setting in rule.settings()]
    sets_references.check(job, "execute", photos, [*every, *chosen.own_rules])
    if len(frozen) > 1:
        refuse_unchecked(job, "execute", photos)
    shared: dict[str, object] = {
        "output_template": template,
        "has_watermark": _limits(account).has_watermark,
        "request_id": request_id,
    }
    variants = [_variant(session, account, job, photos, request_id) for _ in frozen[1:]]
    queued = [job, *variants]
    for each, rule in zip(queued, frozen, strict=True):
        _queue(session, each, rule.columns(chosen.groups) | shared)
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
    """Queue the segmentation of photos before the execution; without `items`, of all photos.

    `prompts` describes concepts that the preset does not have. Costs no credits. Raises
    JobNotFound, AlreadyCanceled, InvalidTransition while photos are being checked or segmented, and
    ValidationFailed for an unknown concept or photo, or for a prompt that the segmenter cannot
    find.
    """
    job = get_job_for_update(session, account.id, job_id)
    refuse(job, "segment", unless=CHOOSING)
    preset = sets_rules.preset_of(job.preset_id)
    _check_names(preset, concepts, prompts, "concepts")
    _check_names(preset, protect, prompts, "protect")
    unsearched = prompts.keys() - {*concepts, *protect}
    if unsearched:
        fields = {f"prompts.{name}": [UNSEARCHED] for name in sorted(unsearched)}
        raise ValidationFailed(fields=fields)
    if prompts and settings().segmenter is SegmenterName.CLASSIC:
        raise ValidationFailed(fields={f"prompts.{name}": [CLICK_IT] for name in prompts})
    photos = photos_of(session, job)
    if items is not None:
        sets_settings.check_indexes(items, {photo.idx for photo in photos})
        photos = [photo for photo in photos if photo.idx in set(items)]
    refuse_unchecked(job, "segment", photos)
    ready = [photo for photo in photos if photo.status == PhotoStatus.READY]
    if any(sets_photos.is_being_segmented(session, photo.id) for photo in ready):
        raise InvalidTransition(**{"from": "segmenting", "action": "segment", "allowed": []})
    _refuse_full(session, ready)
    names = dict.fromkeys([*concepts, *protect])
    queries = [sets_choices.concept_query(preset, name, prompts.get(name)) for name in names]
    for photo in ready:
        sets_photos.segment(session, photo, queries)


def _refuse_full(session: Session, photos: Sequence[SetsPhoto]) -> None:
    """Raise ValidationFailed if a photo already has the maximum number of instances."""
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


def _template(preset: Preset, account: SetsAccount, template_id: str | None) -> str:
    """Return the id of the template; by default the preset's first."""
    if template_id is None:
        return preset.templates[0].id
    try:
        template = preset.template(template_id)
    except UnknownTemplate as error:
        choices = ", ".join(each.id for each in preset.templates)
        problem = FieldProblem("One of %(choices)s.", choices=choices)
        raise ValidationFailed(fields={"output_template": [problem]}) from error
    if not _limits(account).allows(template):
        raise PlanRequired(template=template.id, plan=Plan.PRO.value)
    return template.id


def _chosen(
    session: Session, account: SetsAccount, preset: Preset, photos: Sequence[SetsPhoto]
) -> _Chosen:
    own_rules = sets_choices.own_rules(session, photos)
    return _Chosen(
        groups={photo.idx: photo.group for photo in photos},
        concepts=frozenset(sets_choices.concepts_with_instances(session, photos)),
        own_rules=own_rules,
        offers=sets_restyle_checks.offers(session, account, preset, own_rules),
    )


def _frozen(
    session: Session,
    checker: SettingChecker,
    account: SetsAccount,
    preset: Preset,
    request: RuleRequest,
    chosen: _Chosen,
) -> _Frozen:
    """Return a rule as it will be applied, with the offers of rules of single instances.

    It may be empty if an instance has a rule of its own. Raises RuleNotFound, ValidationFailed and
    PriceChanged.
    """
    rule = None
    if request.rule_id is not None:
        rule = _saved(session, account, preset, request)
        request = replace(
            request,
            concepts=sets_settings.with_terms(rule.concepts, request.concepts),
            protect=tuple(rule.protect),
            name=request.name or rule.name,
        )
    path = request.path
    if not request.concepts and not request.overrides and not chosen.own_rules:
        raise ValidationFailed(fields={f"{path}concepts": [sets_settings.REQUIRED]})
    _check_settings(checker, preset, request, chosen.groups)
    protect = preset.protected_by_default if request.protect is None else request.protect
    settings_with_paths = list(
        sets_settings.all_settings(request.concepts, request.overrides, path=path)
    )
    sets_settings.check_restyles(
        ((setting_path, setting) for setting_path, _, setting in settings_with_paths),
        is_signed_in=account.user_id is not None,
    )
    own = chosen.concepts.union(name for _, name, _ in settings_with_paths)
    sets_settings.check_protect(preset, protect, own=own, path=f"{path}protect")
    return _Frozen(
        name=request.name,
        concepts=request.concepts,
        protect=tuple(protect),
        overrides=request.overrides,
        rule=rule,
        path=path,
        offers=sets_restyle_checks.offers(
            session, account, preset, settings_with_paths, chosen.offers
        ),
    )


def _saved(
    session: Session, account: SetsAccount, preset: Preset, request: RuleRequest
) -> SetsRule:
    rule = sets_rules.find(session, account_id=account.id, rule_id=request.rule_id or "")
    if rule.preset_id != preset.id:
        problem = FieldProblem("This rule belongs to another preset.")
        raise ValidationFailed(fields={f"{request.path}rule_id": [problem]})
    return rule


def _check_settings(
    checker: SettingChecker, preset: Preset, request: RuleRequest, groups: Mapping[int, str]
) -> None:
    path = request.path
    sets_settings.check_concepts(
        checker, preset, request.concepts, indexes=groups.keys(), path=f"{path}concepts"
    )
    sets_settings.check_overrides(
        checker, preset, request.overrides, groups=groups, path=f"{path}overrides"
    )


def _check_findable(
    session: Session, preset: Preset, rule: _Frozen, photos: Sequence[SetsPhoto]
) -> None:
    """Raise ValidationFailed for a concept that the segmenter cannot find and nobody clicked."""
    if settings().segmenter is not SegmenterName.CLASSIC:
        return
    own = {
        path: name for path, name, _ in rule.settings() if not sets_settings.is_known(preset, name)
    }
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
    fields = {path: [CLICK_IT] for path, name in own.items() if name not in clicked}
    if fields:
        raise ValidationFailed(fields=fields)


def _variant(
    session: Session,
    account: SetsAccount,
    parent: SetsJob,
    photos: Sequence[SetsPhoto],
    request_id: str,
) -> SetsJob:
    """Create a variant: a job with the usable photos of its parent and its own credits."""
    usable = [photo for photo in photos if photo.status in USABLE]
    if not usable:
        raise InvalidTransition(**{"from": parent.status, "action": "execute", "allowed": []})
    variant = sets_jobs.new_job(account, parent.preset_id, len(usable), request_id)
    variant.parent_id, variant.source_job_id = parent.id, parent.id
    variant.status = SetsJobStatus.UPLOADED
    session.add(variant)
    session.flush()
    sets_jobs.copy_photos(session, usable, variant)
    return variant


def _queue(session: Session, job: SetsJob, columns: dict[str, object]) -> None:
    pipelines.advance_sets_job(session, job.id, SetsJobStatus.QUEUED, **columns)
    session.refresh(job)


def _start(session: Session, job: SetsJob) -> None:
    for photo in photos_of(session, job):
        sets_photos.enqueue_next_step(session, photo.id)
    sets_photos.end_job_if_over(session, job.id)


def _limits(account: SetsAccount) -> sets_accounts.PlanLimits:
    return sets_accounts.limits_of(account, datetime.now(UTC))
