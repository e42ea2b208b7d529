"""Settings of Sets: which concepts of which photos get which rule, and what is protected.

A job has settings by concept; overrides replace some of them for a group of photos or for single
photos. A concept that the preset does not have needs a person's own description, its `prompt`.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from webapp.domain.errors import FieldProblem, ValidationFailed
from webapp.domain.gateways.editor import Concepts, SettingChecker
from webapp.domain.models.documents import OverrideSettings, Setting
from webapp.domain.sets_presets import Action, Preset, UnknownConcept, UnknownGroup

MAX_PROMPT_WORDS = 30
"""A segmenter reads 32 tokens with its two for begin and end; a word has at least one."""

# As the tokenizer of SAM3 divides a prompt before it looks words up; a digit is a word.
_WORD = re.compile(r"'(?:s|t|re|ve|m|ll|d)\b|[^\W\d_]+|\d|(?:[^\w\s]|_)+", re.IGNORECASE)
MATCH = "match:"
REQUIRED = FieldProblem("This is required.")
NO_PHOTO = FieldProblem("This job has no such photo.")
NO_MEMBER = FieldProblem("No photo of this job is in this group.")
ORDERED = ("license_type", "expected_price_tokens")
"""Fields of the order of a region that is painted with a style."""
SIGN_IN = FieldProblem("Sign in to use a licensed style: it is paid for in tokens.")
NO_STYLE = FieldProblem("Only for what is painted with a licensed style.")
NO_CONCEPT = FieldProblem("Must be a concept of this preset.")


@dataclass(frozen=True)
class Override:
    """Other settings for some photos: those of a group, or those with these indexes."""

    concepts: Concepts
    group: str | None = None
    items: tuple[int, ...] = ()

    def as_document(self, groups: Mapping[int, str]) -> OverrideSettings:
        """Return the JSON for a job's row; `groups` are those of its photos, by index."""
        concepts = without_prices(self.concepts)
        if self.group is None:
            return {"items": list(self.items), "concepts": concepts}
        members = [idx for idx, group in groups.items() if group == self.group]
        return {"group": self.group, "members": members, "concepts": concepts}


@dataclass(frozen=True)
class RuleRequest:
    """One rule for a whole job: settings, or a saved rule by its id, which takes precedence.

    Without `protect` the preset's own protection applies. `path` is the path of the rule in the
    request with a dot at its end, or "" if the request itself is the rule.
    """

    concepts: Concepts = field(default_factory=dict)
    protect: tuple[str, ...] | None = None
    overrides: tuple[Override, ...] = ()
    rule_id: str | None = None
    name: str = ""
    path: str = ""


def as_rule(setting: Setting) -> Setting:
    """Return a setting without the prompt of its concept."""
    return _without(setting, "prompt")


def for_engine(setting: Setting) -> Setting:
    """Return a setting as the engine accepts it, without the prompt and the order of a region."""
    return _without(setting, "prompt", *ORDERED)


def without_prices(concepts: Concepts) -> dict[str, Setting]:
    """Return settings as saved rules and jobs keep them: a price is that of one execution."""
    return {name: _without(each, "expected_price_tokens") for name, each in concepts.items()}


def with_terms(saved: Concepts, requested: Concepts) -> dict[str, Setting]:
    """Return the settings of a saved rule with the prices that a request expects.

    Where the rule leaves the licence of a style to its default, it is the one in the request.
    """
    return {name: _with_terms(each, requested.get(name)) for name, each in saved.items()}


def _without(setting: Setting, *fields: str) -> Setting:
    kept = {name: value for name, value in setting.items() if name not in fields}
    return cast("Setting", kept)


def _with_terms(saved: Setting, requested: Setting | None) -> Setting:
    if requested is None or saved["action"] != Action.RESTYLE:
        return saved
    setting = saved.copy()
    setting["expected_price_tokens"] = requested.get("expected_price_tokens")
    if saved.get("license_type") is None and saved.get("value") == requested.get("value"):
        setting["license_type"] = requested.get("license_type")
    return setting


def check_concepts(
    checker: SettingChecker,
    preset: Preset,
    concepts: Concepts,
    *,
    indexes: Collection[int] | None = None,
    path: str = "concepts",
) -> None:
    """Raise ValidationFailed with the field of the first setting that cannot be applied.

    A concept that the preset does not have needs a `prompt`; any other must have none. With
    `indexes`, those of a job's photos, a photo that a rule matches must be one of them.
    """
    for name, setting in concepts.items():
        setting_path = f"{path}.{name}"
        prompt_path = f"{setting_path}.prompt"
        check_concept(
            preset, name, setting.get("prompt"), path=setting_path, prompt_path=prompt_path
        )
        check_rule(checker, preset, as_rule(setting), indexes=indexes, path=setting_path)


def check_rule(
    checker: SettingChecker,
    preset: Preset,
    setting: Setting,
    *,
    indexes: Collection[int] | None = None,
    path: str,
) -> None:
    """Raise ValidationFailed with the field unless the engine can apply a setting."""
    for name in ORDERED:
        if setting.get(name) is not None and setting["action"] != Action.RESTYLE:
            raise ValidationFailed(fields={f"{path}.{name}": [NO_STYLE]})
    checker.check(for_engine(setting), preset, path=path)
    reference = reference_of(setting)
    if indexes is not None and reference is not None and reference not in indexes:
        raise ValidationFailed(fields={f"{path}.value": [NO_PHOTO]})


def check_restyles(settings: Iterable[tuple[str, Setting]], *, is_signed_in: bool) -> None:
    """Raise ValidationFailed for rules that paint with a style unless the person is signed in.

    `settings` are pairs of a path in the request and a setting.
    """
    if is_signed_in:
        return
    fields = {
        f"{path}.action": [SIGN_IN]
        for path, setting in settings
        if setting.get("action") == Action.RESTYLE
    }
    if fields:
        raise ValidationFailed(fields=fields)


def check_concept(
    preset: Preset, name: str, prompt: str | None, *, path: str, prompt_path: str
) -> None:
    """Raise ValidationFailed unless the preset has the concept, or a prompt describes it."""
    if is_known(preset, name):
        if prompt is not None:
            problem = FieldProblem("Only for a concept that the preset does not have.")
            raise ValidationFailed(fields={prompt_path: [problem]})
    elif prompt is None:
        raise ValidationFailed(fields={path: [NO_CONCEPT]})
    elif not 1 <= len(_WORD.findall(prompt)) <= MAX_PROMPT_WORDS:
        problem = FieldProblem("1 to %(most)d words.", most=MAX_PROMPT_WORDS)
        raise ValidationFailed(fields={prompt_path: [problem]})


def check_protect(
    preset: Preset, protect: Sequence[str], *, own: Collection[str] = (), path: str = "protect"
) -> None:
    """Raise ValidationFailed for a name that is neither a concept of the preset nor in `own`."""
    for number, name in enumerate(protect):
        if name not in own and not is_known(preset, name):
            raise ValidationFailed(fields={f"{path}.{number}": [NO_CONCEPT]})


def check_overrides(
    checker: SettingChecker,
    preset: Preset,
    overrides: Sequence[Override],
    *,
    groups: Mapping[int, str],
    path: str = "overrides",
) -> None:
    """Raise ValidationFailed with the field of the first override that cannot be applied.

    `groups` are those of the job's photos, by index. An override needs a photo: it would have no
    effect, and nobody would see that.
    """
    indexes = groups.keys()
    for number, override in enumerate(overrides):
        override_path = f"{path}.{number}"
        if (override.group is None) == (not override.items):
            problem = FieldProblem("Either items or group is needed.")
            raise ValidationFailed(fields={override_path: [problem]})
        if override.group is not None:
            group_path = f"{override_path}.group"
            check_group(preset, override.group, path=group_path)
            if not override.group or override.group not in groups.values():
                raise ValidationFailed(fields={group_path: [NO_MEMBER]})
        check_indexes(override.items, indexes, path=f"{override_path}.items")
        check_concepts(
            checker, preset, override.concepts, indexes=indexes, path=f"{override_path}.concepts"
        )


def check_group(preset: Preset, group: str, *, path: str = "group") -> None:
    """Raise ValidationFailed unless the preset has the group; "" is no group."""
    if not group:
        return
    try:
        preset.group(group)
    except UnknownGroup as error:
        choices = ", ".join(each.id for each in preset.groups)
        problem = FieldProblem("One of %(choices)s.", choices=choices)
        raise ValidationFailed(fields={path: [problem]}) from error


def check_indexes(items: Sequence[int], indexes: Collection[int], *, path: str = "items") -> None:
    """Raise ValidationFailed for an index that is not in `indexes`, those of the job's photos."""
    for number, idx in enumerate(items):
        if idx not in indexes:
            raise ValidationFailed(fields={f"{path}.{number}": [NO_PHOTO]})


def reference_of(setting: Setting) -> int | None:
    """Return the index of the photo that a checked setting refers to, or None."""
    value = setting.get("value")
    if setting.get("action") == "tone" and isinstance(value, str) and value.startswith(MATCH):
        return int(value.removeprefix(MATCH))
    return None


def all_settings(
    concepts: Concepts, overrides: Sequence[Override], *, path: str
) -> Iterator[tuple[str, str, Setting]]:
    """Yield (path, concept, setting) for every setting of a rule and of its overrides."""
    settings_by_path = [("concepts", concepts)]
    settings_by_path += [
        (f"overrides.{number}.concepts", override.concepts)
        for number, override in enumerate(overrides)
    ]
    for concepts_path, settings in settings_by_path:
        for name, setting in settings.items():
            yield f"{path}{concepts_path}.{name}", name, setting


def is_known(preset: Preset, name: str) -> bool:
    """Tell whether a preset has a concept."""
    try:
        preset.concept(name)
    except UnknownConcept:
        return False
    return True
