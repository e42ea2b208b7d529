"""Labels of Sets for templates and scripts: states, plans, actions, sources and errors."""

from flask_babel import LazyString, lazy_gettext as _

STATES: dict[str, LazyString] = {
    "created": _("Waiting for photos"),
    "uploaded": _("Ready to edit"),
    "queued": _("In queue"),
    "running": _("In progress"),
    "done": _("Finished"),
    "failed": _("Failed"),
    "canceled": _("Canceled"),
}
PHOTO_STATES: dict[str, LazyString] = {
    "awaited": _("Not uploaded"),
    "checking": _("Being checked"),
    "ready": _("Ready"),
    "queued": _("In queue"),
    "running": _("In progress"),
    "done": _("Finished"),
    "failed": _("Failed"),
    "canceled": _("Canceled"),
}
PLANS: dict[str, LazyString] = {"free": _("Free"), "pro": _("Pro")}
ACTIONS: dict[str, LazyString] = {
    "recolor": _("Colour"),
    "tone": _("Tone"),
    "texture": _("Material"),
    "background": _("Background"),
    "remove_background": _("Remove background"),
    "restyle": _("Licensed style"),
}
TONES: dict[str, LazyString] = {
    "warmer": _("Warmer"),
    "cooler": _("Cooler"),
    "brighter": _("Brighter"),
    "darker": _("Darker"),
    "contrast+": _("More contrast"),
    "contrast-": _("Less contrast"),
    "saturation+": _("More saturation"),
    "saturation-": _("Less saturation"),
}
INSTANCE_STATES: dict[str, LazyString] = {
    "include": _("Include"),
    "lock": _("Lock"),
    "exclude": _("Exclude"),
}
SOURCES: dict[str, LazyString] = {
    "found": _("Suggested"),
    "clicked": _("Selected by you"),
    "carried": _("Proposed from another photo"),
}
IMAGE_CODES: dict[str, LazyString] = {
    "INVALID_IMAGE_FORMAT": _("This is not a JPEG or PNG file. Save it as JPEG and try again."),
    "IMAGE_SIZE_EXCEEDED": _("This file is too large."),
    "IMAGE_RESOLUTION_TOO_LOW": _("This photo is too small."),
    "IMAGE_TOO_LARGE_PIXELS": _("This photo has more than 50 megapixels."),
    "IMAGE_CORRUPT": _("This file is damaged."),
}
# Why a photo failed. A code that only an external worker uses is shown as an unknown error.
FAILURES: dict[str, LazyString] = IMAGE_CODES | {
    "FILE_CHANGED": _("The file was changed after it was uploaded."),
    "CONCEPT_NOT_FOUND": _("No part with a rule was found in this photo."),
    "INVALID_RULE": _("The rule cannot be applied to this photo."),
    "TIMEOUT": _("Timed out."),
    "TOO_MANY_INSTANCES": _("Too many parts are selected in this photo. Exclude some of them."),
    "RESTYLE_FAILED": _("A part of the photo could not be painted in its style."),
    "INSUFFICIENT_TOKENS": _("There were not enough tokens to paint the photo in its style."),
    "SIGNATURE_FAILED": _("The artist's signature could not be added to the picture."),
    "INVALID_PROMPT": _("The description of a part cannot be searched for. Use other words."),
    "NETWORK": _("The files could not be transferred. Try again later."),
    "WORKER_LOST": _("Processing stopped several times. Try again later."),
    "MODEL_MISSING": _("The search for parts is not available now. Try again later."),
    "GPU_OOM": _("There was not enough memory for this photo. Try again later."),
    "INTERNAL_ERROR": _("Something went wrong on our side. Try again later."),
}
WARNINGS: dict[str, LazyString] = {
    "CONCEPT_NOT_FOUND": _("Not found in this photo: %(concept)s.", concept="{concept}"),
}


def translated(table: dict[str, LazyString]) -> dict[str, str]:
    """Return a table in the language of the request, for scripts."""
    return {key: str(text) for key, text in table.items()}
