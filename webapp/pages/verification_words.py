"""Texts of /verify: what was found, how sure it is, and what it does not prove."""

from flask_babel import LazyString, gettext, lazy_gettext as _

from webapp.domain.gateways.examiner import Comparison
from webapp.domain.models.license import CertificateStatus
from webapp.domain.queries.licenses import EXPIRED
from webapp.domain.queries.verifications import Layer, Match, Method, Note, SearchFailure
from webapp.domain.services.recognition import MARK_CONFIDENCES

HEADINGS: dict[str, LazyString] = {
    CertificateStatus.VALID: _("This picture has a valid licence"),
    EXPIRED: _("The licence of this picture has expired"),
    CertificateStatus.REVOKED: _("The licence of this picture was revoked"),
}
ADVICE: dict[str, LazyString] = {
    CertificateStatus.VALID: _(
        "Only the licensee may use it, within the terms of the licence. Having the file gives you"
        " no licence."
    ),
    EXPIRED: _("Nobody may use the picture under this licence any more."),
    CertificateStatus.REVOKED: _("Nobody may use the picture under this licence any more."),
}
PROBABLE_HEADINGS: dict[str, LazyString] = {
    CertificateStatus.VALID: _("Probably a picture with a valid licence"),
    EXPIRED: _("Probably a picture whose licence has expired"),
    CertificateStatus.REVOKED: _("Probably a picture whose licence was revoked"),
}
MIXED_HEADING = _("This picture has several licences, and not all of them are valid")
MIXED_ADVICE = _("The same picture was delivered to several orders. Look for yours below.")
PROBABLE_ADVICE = _("Compare it with the picture on the certificate.")
METHODS: dict[str, LazyString] = {
    Method.HASH: _("Your file is exactly the file that was delivered."),
    Method.CREDENTIALS: _(
        "Your file carries our signature, and nothing that it covers was changed since."
    ),
    Method.WATERMARK: _(
        "Your picture carries the watermark of this certificate and shows the delivered picture or"
        " a part of it. What is around it has no licence from here."
    ),
    Method.PERCEPTUAL: _(
        "Your picture and the delivered one were laid over each other and show the same."
    ),
    Method.TWIN: _("This one was ordered with the same settings, so it should look the same."),
}
TOO_CHANGED = _(
    "Your picture carries the watermark of this certificate, but is too changed to tell whether it"
    " shows the delivered picture."
)
LAYERS: dict[str, LazyString] = {
    Layer.HASH: _("exact file"),
    Layer.CREDENTIALS: _("Content Credentials"),
    Layer.METADATA: _("metadata of the file"),
    Layer.WATERMARK: _("watermark of the whole picture"),
    Layer.PERCEPTUAL: _("similar pictures"),
    Layer.WATERMARK_SEARCH: _("watermark of cropped and rotated pictures"),
}
NOTES: dict[str, LazyString] = {
    Note.CREDENTIALS_INVALID: _(
        "The file has Content Credentials, but they do not fit it: it was changed after signing, or"
        " they are damaged or forged."
    ),
    Note.CREDENTIALS_UNTRUSTED: _(
        "The file has Content Credentials of somebody else. They prove nothing about a licence"
        " from here."
    ),
    Note.CERTIFICATE_UNKNOWN: _(
        "The file names a certificate that was never issued. That entry is forged."
    ),
    Note.CERTIFICATE_OF_OTHER_PICTURE: _(
        "The file names a certificate, but it belongs to another picture. It does not count for"
        " this one."
    ),
    Note.MARK_UNKNOWN: _("A watermark was read, but its number was never issued. It is ignored."),
    Note.MARK_OF_OTHER_PICTURE: _(
        "The picture carries the watermark of another picture. It was probably copied onto this"
        " one, and does not count."
    ),
    Note.MARK_OF_DELETED_PICTURE: _(
        "The picture carries the watermark of a picture that was deleted with its account. They can"
        " no longer be compared."
    ),
}
FAILURES: dict[str, LazyString] = {
    SearchFailure.EXPIRED: _(
        "Too many pictures are being searched, and yours was deleted before its turn. Please send"
        " it again in a minute."
    ),
    SearchFailure.TIMEOUT: _(
        "The search took too long and was ended. A smaller copy of the picture is searched faster."
    ),
    SearchFailure.INTERNAL: _("The search failed. Please send the picture again."),
}
BAD_FILES: dict[str, LazyString] = {
    "INVALID_IMAGE_FORMAT": _("This file is not a JPG, PNG or WebP picture."),
    "IMAGE_SIZE_EXCEEDED": _("This file is larger than 20 MB. Save the picture smaller."),
    "IMAGE_RESOLUTION_TOO_LOW": _("This picture is too small. Each side needs 64 pixels or more."),
    "IMAGE_TOO_LARGE_PIXELS": _("This picture has more than 50 megapixels. Save it smaller."),
    "IMAGE_CORRUPT": _("This file is damaged and cannot be read. Save the picture again."),
}
NO_FILE = _("Choose one picture.")


def busy(wait: str) -> str:
    """Return why a picture is not examined now; `wait` may be empty."""
    text = gettext("Many pictures are being checked right now. Yours was not checked.")
    if not wait:
        return text
    return gettext("%(message)s Please wait %(wait)s.", message=text, wait=wait)


def heading(matches: list[Match]) -> str:
    """Return the heading of an outcome with matches."""
    if is_only_probable(matches):
        return str(PROBABLE_HEADINGS[matches[0].status])
    return str(MIXED_HEADING if _is_mixed(matches) else HEADINGS[matches[0].status])


def is_only_probable(matches: list[Match]) -> bool:
    """Tell whether no comparison has confirmed the certificate that a watermark names."""
    unclear = MARK_CONFIDENCES[Comparison.UNCLEAR]
    return all(match.confidence <= unclear for match in matches)


def advice(matches: list[Match]) -> str:
    """Return what the licences of an outcome allow."""
    if is_only_probable(matches):
        return str(PROBABLE_ADVICE)
    return str(MIXED_ADVICE if _is_mixed(matches) else ADVICE[matches[0].status])


def reason(match: Match) -> str:
    """Return what connects the uploaded picture with a certificate."""
    is_compared = match.confidence >= MARK_CONFIDENCES[Comparison.SAME]
    if match.method is Method.WATERMARK and not is_compared:
        return str(TOO_CHANGED)
    return str(METHODS[match.method])


def certainty(match: Match) -> str:
    """Return the confidence of a match in percent; never 100 unless it is certain."""
    percent = 100 if match.confidence >= 1 else min(99, round(100 * match.confidence))
    return f"{percent} %"


def _is_mixed(matches: list[Match]) -> bool:
    return len({match.status for match in matches}) > 1
