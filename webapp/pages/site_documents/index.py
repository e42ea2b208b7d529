"""Documents of the site: how it works, terms of use, privacy and refunds, each in all versions."""

from dataclasses import dataclass

from flask import Blueprint, render_template

from webapp.domain.errors import NotFound
from webapp.domain.services import packages, sets_accounts, sets_purchases
from webapp.extensions import app_settings
from webapp.http.access import public
from webapp.pages import sets_words
from webapp.pages.site_documents import (
    figures,
    how_it_works,
    privacy,
    refund_policy,
    terms_of_use,
)
from webapp.pages.site_documents.texts import Document, Versions

blueprint = Blueprint("site_documents", __name__)
# All versions of each document, by its path without the slash.
DOCUMENTS: dict[str, Versions] = {
    "how-it-works": how_it_works.VERSIONS,
    "terms": terms_of_use.VERSIONS,
    "privacy": privacy.VERSIONS,
    "refunds": refund_policy.VERSIONS,
}


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """A version of a document in the list of its versions; the newest one is in force."""

    date: str
    path: str
    is_current: bool


@blueprint.get("/how-it-works", defaults={"name": "how-it-works"})
@blueprint.get("/terms", defaults={"name": "terms"})
@blueprint.get("/privacy", defaults={"name": "privacy"})
@blueprint.get("/refunds", defaults={"name": "refunds"})
@public
def show(name: str) -> str:
    """Show a document in its current version."""
    return _page(name, current_version(name))


@blueprint.get("/how-it-works/<version>", defaults={"name": "how-it-works"})
@blueprint.get("/terms/<version>", defaults={"name": "terms"})
@blueprint.get("/privacy/<version>", defaults={"name": "privacy"})
@blueprint.get("/refunds/<version>", defaults={"name": "refunds"})
@public
def show_version(name: str, version: str) -> str:
    """Show a document in one version, also an earlier one."""
    if version not in DOCUMENTS[name]:
        raise NotFound(resource="document")
    return _page(name, version)


def current_version(name: str) -> str:
    """Return the date of the newest version of a document."""
    return max(DOCUMENTS[name])


def _page(name: str, version: str) -> str:
    document: Document = DOCUMENTS[name][version]
    return render_template(
        "documents/show.html",
        document=document,
        path=f"/{name}",
        version=version,
        current=current_version(name),
        versions=_versions(name),
        figures=figures.written(figures.today(app_settings())),
        packages=packages.on_offer(),
        offers=sets_purchases.offers(),
        plans=tuple(sets_accounts.PLANS.values()),
        welcome=sets_accounts.WELCOME_CREDITS,
        pro_credits=packages.SETS_PLANS[0].amount_credits,
        sets_words=sets_words,
    )


def _versions(name: str) -> list[ListedVersion]:
    current = current_version(name)
    return [
        ListedVersion(date, f"/{name}/{date}", is_current=date == current)
        for date in sorted(DOCUMENTS[name], reverse=True)
    ]
