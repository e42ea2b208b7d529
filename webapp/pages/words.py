"""Labels of states, causes and licences, in the language of the request.

A failure is shown in three parts: what happened, what it cost, and what to do next.
"""

from collections.abc import Sequence

from flask_babel import LazyString, format_decimal, gettext, lazy_gettext as _, ngettext

from webapp.domain import korean_words
from webapp.domain.models.generation import AspectRatio
from webapp.domain.prices import MAX_PRICE_TOKENS
from webapp.domain.queries.style_detail import ArtworkView
from webapp.http import localize
from webapp.pages import terms

MINUTE, HOUR = 60, 3600

LICENSES = terms.CURRENT

SHAPES: dict[AspectRatio, LazyString] = {
    AspectRatio.SQUARE: _("Square"),
    AspectRatio.LARGE_SQUARE: _("Large"),
    AspectRatio.PORTRAIT: _("Portrait"),
}

CAUSES: dict[str, LazyString] = {
    "GPU_OOM": _("Out of memory, after retries."),
    "TIMEOUT": _("Timed out, after retries."),
    "NETWORK": _("The files could not be transferred, after retries."),
    "WORKER_LOST": _("The workers stopped several times."),
    "ADAPTER_MISMATCH": _("The style file failed its checksum."),
    "STYLE_OUTDATED": _(
        "The base model has changed since this style was trained. Its artist must train it again."
    ),
    "TRAINING_DIVERGED": _(
        "Training stopped because of a numerical error. Other trainings were not affected."
    ),
    "SIGNATURE_FAILED": _("The artist's signature could not be added to the picture."),
    "INVALID_PROMPT": _("The tags of this order could not be used as a prompt."),
    "MODEL_MISSING": _("The base model of this style is not available."),
    "SAFETY_BLOCKED": _("The result was blocked by our safety rules."),
    "LOW_QUALITY_DATA": _("Training could not learn anything from these artworks."),
    "INSUFFICIENT_IMAGES": _("Fewer than ten artworks passed the checks."),
    "CANCELED": _("You canceled it."),
    "CONCEPT_NOT_FOUND": _("The part that the rule changes was not found in the photo."),
    "FILE_CHANGED": _("The file was changed after it was uploaded."),
    "INVALID_RULE": _("The rule does not fit the preset or the album."),
    "RESTYLE_FAILED": _("A part of the photo could not be painted in its style."),
    "INSUFFICIENT_TOKENS": _("There were not enough tokens to paint the photo in its style."),
    "INVALID_ALBUM": _("The results could not be laid out in this template."),
    **dict.fromkeys(
        (
            "INVALID_IMAGE_FORMAT",
            "IMAGE_SIZE_EXCEEDED",
            "IMAGE_RESOLUTION_TOO_LOW",
            "IMAGE_TOO_LARGE_PIXELS",
            "IMAGE_CORRUPT",
        ),
        _("The uploaded file is not a photo that we can use."),
    ),
}
UNKNOWN_CAUSE = _("Something went wrong on our side. Our staff has been notified.")

TRAINING_ADVICE: dict[str, LazyString] = {
    "LOW_QUALITY_DATA": _(
        "Make a new style from artworks of one consistent style that are easy to recognise."
    ),
    "TRAINING_DIVERGED": _(
        "Train again: it starts from another seed. If it fails a second time, exclude"
        " artworks that differ from the others."
    ),
    "INSUFFICIENT_IMAGES": _("Add artworks until at least ten are usable, then train again."),
    "CANCELED": _("Your artworks are kept. Make changes if you like, and train again."),
}
RETRAIN_ADVICE = _("Your artworks are kept: start the training again.")

IMAGE_CODES: dict[str, LazyString] = {
    "INVALID_IMAGE_FORMAT": _("Not a JPG or PNG"),
    "IMAGE_SIZE_EXCEEDED": _("Larger than 10 MB"),
    "IMAGE_RESOLUTION_TOO_LOW": _("Smaller than 512 × 512"),
    "IMAGE_TOO_LARGE_PIXELS": _("More than 50 megapixels"),
    "IMAGE_CORRUPT": _("The file is damaged"),
    "IMAGE_TOO_LONG": _("More than 16 times as long as wide"),
    "IMAGE_BLANK": _("Blank: nothing is visible"),
    "IMAGE_NOT_ENCODABLE": _("The base model cannot encode this artwork"),
    "DUPLICATE_IMAGE": _("Duplicate of another artwork"),
    "SIMILAR_IMAGE": _("Nearly identical to another artwork"),
}

GENERATION_STATES: dict[str, LazyString] = {
    "queued": _("In queue"),
    "processing": _("In progress"),
    "retrying": _("Retrying"),
    "completed": _("Ready"),
    "failed": _("Failed"),
    "canceled": _("Canceled"),
}
TRAINING_STATES: dict[str, LazyString] = {
    "pending": _("Checking artworks"),
    "training": _("Training"),
    "trained": _("Trained, not on sale yet"),
    "completed": _("On sale"),
    "failed": _("Training failed"),
}
CERTIFICATE_STATES: dict[str, LazyString] = {
    "valid": _("Valid"),
    "expired": _("Expired"),
    "revoked": _("Revoked"),
}
PICTURE_STATES: dict[str, LazyString] = {
    "all": _("All"),
    "public": _("Public"),
    "private": _("Private"),
    "making": _("In progress"),
    "failed": _("Failed"),
    "liked": _("Liked"),
    "collections": _("Collections"),
}
NO_PICTURES: dict[str, LazyString] = {
    "all": _("You have no pictures yet. Choose a style and order one."),
    "public": _("You have no public pictures. Use the button under a picture to make it public."),
    "private": _("You have no private pictures."),
    "making": _("You have no pictures in progress."),
    "failed": _("None of your pictures failed."),
    "liked": _("You have not liked any pictures yet. Use the heart under a picture."),
    "collections": _(
        "You have no collections yet. Create one here, or choose “Add to collection” under a"
        " picture."
    ),
}
POSITIONS: dict[str, LazyString] = {
    "bottom-left": _("Left"),
    "bottom-center": _("Centre"),
    "bottom-right": _("Right"),
}
SIZES: dict[str, LazyString] = {
    "small": _("Small"),
    "medium": _("Medium"),
    "large": _("Large"),
}
FIELD_PROBLEMS: dict[str, LazyString] = {
    "username": _("Use 3 to 50 letters, digits, dots, hyphens or underscores."),
    "display_name": _("Please enter a name of 1 to 50 visible characters."),
    "bio": _("Use at most 150 characters."),
    "artist_name": _("Please enter a name of 2 to 100 visible characters."),
    "contact_email": _("Please enter an e-mail address."),
    "about": _("Use at most 2,000 characters."),
    "reason": _("Use at most 500 characters."),
    "links": _(
        "Each link needs the address of a public web page that begins with https://, of at most 300"
        " characters; its name has at most 40."
    ),
    "signature_opacity": _("Please choose between 30 and 100 percent."),
    "signature_image": _("Please draw your signature or choose a file."),
    "confirm": _("Please enter your username exactly as shown."),
}
# Errors of plain forms whose API message is only meaningful to programs.
FORM_PROBLEMS: dict[str, LazyString] = {
    "IDEMPOTENCY_CONFLICT": _(
        "This form was sent before, with other content. Nothing was charged this time:"
        " check it and send it again."
    ),
    "METHOD_NOT_ALLOWED": _("This address only accepts forms. There is no page here."),
}
WHOLE_NUMBER = _(
    "Enter a whole number from 1 to %(most)s.",
    most=LazyString(format_decimal, MAX_PRICE_TOKENS),
)
TERM_PROBLEMS: dict[str, LazyString] = {
    "description": _("Please describe this style."),
    "price_tokens": WHOLE_NUMBER,
    "prices.personal": WHOLE_NUMBER,
    "prices.commercial": WHOLE_NUMBER,
    "valid_to": _("Choose a date after today."),
}
SAVED: dict[str, LazyString] = {
    "profile": _("Your profile is saved."),
    "artist": _("Saved. All new pictures use this signature."),
    "page": _("Your artist page is saved."),
    "notifications": _("Your notification settings are saved."),
    "key_made": _("This form was sent twice. One key was made, and its secret was shown then."),
    "webhook_made": _(
        "This form was sent twice. One address was added, and its secret was shown then."
    ),
    "webhook_changed": _("The address is saved."),
    "webhook_removed": _("The address is deleted. Nothing is sent to it from now on."),
    "webhook_tested": _("A test is on its way. Reload this page to see what came of it."),
    "key_revoked": _("The key is revoked. Programs with it are refused from now on."),
}
FAREWELLS: dict[str, LazyString] = {
    "deleted": _("Your account is deleted. Thank you for using Style License."),
    "deactivated": _("Your account is closed. Thank you for using Style License."),
}
SIGN_IN_ERRORS: dict[str, LazyString] = {
    "access_denied": _("You did not allow Google to share your account. Nothing was changed."),
    "no_code": _("Google did not answer. Please try again."),
    "invalid_state": _("This sign-in expired, or was started in another window. Please try again."),
    "network_error": _("Google could not be reached. Please try again in a minute."),
    "account_inactive": _("This account was closed."),
    "address_not_verified": _(
        "Google has not verified the e-mail address of this account yet. Please verify it there,"
        " then sign in again."
    ),
    "server_error": _("Something went wrong on our side. Please try again."),
}


def image_codes() -> dict[str, str]:
    """Return the text of each problem of an artwork, for scripts."""
    return {code: str(text) for code, text in IMAGE_CODES.items()}


def image_problem(artwork: ArtworkView, artworks: list[ArtworkView]) -> str:
    """Return the problem of an artwork, with the name of the similar artwork if there is one."""
    text = str(IMAGE_CODES.get(artwork.code or "", artwork.code))
    twin = next((each for each in artworks if each.idx == artwork.twin_idx), None)
    return f"{text} ({twin.filename})" if twin else text


def cause(code: str | None) -> str:
    """Return the text of the cause of a failure."""
    return str(CAUSES.get(code or "", UNKNOWN_CAUSE))


def training_advice(code: str | None) -> str:
    """Return what the artist can do after a training failed with this cause."""
    return str(TRAINING_ADVICE.get(code or "", RETRAIN_ADVICE))


def korean_word(tag: str) -> str | None:
    """Return the Korean word for a tag, for readers of Korean; None without one."""
    return korean_words.korean_for(tag) if localize.language() == "ko" else None


def tag_words(tags: Sequence[str]) -> str:
    """Return tags as one text, for titles and descriptions, each after its Korean word if any."""
    korean = ((korean_word(tag), tag) for tag in tags)
    return ", ".join(f"{word} {tag}" if word else tag for word, tag in korean)


def first_tags(tags: Sequence[str], longest: int | None) -> list[str]:
    """Return as many tags as their text has room for in `longest` characters, at least one."""
    shown = list(tags)
    while longest is not None and len(shown) > 1 and len(tag_words(shown)) > longest:
        shown.pop()
    return shown


def in_queue(ahead: int | None, seconds: int | None) -> str:
    """Return how many wait before this one, and when it will be ready, as far as it is known."""
    if ahead is None:
        return gettext("In queue")
    if ahead == 0 and seconds is None:
        return gettext("In queue: next")
    if ahead == 0:
        return gettext("In queue: next, ready in about %(duration)s", duration=duration(seconds))
    if seconds is None:
        return gettext("In queue: %(count)s before it", count=format_decimal(ahead))
    return gettext(
        "In queue: %(count)s before it, ready in about %(duration)s",
        count=format_decimal(ahead),
        duration=duration(seconds),
    )


def duration(seconds: int | None) -> str:
    """Return a duration as text, such as “7 minutes”; empty when it is unknown."""
    if seconds is None:
        return ""
    if seconds < MINUTE:
        return ngettext("%(num)d second", "%(num)d seconds", max(1, seconds))
    if seconds < HOUR:
        return ngettext("%(num)d minute", "%(num)d minutes", round(seconds / MINUTE))
    return ngettext("%(num)d hour", "%(num)d hours", round(seconds / HOUR))
