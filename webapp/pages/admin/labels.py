"""Labels of states, kinds and errors on the admin pages."""

from flask_babel import LazyString, gettext, lazy_gettext as _
from pydantic import ValidationError

from webapp.domain.errors import DomainError, Forbidden, NotFound, ValidationFailed
from webapp.domain.models.account import Role
from webapp.domain.models.ledger import AccountKind, TransferKind
from webapp.domain.models.report import ReportReason, ReportTarget
from webapp.domain.queries import purchases as purchase_queries
from webapp.domain.queries.cases import Subject
from webapp.domain.services import purchase_refunds
from webapp.domain.services.reconciliation import Kind
from webapp.domain.services.stuck_jobs import Trouble
from webapp.http import field_errors
from webapp.pages.problems import text_of

DONE: dict[str, LazyString] = {
    "hide": _("Hidden. Its reports are resolved."),
    "close": _("The account is closed."),
    "dismiss": _("Reports dismissed."),
    "changed": _("Done. The change was logged."),
    "flag": _("Hidden. The change was logged."),
    "unflag": _("Not hidden any more. The change was logged."),
    "off": _("Off sale. The change was logged."),
    "on": _("On sale. The change was logged."),
    "private": _("Private. The change was logged."),
    "revoke": _("The licence is revoked. The change was logged."),
    "reinstate": _("The licence is valid again. The change was logged."),
    "reopen": _("The account is open again. The change was logged."),
    "role": _("The role is changed. The change was logged."),
    "refunded": _("Refunded. The refund was logged."),
    "settled": _("Recorded as paid out. The artist was notified."),
    "settled_closed": _("Recorded as paid out. The account is closed: nobody was notified."),
    "declined": _("Declined. The artist was notified."),
    "refund_declined": _("Declined. The buyer was notified."),
    "declined_closed": _("Declined. The account is closed: nobody was notified."),
    "returned": _("Recorded as returned by the bank. The artist was notified."),
    "returned_closed": _(
        "Recorded as returned by the bank. The account is closed: nobody was notified."
    ),
    "queued": _("The job was queued again."),
}
TARGETS: dict[str, LazyString] = {
    ReportTarget.STYLE: _("Style"),
    ReportTarget.GENERATION: _("Picture"),
    ReportTarget.COMMENT: _("Comment"),
    ReportTarget.USER: _("User"),
    ReportTarget.TAG: _("Tag"),
    ReportTarget.COLLECTION: _("Collection"),
}
# Further objects of the audit log.
OBJECTS: dict[str, LazyString] = TARGETS | {
    "report": _("Report"),
    "artwork": _("Artwork"),
    "license": _("Licence"),
    "purchase": _("Payment"),
    "payout": _("Payout"),
    "job": _("Job"),
}
REASONS: dict[str, LazyString] = {
    ReportReason.COPYRIGHT: _("Copyright"),
    ReportReason.SEXUAL: _("Sexual content"),
    ReportReason.HATE: _("Hate"),
    ReportReason.SPAM: _("Spam"),
    ReportReason.IMPERSONATION: _("Impersonation"),
    ReportReason.OTHER: _("Other"),
}
ROLES: dict[str, LazyString] = {
    Role.USER: _("User"),
    Role.ARTIST: _("Artist"),
    Role.ADMIN: _("Administrator"),
}
TRANSFERS: dict[str, LazyString] = {
    TransferKind.BONUS: _("Welcome bonus"),
    TransferKind.GRANT: _("Grant"),
    TransferKind.HOLD: _("Picture ordered"),
    TransferKind.PAYOUT: _("Price of a picture, to its artist"),
    TransferKind.REFUND: _("Refund of a failed picture"),
    TransferKind.REVERSAL: _("Refund by an administrator"),
    TransferKind.PURCHASE: _("Payment"),
    TransferKind.PURCHASE_REFUND: _("Payment refunded"),
    TransferKind.CONVERSION: _("Earned tokens made available"),
    TransferKind.CONVERSION_BACK: _("Made earned again for a refund"),
    TransferKind.COVER: _("Refund paid by the platform"),
    TransferKind.PAYOUT_REQUEST: _("Payout requested"),
    TransferKind.PAYOUT_SETTLEMENT: _("Paid out"),
    TransferKind.PAYOUT_RETURN: _("Payout declined or withdrawn"),
    TransferKind.PAYOUT_REVERSAL: _("Payout returned by the bank"),
}
ACCOUNTS: dict[str, LazyString] = {
    AccountKind.SPENDABLE: _("available"),
    AccountKind.EARNED: _("earned"),
    AccountKind.PAYOUT: _("payout"),
    AccountKind.ESCROW: _("Held"),
    AccountKind.PLATFORM: _("Platform"),
}
MISSING: dict[str, LazyString] = {
    purchase_queries.PAYMENT: _("The provider has not reported whether it was paid"),
    purchase_queries.REFUND: _("Refund in progress"),
    purchase_queries.OVERDUE: _("Expired, but not closed yet"),
}
DIFFERENCES: dict[str, LazyString] = {
    Kind.UNKNOWN: _("The provider took a payment that is not in the ledger"),
    Kind.NOT_CREDITED: _("Paid at the provider, but the tokens were not added"),
    Kind.OTHER_AMOUNT: _("The provider has another amount or payment number"),
    Kind.NOT_TAKEN: _("Tokens were added, but the provider took no payment"),
    Kind.RETURNED: _("Refunded by the provider, but not here"),
    Kind.NOT_RETURNED: _("Refunded here, but not by the provider"),
}
TROUBLES: dict[str, LazyString] = {
    Trouble.OVERDUE: _("Past its deadline"),
    Trouble.SILENT: _("Worker not responding"),
    Trouble.ENDING: _("Canceling and refunding"),
    Trouble.CRASHED: _("Worker lost"),
    Trouble.RETRYING: _("Retrying"),
    Trouble.DEAD: _("Failed"),
}
REFUSALS: dict[str, LazyString] = {
    "ALREADY_REFUNDED": _("Already refunded."),
    "GENERATION_STILL_PROCESSING": _(
        "This picture has not been delivered. If it fails, it is refunded automatically."
    ),
    "INSUFFICIENT_TOKENS": _("There are not enough tokens left to refund."),
    "TRY_OUT_FREE": _("Test pictures are free, so there is nothing to refund."),
    "PAYMENT_FAILED": _("This payment was never completed, so there is nothing to refund."),
    "CREDITS_EXHAUSTED": _("There are not enough credits left to refund."),
    purchase_refunds.CREDITS_SPENT: _("There are not enough credits left to refund."),
    purchase_refunds.TOKENS_SPENT: _("There are not enough tokens left to refund."),
    purchase_refunds.NOT_PAID: _(
        "This payment was never completed, so there is nothing to refund."
    ),
    "NOT_FOUND_PAYMENT": _("The provider refused the refund: it does not know this payment."),
    "ALREADY_CANCELED_PAYMENT": _(
        "The provider refused the refund: it has refunded this payment already."
    ),
    "NOT_CANCELABLE_PAYMENT": _(
        "The provider refused the refund: this payment cannot be refunded any more."
    ),
    "NOT_CANCELABLE_AMOUNT": _("The provider refused the refund: this amount cannot be refunded."),
}
PROVIDER_REFUSED = _("The provider refused the refund: %(code)s.")
PROVIDER_AWAY = _(
    "The provider is not responding. The refund has started and is retried automatically"
    " until it is done, so please do not refund it another way."
)
NEEDS_REASON = _("Please enter a reason of 3 to 500 characters.")
DECIDED_MEANWHILE = _("Another administrator has already decided this, or it was deleted.")
OWN_ACCOUNT = _("You cannot change your own account here.")


def refusal(error: DomainError) -> str:
    """Return the text of a service's error."""
    if isinstance(error, Forbidden):
        return str(OWN_ACCOUNT)
    if error.status == NotFound.status:
        return str(DECIDED_MEANWHILE)
    if isinstance(error, ValidationFailed):
        fields = field_errors.of_refusal(error)
        return " ".join(text for texts in fields.values() for text in texts)
    reason = error.details.get("reason", error.code)
    if error.code == "PAYMENT_FAILED" and reason not in REFUSALS:
        return str(PROVIDER_REFUSED) % {"code": reason}
    return str(REFUSALS.get(reason) or gettext(error.code))


def bad_form(error: ValidationError) -> str:
    """Return the text of an invalid form."""
    is_reason = any(each["loc"][:1] == ("reason",) for each in error.errors())
    return text_of(error, "reason", NEEDS_REASON) if is_reason else gettext(ValidationFailed.code)


def subject_name(subject: Subject) -> str:
    """Return what the subject of a case or a flag is called: pictures and comments by a number."""
    if subject.target_type == ReportTarget.COMMENT and subject.generation_id:
        return gettext("Comment on picture %(number)s", number=subject.generation_id)
    if subject.target_type == ReportTarget.GENERATION:
        return gettext("Picture %(number)s", number=subject.target_id)
    return subject.title or str(TARGETS[subject.target_type])
