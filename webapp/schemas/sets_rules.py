"""Bodies and answers of saved rules of Sets, and the settings of concepts they are made of."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, JsonValue, StringConstraints

from webapp.domain.models.documents import Setting
from webapp.domain.models.style import LicenseType
from webapp.domain.prices import MAX_PRICE_TOKENS
from webapp.schemas.fields import Answer, Body, PageQuery, PlainText, SeenText, Time
from webapp.schemas.sets_presets import PresetId

MAX_CONCEPTS, MAX_PROTECTED = 12, 20
ConceptKey = Annotated[
    PlainText, StringConstraints(min_length=1, max_length=60), Field(examples=["Wall"])
]
RuleId = Annotated[str, Field(examples=["rule_7Kq2Zt4mWx9Lr3Vb"])]
RuleName = Annotated[
    PlainText, StringConstraints(min_length=1, max_length=50), Field(examples=["Warm oak"])
]
EXAMPLE = {"Wall": {"action": "recolor", "value": "#F4F1EA"}}


class ConceptSetting(Body):
    """What a rule does with a concept. `prompt` describes a concept that the preset lacks."""

    action: str = Field(max_length=30, examples=["recolor"])
    value: str | None = Field(None, max_length=64, examples=["#F4F1EA"])
    options: dict[Annotated[str, StringConstraints(max_length=30)], JsonValue] = Field(
        default_factory=dict,
        max_length=12,
        examples=[{}],
        description="of the action: tone amount; texture share or plane and metres, rotation,"
        " offset; background share, shadow; restyle strength, plane. A plane is {corners, width,"
        " height}: four points [x, y] in shares of the photo, from the top left clockwise; metres",
    )
    prompt: Annotated[PlainText, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, examples=["red curtain"]
    )
    license_type: LicenseType | None = Field(
        None, examples=[None], description="of what is painted with a style; its default if absent"
    )
    expected_price_tokens: int | None = Field(
        None,
        ge=0,
        le=MAX_PRICE_TOKENS,
        examples=[None],
        description="of one region that is painted with a style: at another price the execution is"
        " refused with PRICE_CHANGED; without it the price of that moment is charged, whatever it"
        " is. Not kept in a saved rule",
    )

    def plain(self) -> Setting:
        """Return the setting as it is checked and stored; without what was left out or is null."""
        setting: Setting = {"action": self.action}
        if self.value is not None:
            setting["value"] = self.value
        options = _without_nulls(self.options)
        if options:
            setting["options"] = options
        if self.prompt is not None:
            setting["prompt"] = self.prompt
        if self.license_type is not None:
            setting["license_type"] = self.license_type
        if self.expected_price_tokens is not None:
            setting["expected_price_tokens"] = self.expected_price_tokens
        return setting


def _without_nulls(options: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return options without those that are null; the names of these are not checked."""
    return {
        name: _without_nulls(value) if isinstance(value, dict) else value
        for name, value in options.items()
        if value is not None
    }


ConceptSettings = Annotated[
    dict[ConceptKey, ConceptSetting],
    Field(min_length=1, max_length=MAX_CONCEPTS, examples=[EXAMPLE]),
]
MaybeSettings = Annotated[
    dict[ConceptKey, ConceptSetting],
    Field(
        max_length=MAX_CONCEPTS,
        examples=[EXAMPLE],
        description="may be empty if an instance has a rule of its own",
    ),
]
Protected = Annotated[list[ConceptKey], Field(max_length=MAX_PROTECTED, examples=[["Grout"]])]


class RuleChanges(Body):
    """PUT /sets/rules/:id; the preset of a rule is fixed."""

    name: RuleName
    concepts: ConceptSettings
    protect: Protected = Field(default_factory=list)


class NewRule(RuleChanges):
    """POST /sets/rules."""

    preset_id: Annotated[str, Field(max_length=30, examples=["interior"])]


class RuleQuery(PageQuery):
    """GET /sets/rules."""

    preset_id: SeenText | None = Field(None, max_length=30, examples=["interior"])


class SettingView(Answer):
    """A stored setting of a concept."""

    action: str = Field(examples=["recolor"])
    value: str | None = Field(examples=["#F4F1EA"])
    options: dict[str, JsonValue] = Field(examples=[{}])
    prompt: str | None = Field(examples=[None])
    license_type: LicenseType | None = Field(examples=[None])


class StoredSetting(Answer):
    """A stored setting of a concept, without what was left out or is null."""

    action: str = Field(examples=["recolor"])
    value: str | None = Field(None, examples=["#F4F1EA"])
    options: dict[str, JsonValue] | None = Field(None, examples=[{}])
    prompt: str | None = Field(None, examples=["red curtain"])
    license_type: LicenseType | None = Field(None, examples=["commercial"])
    expected_price_tokens: int | None = Field(
        None, examples=[12], description="only in the own rule of an instance"
    )


class RuleView(Answer):
    """A saved rule."""

    id: RuleId
    name: str = Field(examples=["Warm oak"])
    preset_id: PresetId
    concepts: dict[str, SettingView]
    protect: list[str] = Field(examples=[["Grout"]])
    created_at: Time
    updated_at: Time
