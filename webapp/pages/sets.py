"""/sets: start page with the user's albums, and the page of one album.

An album may belong to an anonymous account, so these pages contain no user data: their scripts
call the API with the browser's token or session.
"""

import re
from functools import cache
from pathlib import Path
from typing import Annotated

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_babel import get_locale
from flask_login import current_user
from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import NotFound
from webapp.domain.images import MEGABYTE
from webapp.domain.models.sets_account import SetsPlan
from webapp.domain.services import packages, sets_accounts, sets_purchases
from webapp.domain.services.sets_accounts import WELCOME_CREDITS
from webapp.domain.services.sets_uploads import SETS_PHOTO
from webapp.domain.sets_presets import Names
from webapp.extensions import db
from webapp.http import idempotency
from webapp.http.access import public, signed_in, user
from webapp.pages import sets_presets, sets_words, wallet
from webapp.pages.sets_presets import PresetData

blueprint = Blueprint("sets", __name__)
JOB_ID = re.compile(r"job_[0-9A-Za-z]{8,36}", re.ASCII)
STATIC = Path(__file__).parents[1] / "static"
DEMONSTRATIONS = STATIC / "sets/demonstrations/demonstrations.json"
TYPES = tuple(f"image/{each.lower()}" for each in SETS_PHOTO.formats)
_PICTURE = Annotated[str, Field(pattern=r"^[a-z0-9_-]+\.(webp|png|jpg)$")]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class DemonstratedRule:
    """One result of a demonstration: an image file, and the colour of its rule."""

    names: Names
    picture: _PICTURE
    colour: Annotated[str, Field(pattern=r"^#[0-9A-F]{6}$")]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Demonstration:
    """One photo before and after several rules; all images are `width` × `height` pixels."""

    id: Annotated[str, Field(pattern=r"^[a-z_]+$")]
    names: Names
    description: Names
    before: _PICTURE
    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]
    results: Annotated[tuple[DemonstratedRule, ...], Field(min_length=1)]


@blueprint.get("/sets")
@public
def home() -> str:
    """Show what Sets does; a script adds the albums, credits and plan of this browser's account."""
    return render_template("sets/index.html", **_home())


@blueprint.get("/sets/<job_id>")
@public
def album(job_id: str) -> str:
    """Show the page of one album; a script loads the album, or shows that there is none."""
    if not JOB_ID.fullmatch(job_id):
        raise NotFound(resource="job")
    return render_template("sets/album.html", job_id=job_id, presets=_presets(), **_frame())


@blueprint.post("/sets/purchases")
@signed_in
def buy() -> AnyResponse:
    """Create a payment for credits or a month of Pro, and redirect to its page."""
    package_id = request.form.get("package_id", "")

    def run() -> dict[str, str]:
        purchase = sets_purchases.order_any(db.session(), user=user(), package_id=package_id)
        return {"order_id": purchase.order_id}

    fields = {"package_id": package_id}
    order_id = idempotency.form_once("POST /sets/purchases", fields, run)["order_id"]
    session[wallet.AFTER] = [order_id, url_for(".home", _anchor="plan")]
    return redirect(url_for("pages.wallet.pay", order_id=order_id), 303)


def demonstrations(manifest: Path) -> tuple[Demonstration, ...]:
    """Return the demonstrations of a manifest; empty without a manifest."""
    if not manifest.is_file():
        return ()
    return TypeAdapter(tuple[Demonstration, ...]).validate_json(manifest.read_bytes())


@cache
def _demonstrations() -> tuple[Demonstration, ...]:
    return demonstrations(DEMONSTRATIONS)


def _home() -> dict[str, object]:
    return _frame() | {
        "presets": _presets(),
        "demonstrations": _demonstrations(),
        "plans": tuple(sets_accounts.PLANS.values()),
        "welcome": WELCOME_CREDITS,
        "offers": sets_purchases.offers(),
        "pro_credits": packages.SETS_PLANS[0].amount_credits,
    }


def _frame() -> dict[str, object]:
    """Return the data of both pages for their scripts."""
    return {
        "account": {"isSignedIn": bool(current_user.is_authenticated)},
        "limits": {
            "types": TYPES,
            "megabytes": SETS_PHOTO.max_bytes // MEGABYTE,
            "photos": sets_accounts.PLANS[SetsPlan.FREE].max_photos,
        },
        "sets_words": sets_words,
    }


def _presets() -> list[PresetData]:
    return sets_presets.presets(str(get_locale() or "en"))
