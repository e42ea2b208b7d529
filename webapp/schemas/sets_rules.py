"""Bodies and answers of saved rules of Sets, and the settings of concepts they are made of."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, JsonValue, StringConstraints

from webapp.domain.models.documents import Setting
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


class StoredSetting(Answer):
    """A stored setting of a concept, without what was left out or is null."""

    action: str = Field(examples=["recolor"])
    value: str | None = Field(None, examples=["#F4F1EA"])
    options: dict[str, JsonValue] | None = Field(None, examples=[{}])
    prompt: str | None = Field(None, examples=["red curtain"])


class RuleView(Answer):
    """A saved rule."""

    id: RuleId
    name: str = Field(examples=["Warm oak"])
    preset_id: PresetId
    concepts: dict[str, SettingView]
    protect: list[str] = Field(examples=[["Grout"]])
    created_at: Time
    updated_at: Time
