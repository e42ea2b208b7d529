"""Apply rules to one photo: read masks and swatches from storage, then run the engine."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from PIL import Image

from gpu.rules.actions import Rule, parse_rule
from gpu.rules.colour import Statistics, measure_photo
from gpu.rules.engine import apply_rules, regions_of
from gpu.rules.errors import InvalidRule
from gpu.rules.rectangles import largest_rectangle
from gpu.rules.regions import Part, Protection
from gpu.rules.restyle import PaintedCanvas, Restyle
from gpu.rules.swatches import Swatch
from gpu.rules.tone import Match
from gpu.segmenting.masks import EncodedMask, InvalidMask, grown
from tasks.on_cpu import pictures
from tasks.on_cpu.attempt import AttemptFailed
from tasks.on_cpu.restyling import painted_canvases, signed, stored_canvases
from webapp.domain import sets_presets
from webapp.domain.jobs import Lease
from webapp.domain.services import sets_masks
from webapp.domain.services.sets_edits import NOT_FOUND, EditInput, EditPart
from webapp.domain.services.sets_restyles import NewCanvas

INVALID = "INVALID_RULE"
TOO_MANY = "TOO_MANY_INSTANCES"


@dataclass(frozen=True)
class EditedImage:
    """A photo after its rules, and the concepts that were not found in it."""

    image: Image.Image
    missing: tuple[str, ...]


def edited(edit: EditInput) -> EditedImage:
    """Apply the rules of a photo.

    Raises AttemptFailed: CONCEPT_NOT_FOUND when no rule finds a pixel, so that nobody pays for an
    unchanged photo; TOO_MANY_INSTANCES for masks that do not fit into memory; INVALID_RULE for a
    rule that does not fit the palette or the album; NETWORK for missing or damaged files.
    """
    swatches = _swatches(edit)
    photo, parts = _read(edit, swatches)
    references = _references([part.rule for part in parts], edit.references)
    try:
        result = apply_rules(photo, parts, swatches=swatches, references=references)
    except InvalidRule as error:
        raise AttemptFailed(INVALID, str(error)) from error
    painted = {part.concept for part in parts if part.rule is not None} - set(result.not_found)
    missing = tuple(dict.fromkeys([*edit.missing, *result.not_found]))
    if not painted:  # a photo without any rule was refused by `_read`
        raise AttemptFailed(NOT_FOUND, _names(missing))
    image = _signed(result.image, photo, parts, edit) if edit.paintings else result.image
    return EditedImage(image, missing)


def canvases(lease: Lease, edit: EditInput) -> list[NewCanvas]:
    """Store the canvases that must be painted before the rules can be applied; may be empty.

    Raises AttemptFailed as `edited` does.
    """
    photo, parts = _read(edit, _swatches(edit))
    return stored_canvases(lease, photo, parts, edit.parts)


def _read(edit: EditInput, swatches: Mapping[str, Swatch]) -> tuple[Image.Image, list[Part]]:
    """Return the photo, and its parts with their masks and rules, in the order of their rows."""
    if not any(part.setting for part in edit.parts):
        raise AttemptFailed(NOT_FOUND, _names(edit.missing))
    painted = painted_canvases(edit.paintings)
    rules = [_rule(part, swatches, painted.get(part.instance_id)) for part in edit.parts]
    photo = pictures.read_png(edit.photo_key)
    most = sets_masks.most_instances(*photo.size)
    if len(edit.parts) > most:
        raise AttemptFailed(
            TOO_MANY, f"{len(edit.parts)} parts are selected; at most {most} can be."
        )
    parts = [_part(part, rule, photo.size) for part, rule in zip(edit.parts, rules, strict=True)]
    return photo, parts


def _signed(
    image: Image.Image, photo: Image.Image, parts: Sequence[Part], edit: EditInput
) -> Image.Image:
    rows = {id(part): row for part, row in zip(parts, edit.parts, strict=True)}
    regions = {
        rows[id(part)].instance_id: largest_rectangle(mask)
        for part, mask in regions_of(photo, parts)
        if isinstance(part.rule, Restyle)
    }
    return signed(image, regions, edit.paintings)


def _rule(
    part: EditPart, swatches: Mapping[str, Swatch], painted: PaintedCanvas | None
) -> Rule | None:
    if part.setting is None:
        return None
    try:
        rule = parse_rule(part.setting, swatches)
    except InvalidRule as error:
        raise AttemptFailed(INVALID, f"{part.concept}: {error}") from error
    return replace(rule, canvas=painted) if isinstance(rule, Restyle) else rule


def _part(part: EditPart, rule: Rule | None, size: tuple[int, int]) -> Part:
    """Return a part with its mask, grown by the antialiased border pixels if it has a rule."""
    try:
        mask = EncodedMask(pictures.read(part.mask_key), *size).decode()
    except InvalidMask as error:
        raise AttemptFailed("NETWORK", f"{part.mask_key}: {error}") from error
    return Part(
        concept=part.concept,
        mask=mask if rule is None else grown(mask),
        rule=rule,
        protection=Protection(part.protection) if part.protection else Protection.NONE,
        is_locked=part.is_locked,
    )


def _swatches(edit: EditInput) -> dict[str, Swatch]:
    """Return the swatches of the palette that the settings name."""
    names = {part.setting.get("value") for part in edit.parts if part.setting}
    palette = sets_presets.palette(sets_presets.preset(edit.preset_id))
    return {
        each.name: Swatch.read(each.path, each.metres) for each in palette if each.name in names
    }


def _references(rules: list[Rule | None], previews: Mapping[int, str]) -> dict[int, Statistics]:
    """Return the colours of the photos that rules are matched to; an unknown one is left out."""
    indices = {rule.reference for rule in rules if isinstance(rule, Match)} & previews.keys()
    return {index: _statistics(previews[index]) for index in indices}


def _statistics(preview_key: str) -> Statistics:
    return measure_photo(Image.open(io.BytesIO(pictures.read(preview_key)), formats=("WEBP",)))


def _names(missing: tuple[str, ...]) -> str:
    return f"Not found in the photo: {', '.join(missing) or 'any selected part'}."
