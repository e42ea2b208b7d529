"""Words for the fields and values that the audit log has as columns."""

from flask_babel import LazyString, lazy_gettext as _

from webapp.domain.models.documents import AuditValues
from webapp.domain.models.report import ReportStatus
from webapp.pages import payment_words, words
from webapp.pages.admin import labels

FIELDS: dict[str, LazyString] = {
    "is_flagged": _("Hidden"),
    "is_hidden": _("Hidden"),
    "is_public": _("Public"),
    "is_active": _("Active"),
    "role": _("Role"),
    "status": _("Status"),
    "resolution": _("Answer"),
    "refunded": _("Refunded"),
    "refund": _("Refund"),
    "code": _("Code of the provider"),
    "transaction_id": _("Row of the ledger"),
    "order_id": _("Payment number"),
    "amount_tokens": _("Tokens"),
    "paid_krw": _("Paid, in ₩"),
    "reference": _("Reference of the bank transfer"),
    "run_at": _("Next try"),
}
# Where a field means something else for one kind of object.
FIELDS_OF: dict[tuple[str, str], LazyString] = {("style", "is_active"): _("On sale")}
YES, NO = _("yes"), _("no")
STATES: dict[str, dict[str, LazyString]] = {
    "report": {
        ReportStatus.OPEN: _("Not decided"),
        ReportStatus.RESOLVED: _("Resolved"),
        ReportStatus.DISMISSED: _("Dismissed"),
    },
    "license": words.CERTIFICATE_STATES,
    "payout": payment_words.PAYOUT_STATES,
    "purchase": payment_words.PURCHASE_STATES,
}
REFUNDS: dict[str, LazyString] = {
    "requested": _("asked for"),
    "declined": _("declined"),
    "begun": _("begun"),
    "refused": _("refused by the provider"),
}


def field(object_type: str, name: str) -> str:
    """Return the label of a field; its name if there is none."""
    return str(FIELDS_OF.get((object_type, name)) or FIELDS.get(name) or name)


def value(object_type: str, name: str, values: AuditValues) -> str:
    """Return the words for the value of a field; the value itself if there are none."""
    logged = values[name]
    if logged is None:
        return "–"
    if isinstance(logged, bool):
        return str(YES if logged else NO)
    known: dict[str, dict[str, LazyString]] = {
        "status": STATES.get(object_type, {}),
        "role": labels.ROLES,
        "refund": REFUNDS,
    }
    return str(known.get(name, {}).get(str(logged)) or logged)
