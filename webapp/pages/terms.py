"""The terms of licences in plain words, by version.

A certificate names the version under which it was issued, so the texts of an old version stay as
they are: new terms are a new version here, and `TERMS_VERSION` of the licences names it.
"""

from dataclasses import dataclass

from flask_babel import LazyString, lazy_gettext as _

from webapp.domain.models.license import IssuedLicense
from webapp.domain.services.licenses import TERMS_VERSION


@dataclass(frozen=True)
class LicenseWords:
    """A licence in plain words."""

    title: LazyString
    summary: LazyString
    may: tuple[LazyString, ...]
    may_not: tuple[LazyString, ...]


_NEVER = (
    _("Remove or cover the signature"),
    _("Train a model on the picture"),
    _("Claim that you made it by hand"),
)
VERSIONS: dict[str, dict[str, LicenseWords]] = {
    "2026-11": {
        IssuedLicense.PERSONAL: LicenseWords(
            title=_("Personal licence"),
            summary=_("Personal use: you may not earn money with the picture."),
            may=(
                _("Keep it, print it, hang it on your wall"),
                _("Publish it on your own pages, naming the artist"),
            ),
            may_not=(_("Sell it, advertise with it, or use it in a business"), *_NEVER),
        ),
        IssuedLicense.COMMERCIAL: LicenseWords(
            title=_("Commercial licence"),
            summary=_("Commercial use: you may earn money with the picture."),
            may=(
                _("Use it in products, advertisements, books and websites"),
                _("Keep it, print it, publish it anywhere"),
            ),
            may_not=(_("Resell or pass on the file by itself"), *_NEVER),
        ),
        IssuedLicense.EXCLUSIVE: LicenseWords(
            title=_("Exclusive licence (no longer sold)"),
            summary=_(
                "For commercial use. It was sold as exclusive, but others could order the same"
                " picture, so we no longer sell it."
            ),
            may=(
                _("Use it in products, advertisements, books and websites"),
                _("Keep it, print it, publish it anywhere"),
            ),
            may_not=_NEVER,
        ),
    },
}
CURRENT = VERSIONS[TERMS_VERSION]


def address(license_type: str, version: str = TERMS_VERSION) -> str:
    """Return the path of the page with the terms of a licence, by default its current ones."""
    return f"/licenses/terms/{license_type}/{version}"
