"""What states, kinds and refusals are called in front of administrators."""

from flask_babel import LazyString, gettext
from flask_babel import lazy_gettext as _
from pydantic import ValidationError

from webapp.domain.errors import DomainError, Forbidden, NotFound, ValidationFailed
from webapp.domain.models.account import Role
from webapp.domain.models.ledger import AccountKind, TransferKind
from webapp.domain.models.report import ReportReason, ReportTarget
from webapp.domain.queries import purchases as purchase_queries
from webapp.domain.services import purchase_refunds
from webapp.domain.services.reconciliation import Kind
from webapp.domain.services.stuck_jobs import Trouble
from webapp.pages.problems import text_of

DONE: dict[str, LazyString] = {
    "hide": _("Hidden, and its reports are resolved."),
    "close": _("The account is closed."),
    "dismiss": _("Its reports are dismissed."),
    "changed": _("Done, and written into the log."),
    "refunded": _("The refund is done, and written into the log."),
    "rung": _("The job was rung."),
}
TARGETS: dict[str, LazyString] = {
    ReportTarget.STYLE: _("Style"),
    ReportTarget.GENERATION: _("Image"),
    ReportTarget.COMMENT: _("Comment"),
    ReportTarget.USER: _("Person"),
    ReportTarget.TAG: _("Tag"),
}
# What the audit log names besides.
OBJECTS: dict[str, LazyString] = TARGETS | {
    "report": _("Report"),
    "license": _("Licence"),
    "purchase": _("Purchase"),
    "job": _("Job"),
}
REASONS: dict[str, LazyString] = {
    ReportReason.COPYRIGHT: _("Work of somebody else"),
    ReportReason.SEXUAL: _("Sexual content"),
    ReportReason.HATE: _("Hate"),
    ReportReason.SPAM: _("Spam"),
    ReportReason.IMPERSONATION: _("Pretends to be somebody else"),
    ReportReason.OTHER: _("Something else"),
}
ROLES: dict[str, LazyString] = {
    Role.USER: _("User"),
    Role.ARTIST: _("Artist"),
    Role.ADMIN: _("Administrator"),
}
TRANSFERS: dict[str, LazyString] = {
    TransferKind.BONUS: _("Welcome bonus"),
    TransferKind.GRANT: _("Grant"),
    TransferKind.HOLD: _("Order of an image"),
    TransferKind.PAYOUT: _("Payout to the artist"),
    TransferKind.REFUND: _("Refund of a failure"),
    TransferKind.REVERSAL: _("Refund by hand"),
    TransferKind.PURCHASE: _("Purchase"),
    TransferKind.PURCHASE_REFUND: _("Purchase refunded"),
}
ACCOUNTS: dict[str, LazyString] = {
    AccountKind.SPENDABLE: _("to spend"),
    AccountKind.EARNED: _("earned"),
    AccountKind.ESCROW: _("In orders"),
    AccountKind.PLATFORM: _("The platform"),
}
MISSING: dict[str, LazyString] = {
    purchase_queries.PAYMENT: _("The provider has not told whether it was paid"),
    purchase_queries.REFUND: _("The refund has begun and has no end yet"),
    purchase_queries.OVERDUE: _("Ran out, and has not been ended"),
}
DIFFERENCES: dict[str, LazyString] = {
    Kind.UNKNOWN: _("The provider took money that we know nothing of"),
    Kind.NOT_CREDITED: _("The provider took the money, the tokens were not given"),
    Kind.OTHER_AMOUNT: _("The provider took another amount, or for another order"),
    Kind.NOT_TAKEN: _("The tokens were given, the provider took nothing"),
    Kind.RETURNED: _("The provider gave the money back, here it is paid"),
    Kind.NOT_RETURNED: _("Refunded here, but the provider gave nothing back"),
}
TROUBLES: dict[str, LazyString] = {
    Trouble.OVERDUE: _("Past its deadline"),
    Trouble.SILENT: _("Its worker fell silent"),
    Trouble.ENDING: _("Being given up and refunded"),
    Trouble.CRASHED: _("Lost a worker"),
    Trouble.RETRYING: _("Tried again"),
    Trouble.DEAD: _("Failed"),
}
REFUSALS: dict[str, LazyString] = {
    "ALREADY_REFUNDED": _("This was refunded before."),
    "GENERATION_STILL_PROCESSING": _(
        "This image was not delivered. Until it is, the order refunds itself if it fails."
    ),
    "INSUFFICIENT_TOKENS": _("There are not enough tokens left to take back."),
    "TRY_OUT_FREE": _("A try-out costs nothing, so nothing can be given back."),
    "PAYMENT_FAILED": _("This purchase was never paid, so nothing can be given back."),
    "CREDITS_EXHAUSTED": _("There are not enough credits left to take back."),
    purchase_refunds.CREDITS_SPENT: _("There are not enough credits left to take back."),
    purchase_refunds.TOKENS_SPENT: _("There are not enough tokens left to take back."),
    purchase_refunds.NOT_PAID: _("This purchase was never paid, so nothing can be given back."),
}
PROVIDER_REFUSED = _("The provider refuses to give the money back: %(code)s.")
PROVIDER_AWAY = _(
    "The provider does not answer. The refund has begun: it is asked again by itself until it is"
    " done, so please do not pay back another way."
)
FIELDS: dict[str, LazyString] = {
    "Its owner's account is closed.": _("Its owner's account is closed."),
    "This person has no signature yet.": _("This person has no signature yet."),
    "Who has a signature stays an artist.": _("Who has a signature stays an artist."),
    "This image has no licence yet.": _("This image has no licence yet."),
    "No account stands behind it.": _("No account stands behind it."),
    "A person cannot be hidden.": _("A person cannot be hidden."),
}
NEEDS_REASON = _("Please give a reason of 3 to 500 characters.")
DECIDED_MEANWHILE = _("Somebody has decided this meanwhile, or it is gone.")
OWN_ACCOUNT = _("Your own account is not yours to change here.")


def refusal(error: DomainError) -> str:
    """Return in words why a service refused."""
    if isinstance(error, Forbidden):
        return str(OWN_ACCOUNT)
    if error.status == NotFound.status:
        return str(DECIDED_MEANWHILE)
    if isinstance(error, ValidationFailed):
        texts = [text for texts in error.details["fields"].values() for text in texts]
        return " ".join(str(FIELDS.get(text, text)) for text in texts)
    reason = error.details.get("reason", error.code)
    if error.code == "PAYMENT_FAILED" and reason not in REFUSALS:
        return str(PROVIDER_REFUSED) % {"code": reason}
    return str(REFUSALS.get(reason) or gettext(error.code))


def bad_form(error: ValidationError) -> str:
    """Return in words what is wrong with a form of ours."""
    is_reason = any(each["loc"][:1] == ("reason",) for each in error.errors())
    return text_of(error, "reason", NEEDS_REASON) if is_reason else gettext(ValidationFailed.code)
