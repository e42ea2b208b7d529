"""/sets/presets: what Sets knows of each kind of photo, and the pictures of its swatches."""

from flask import Blueprint, Response, send_file, url_for
from flask_babel import get_locale

from webapp.domain import sets_presets
from webapp.domain.errors import NotFound
from webapp.domain.sets_presets import Concept, Preset, SwatchFile, Template, UnknownPreset
from webapp.extensions import app_settings
from webapp.http import envelope, rate_limits
from webapp.http.access import public
from webapp.http.operations import operation
from webapp.schemas.fields import Listed
from webapp.schemas.sets_presets import (
    ConceptView,
    GroupView,
    PresetDetail,
    PresetView,
    SwatchView,
    TemplateNeed,
    TemplateView,
)

blueprint = Blueprint("sets_presets", __name__)
# Files of the product, under one name only.
files = Blueprint("swatches", __name__)
KEPT_SECONDS = 24 * 3600


@blueprint.get("/presets")
@blueprint.get("/sets/presets")
@public
@operation(gives=Listed[PresetView], links={"preset_id": "/results/0/id"})
def list_presets() -> Response:
    """List the presets in their fixed order."""
    language = _language()
    views = [_preset(each, language).model_dump() for each in sets_presets.presets()]
    return envelope.success(envelope.listed(views, None))


@blueprint.get("/presets/<preset_id>")
@blueprint.get("/sets/presets/<preset_id>")
@public
@operation(gives=PresetDetail, errors=(NotFound,))
def read(preset_id: str) -> Response:
    """Show a preset: concepts, default protection, actions, palette, groups and templates."""
    try:
        preset = sets_presets.preset(preset_id)
    except UnknownPreset:
        raise NotFound(resource="preset", id=preset_id) from None
    language = _language()
    view = PresetDetail(
        **_preset(preset, language).model_dump(),
        concepts=[_concept(each, language) for each in preset.concepts],
        protect_defaults=list(preset.protected_by_default),
        actions=list(preset.actions),
        palette=[_swatch(each, language) for each in sets_presets.palette(preset)],
        groups=[
            GroupView(id=each.id, name=each.names.in_language(language)) for each in preset.groups
        ],
        output_templates=[_template(each, language) for each in preset.templates],
    )
    return envelope.success(view.model_dump())


@files.get("/swatches/<swatch>.png")
@rate_limits.exempt
@public
def swatch_picture(swatch: str) -> Response:
    """Show a swatch; one repeat of a material."""
    file = sets_presets.swatches().get(swatch)
    if file is None:
        raise NotFound(resource="swatch", id=swatch)
    return send_file(file.path, mimetype="image/png", max_age=KEPT_SECONDS)


def swatch_url(swatch: SwatchFile) -> str:
    """Return where the picture of a swatch is, for clients of this and other sites."""
    path = url_for("swatches.swatch_picture", swatch=swatch.name)
    return app_settings().public_base_url.rstrip("/") + path


def _language() -> str:
    return str(get_locale())


def _preset(preset: Preset, language: str) -> PresetView:
    return PresetView(
        id=preset.id,
        name=preset.names.in_language(language),
        description=preset.description.in_language(language),
        concept_count=len(preset.concepts),
    )


def _concept(concept: Concept, language: str) -> ConceptView:
    return ConceptView(
        name=concept.name,
        label=concept.names.in_language(language),
        is_many=concept.is_many,
        protection=concept.protection,
        is_protected=concept.is_protected,
    )


def _swatch(swatch: SwatchFile, language: str) -> SwatchView:
    return SwatchView(
        name=swatch.name,
        label=swatch.names.in_language(language),
        colour=swatch.colour,
        metres=swatch.metres,
        licence=swatch.licence,
        image_url=swatch_url(swatch),
    )


def _template(template: Template, language: str) -> TemplateView:
    return TemplateView(
        id=template.id,
        name=template.names.in_language(language),
        description=template.description.in_language(language),
        plan=template.plan,
        most_jobs=template.most_jobs,
        needs=[TemplateNeed(group=need.group, count=need.count) for need in template.needs],
    )
