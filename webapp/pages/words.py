"""What states, causes and licences are called in front of people; read in the request's language.

Codes stay in the code. Every failure is told in three parts: what happened, what it cost, and
what to do next.
"""

from dataclasses import dataclass
from typing import Any

from flask_babel import LazyString, format_decimal, gettext, ngettext
from flask_babel import lazy_gettext as _

from webapp.domain.models.license import IssuedLicense
from webapp.domain.models.payment import Product, Purchase
from webapp.domain.models.style import LicenseType

MINUTE, HOUR = 60, 3600


@dataclass(frozen=True)
class LicenseWords:
    """A licence in plain words."""

    title: LazyString
    summary: LazyString
    may: tuple[LazyString, ...]
    may_not: tuple[LazyString, ...]


_NEVER = (
    _("Remove or cover the signature"),
    _("Train a model on the image"),
    _("Claim that you drew it yourself"),
)
LICENSES: dict[str, LicenseWords] = {
    LicenseType.PERSONAL: LicenseWords(
        title=_("Personal licence"),
        summary=_("For yourself: no money is made with the image."),
        may=(
            _("Keep it, print it, hang it on your wall"),
            _("Show it on your own pages, naming the artist"),
        ),
        may_not=(_("Sell it, or use it to advertise or run a business"), *_NEVER),
    ),
    LicenseType.COMMERCIAL: LicenseWords(
        title=_("Commercial licence"),
        summary=_("For work: you may earn money with the image."),
        may=(
            _("Use it in products, adverts, books and on websites"),
            _("Keep it, print it, and show it anywhere"),
        ),
        may_not=(_("Sell the bare file to others as a picture of theirs"), *_NEVER),
    ),
    IssuedLicense.EXCLUSIVE: LicenseWords(
        title=_("Exclusive licence (no longer sold)"),
        summary=_(
            "For work. It was sold as exclusive, but nothing kept others from ordering the same"
            " image, so we sell it no longer."
        ),
        may=(
            _("Use it in products, adverts, books and on websites"),
            _("Keep it, print it, and show it anywhere"),
        ),
        may_not=_NEVER,
    ),
}

CAUSES: dict[str, LazyString] = {
    "GPU_OOM": _("The machine ran out of memory, also when we tried again."),
    "TIMEOUT": _("It took longer than it may, also when we tried again."),
    "NETWORK": _("The files could not be moved to where the work is done, also on a new try."),
    "WORKER_LOST": _("The machines that did the work stopped several times."),
    "ADAPTER_MISMATCH": _("The learned style could not be proven to be the right one."),
    "STYLE_OUTDATED": _(
        "The base model has changed since this style was learned. Its artist must train it again."
    ),
    "TRAINING_DIVERGED": _(
        "The training computed a value that is not a number, so it was stopped. Other trainings"
        " were not affected."
    ),
    "SIGNATURE_FAILED": _("The artist's signature could not be put on the image."),
    "INVALID_PROMPT": _("The words of this order could not be drawn."),
    "MODEL_MISSING": _("The base model of this style is not available."),
    "SAFETY_BLOCKED": _("The result was blocked by our safety rules."),
    "LOW_QUALITY_DATA": _("Nothing could be learned from these works."),
    "INSUFFICIENT_IMAGES": _("Fewer than ten works passed the checks."),
    "CANCELED": _("You stopped it."),
    "CONCEPT_NOT_FOUND": _("Nothing of what the rule changes was found in the photo."),
    "FILE_CHANGED": _("The file was changed after it was confirmed."),
    "INVALID_RULE": _("The rule does not fit the palette or the album."),
    "RESTYLE_FAILED": _("A part of the photo could not be painted in its style."),
    "INSUFFICIENT_TOKENS": _("There were not enough tokens to paint the photo in its style."),
    "INVALID_ALBUM": _("The results could not be laid out as this template wants."),
    **dict.fromkeys(
        (
            "INVALID_IMAGE_FORMAT",
            "IMAGE_SIZE_EXCEEDED",
            "IMAGE_RESOLUTION_TOO_LOW",
            "IMAGE_TOO_LARGE_PIXELS",
            "IMAGE_CORRUPT",
        ),
        _("The uploaded file is no photo that we can use."),
    ),
}
UNKNOWN_CAUSE = _("Something on our side went wrong. We have been told.")

TRAINING_ADVICE: dict[str, LazyString] = {
    "LOW_QUALITY_DATA": _("Make a new style with works that share one hand and are easy to read."),
    "TRAINING_DIVERGED": _(
        "Train again: it starts from another seed. If it fails a second time, leave out works that"
        " are unlike the others."
    ),
    "INSUFFICIENT_IMAGES": _("Add works until at least ten are good, and train again."),
    "CANCELED": _("Your works are still here. Change what you like, and train again."),
}
RETRAIN_ADVICE = _("Your works are still here: start the training again.")

IMAGE_CODES: dict[str, LazyString] = {
    "INVALID_IMAGE_FORMAT": _("Not a JPG or PNG"),
    "IMAGE_SIZE_EXCEEDED": _("Larger than 10 MB"),
    "IMAGE_RESOLUTION_TOO_LOW": _("Smaller than 512 × 512"),
    "IMAGE_TOO_LARGE_PIXELS": _("More than 50 megapixels"),
    "IMAGE_CORRUPT": _("The file is damaged"),
    "IMAGE_TOO_LONG": _("More than 16 times as long as wide"),
    "IMAGE_BLANK": _("Blank: nothing is visible"),
    "IMAGE_NOT_ENCODABLE": _("The base model cannot encode this work"),
    "DUPLICATE_IMAGE": _("The same as another work"),
    "SIMILAR_IMAGE": _("Nearly the same as another work"),
}

GENERATION_STATES: dict[str, LazyString] = {
    "queued": _("Waiting for its turn"),
    "processing": _("Being made"),
    "retrying": _("Trying again"),
    "completed": _("Ready"),
    "failed": _("Not made"),
    "canceled": _("Cancelled"),
}
TRAINING_STATES: dict[str, LazyString] = {
    "pending": _("Checking works"),
    "training": _("Learning"),
    "trained": _("Trained, not on sale yet"),
    "completed": _("On sale"),
    "failed": _("Training failed"),
}
CERTIFICATE_STATES: dict[str, LazyString] = {
    "valid": _("Valid"),
    "expired": _("Expired"),
    "revoked": _("Revoked"),
}
PURCHASE_STATES: dict[str, LazyString] = {
    "pending": _("Not paid yet"),
    "authorized": _("Being confirmed"),
    "paid": _("Paid"),
    "failed": _("Not paid"),
    "expired": _("Expired"),
    "refunded": _("Refunded"),
}
PURCHASE_NEWS: dict[str, LazyString] = {
    "pending": _("This order has not been paid. No money was taken."),
    "authorized": _(
        "The payment is still being confirmed. Please do not pay again: your tokens come as soon"
        " as it is, or no money is taken."
    ),
    "paid": _("Thank you. Your tokens are here."),
    "failed": _("The payment did not work. No money was taken; you can try again."),
    "expired": _("The order ran out before it was paid. No money was taken; please order again."),
    "refunded": _("This purchase was refunded."),
}
# Of an order for Sets, where it is told otherwise than of tokens; {"status": text}.
SETS_PURCHASE_NEWS: dict[str, LazyString] = {
    "authorized": _(
        "The payment is still being confirmed. Please do not pay again: your credits come as soon"
        " as it is, or no money is taken."
    ),
    "paid": _("Thank you. Your credits are here."),
}
WORK_STATES: dict[str, LazyString] = {
    "all": _("All"),
    "public": _("Shown to all"),
    "private": _("Only for you"),
    "making": _("Being made"),
    "failed": _("Not made"),
}
NO_WORKS: dict[str, LazyString] = {
    "all": _("You have no pictures yet. Choose a style and say what you want to see."),
    "public": _("You show no picture to others. Each of yours has a button for it."),
    "private": _("No finished picture of yours is private."),
    "making": _("Nothing is being made at the moment."),
    "failed": _("Every picture you ordered could be made."),
}
POSITIONS: dict[str, LazyString] = {
    "bottom-left": _("Left"),
    "bottom-center": _("Middle"),
    "bottom-right": _("Right"),
}
SIZES: dict[str, LazyString] = {
    "small": _("Small"),
    "medium": _("Medium"),
    "large": _("Large"),
}
FIELD_PROBLEMS: dict[str, LazyString] = {
    "username": _("Please use 3 to 50 letters, digits, dots, lines or underscores."),
    "display_name": _("Please give a name of 1 to 50 characters that can all be seen."),
    "bio": _("Please use at most 150 characters."),
    "artist_name": _("Please give a name of 2 to 100 characters that can all be seen."),
    "contact_email": _("Please give an e-mail address."),
    "signature_opacity": _("Please choose between 30 and 100 percent."),
    "signature_image": _("Please draw your signature or choose a file."),
    "confirm": _("Please write your name exactly as it stands above."),
}
# What an error of a plain form is called, where the words of the API would mean nothing to people.
FORM_PROBLEMS: dict[str, LazyString] = {
    "IDEMPOTENCY_CONFLICT": _(
        "This form was sent before, with other content. Nothing was charged this time: look at it"
        " and send it again."
    ),
    "METHOD_NOT_ALLOWED": _("This address only takes what a form sends. There is no page here."),
}
TERM_PROBLEMS: dict[str, LazyString] = {
    "description": _("Please say a few words about this style."),
    "price_tokens": _("A whole number from 1 to 10,000."),
    "valid_to": _("A day after today."),
}
SAVED: dict[str, LazyString] = {
    "profile": _("Your profile is saved."),
    "artist": _("Saved. Every picture that is signed from now on carries it."),
}
FAREWELLS: dict[str, LazyString] = {
    "deleted": _("Your account is deleted. Thank you for having been here."),
    "deactivated": _("Your account is closed. Thank you for having been here."),
}
MOVE_TYPES: dict[str, LazyString] = {
    "all": _("All moves"),
    "purchase": _("Bought"),
    "usage": _("Spent on images"),
    "refund": _("Given back"),
    "earning": _("Earned"),
    "bonus": _("Presents"),
}
MOVE_STATES: dict[str, LazyString] = {
    "pending": _("held until it is made"),
    "refunded": _("given back"),
}
SIGN_IN_ERRORS: dict[str, LazyString] = {
    "access_denied": _("You did not let Google tell us who you are. Nothing was changed."),
    "no_code": _("Google sent you back without an answer. Please try again."),
    "invalid_state": _("This sign-in was too old, or begun in another window. Please try again."),
    "network_error": _("Google could not be reached. Please try again in a minute."),
    "account_inactive": _("This account was closed."),
    "server_error": _("Something went wrong on our side. Please try again."),
}


def image_codes() -> dict[str, str]:
    """Return what each verdict on a work is called, for scripts."""
    return {code: str(text) for code, text in IMAGE_CODES.items()}


def image_problem(work: dict[str, Any], works: list[dict[str, Any]]) -> str:
    """Return what is wrong with a work of a style, naming the other where it has a twin."""
    said = IMAGE_CODES.get(work["code"] or "", work["code"])
    twin = next((each for each in works if each["idx"] == work["twin_idx"]), None)
    return f"{said} ({twin['filename']})" if twin else str(said)


def cause(failure: dict[str, Any] | None) -> str:
    """Return why something failed, in words."""
    return str(CAUSES.get((failure or {}).get("cause") or "", UNKNOWN_CAUSE))


def training_advice(failure: dict[str, Any] | None) -> str:
    """Return what an artist can do after a training that failed."""
    return str(TRAINING_ADVICE.get((failure or {}).get("cause") or "", RETRAIN_ADVICE))


def duration(seconds: int | None) -> str:
    """Return a length of time as people say it, or an empty text when it is unknown."""
    if seconds is None:
        return ""
    if seconds < MINUTE:
        return ngettext("%(num)d second", "%(num)d seconds", max(1, seconds))
    if seconds < HOUR:
        return ngettext("%(num)d minute", "%(num)d minutes", round(seconds / MINUTE))
    return ngettext("%(num)d hour", "%(num)d hours", round(seconds / HOUR))


def purchase_news(order: dict[str, Any]) -> LazyString:
    """Return what became of an order, as its buyer is told."""
    of_sets = SETS_PURCHASE_NEWS if order["product"] != Product.TOKENS else {}
    return of_sets.get(order["status"]) or PURCHASE_NEWS[order["status"]]


def goods(order: dict[str, Any] | Purchase) -> str:
    """Return what an order is of, such as “500 tokens” or “Sets pro, one month with 200 credits”.

    `order` is a purchase or a view of one.
    """
    shown = order if isinstance(order, dict) else vars(order)
    tokens, credits_ = shown["amount_tokens"], shown["amount_credits"]
    if shown["product"] == Product.TOKENS:
        return ngettext("%(count)s token", "%(count)s tokens", tokens, count=format_decimal(tokens))
    count = format_decimal(credits_)
    if shown["product"] == Product.SETS_PRO:
        return gettext("Sets pro, one month with %(count)s credits", count=count)
    return gettext("%(count)s credits for Sets", count=count)
