"""/styles: styles on sale, a style with its order form, and the forms of its artist."""

from http import HTTPStatus

from flask import Blueprint, g, make_response, redirect, render_template, request, url_for
from flask_login import current_user
from pydantic import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import (
    DomainError,
    InvalidTransition,
    StyleLimitReached,
    StyleNotReady,
    StyleOutdated,
    Unauthorized,
    ValidationFailed,
)
from webapp.domain.models.generation import AspectRatio
from webapp.domain.prices import price_for_size
from webapp.domain.queries import (
    feed as feed_queries,
    search,
    style_detail,
    styles as style_queries,
    tags as tag_queries,
)
from webapp.domain.queries.feed import FeedFilter
from webapp.domain.queries.pagination import Page, PageRequest
from webapp.domain.queries.search import FoundArtist, FoundStyle
from webapp.domain.queries.styles import OwnStyleCard, StyleFilter
from webapp.domain.services import generations, offers, previews, try_outs
from webapp.extensions import db, storage
from webapp.http import bodies, buckets, field_errors, idempotency, rate_limits
from webapp.http.access import public, signed_in, user, viewer
from webapp.pages import links, sorting, style_page, style_terms
from webapp.pages.fragments import is_fragment
from webapp.schemas.checkpoints import Publication
from webapp.schemas.generations import GenerationRequest, PreviewRequest
from webapp.schemas.search import SearchQuery
from webapp.schemas.styles import StyleChanges, StyleListQuery
from webapp.schemas.try_outs import TryOutRequest

blueprint = Blueprint("styles", __name__)
STYLES_SHOWN = 12
FOUND_SHOWN = 8
TAGS_SHOWN = 12
# Fields of a test picture that its page carries.
TRIED = ("prompt_tags", "aspect_ratio", "checkpoint")
NUMBERS = ("seed", "count", "style_strength", "expected_price_tokens")
CARDS = {"styles": "styles/cards.html", "artists": "styles/artists.html"}


@blueprint.get("/styles")
@public
def index() -> str:
    """Show the styles on sale, or search results; for htmx, only the fragment that changes.

    "Load more" requests the next cards; search-as-you-type requests the whole result list.
    """
    if request.args.get("q", "").strip():
        return _found()
    query = bodies.query(StyleListQuery)
    if query.following and viewer().user_id is None:
        raise Unauthorized
    sort = sorting.chosen(query.sort)
    page = style_queries.catalogue(
        db.session(),
        storage(),
        filters=StyleFilter(
            sort=sort,
            tags=tuple(query.tags),
            artist_id=query.artist_id,
            license_type=query.license_type,
            max_price=query.max_price,
            following=query.following,
        ),
        viewer=viewer(),
        page=bodies.page(query),
    )
    fields = sorting.named(_query(), sort)
    if is_fragment() and query.cursor:
        return render_template("styles/cards.html", styles=page, query=fields)
    return render_template(
        "styles/browse.html" if is_fragment() else "styles/index.html",
        styles=page,
        tab="following" if query.following else sort,
        filters=query,
        narrowed=_narrowed(query),
        has_pictures=not page.results and _has_pictures(query.tags),
        popular_tags=tag_queries.of_popular_styles(db.session(), limit=TAGS_SHOWN),
        own=_own(),
        usual_sort=sorting.usual(),
        query=fields,
    )


def _has_pictures(tags: list[str]) -> bool:
    """Tell whether the gallery has a picture with all tags, so that no link leads to nothing."""
    if not tags:
        return False
    pictures = feed_queries.pictures(
        db.session(),
        storage(),
        viewer=viewer(),
        filters=FeedFilter(tags=tuple(tags)),
        page=PageRequest(limit=1),
    )
    return bool(pictures.results)


def _found() -> str:
    query = bodies.query(SearchQuery)
    lists: dict[str, Page[FoundStyle] | Page[FoundArtist] | list[str]]
    if query.type == "all":
        found = search.overview(
            db.session(), storage(), text=query.q, limit=FOUND_SHOWN, filters=query.filters
        )
        lists = {"styles": found.styles, "artists": found.artists, "tags": found.tags}
    else:
        results = search.find(
            db.session(),
            storage(),
            text=query.q,
            kind=query.type,
            filters=query.filters,
            page=bodies.page(query),
        )
        if query.type == "styles":
            lists = {"styles": Page(results.styles, results.next_cursor)}
        else:
            lists = {"artists": Page(results.artists, results.next_cursor)}
    if is_fragment() and query.cursor:
        return render_template(CARDS[query.type], **lists, query=_query())
    template = "styles/found.html" if is_fragment() else "styles/index.html"
    return render_template(
        template,
        **lists,
        filters=query.filters,
        narrowed=_narrowed(query),
        typed=query.q,
        is_piece=is_fragment(),
    )


def _narrowed(query: StyleListQuery | SearchQuery) -> dict[str, list[str]]:
    """Return the chosen filters as fields of an address, empty ones as well."""
    single = {
        "license_type": query.license_type,
        "max_price": query.max_price,
        "artist_id": query.artist_id,
    }
    return {"tags": query.tags} | {
        name: [] if value is None else [str(value)] for name, value in single.items()
    }


@blueprint.get("/styles/<id:style_id>")
@public
def show(style_id: int) -> str:
    """Show a style: its order form, or to its artist its training; for htmx, only its gallery."""
    return style_page.pictures(style_id) if is_fragment() else style_page.render(style_id)


@blueprint.get("/styles/<id:style_id>/training")
@signed_in
def training(style_id: int) -> AnyResponse:
    """Show the progress of a training, as a fragment of the style page."""
    style = style_detail.own(
        db.session(), storage(), style_id=style_id, viewer=viewer(), with_decided=False
    )
    page = render_template("styles/training.html", style=style, run=style.training_log)
    response = make_response(page)
    if style_detail.is_final(style):
        response.headers["HX-Refresh"] = "true"
    return response


@blueprint.post("/styles/<id:style_id>/generate")
@rate_limits.limited(buckets.ORDERS)
@signed_in
def generate(style_id: int) -> AnyResponse | tuple[str, int]:
    """Order pictures from a plain form, for browsers without scripts."""

    def run() -> dict[str, str]:
        with rate_limits.images(user().id, body.count):
            order = generations.request(
                db.session(), user=user(), request_id=g.request_id, **body.model_dump()
            )
        return {"order_id": order.id}

    try:
        body = _order(style_id)
        unseen, is_new_total = _unseen_unknown_tags(body), _is_new_total(body)
        if unseen or is_new_total:
            page = style_page.render(style_id, unknown_tags=unseen, is_new_total=is_new_total)
            return page, HTTPStatus.OK
        idempotency.form_once("POST /styles/:id/generate", body.model_dump(mode="json"), run)
    except ValidationError as error:
        problem = ValidationFailed(fields=field_errors.of_validation(error))
        return style_page.render(style_id, problem=problem), problem.status
    except DomainError as error:
        db.session.rollback()
        return style_page.render(style_id, problem=error), error.status
    return redirect(url_for("pages.styles.show", style_id=style_id, _anchor="works"))


@blueprint.post("/styles/<id:style_id>/publish")
@signed_in
def publish(style_id: int) -> AnyResponse | tuple[str, int]:
    """Put a trained style on sale; `choice` is the step of the checkpoint and the cover."""
    step, _, cover = request.form.get("choice", "").partition(":")
    try:
        chosen = Publication.model_validate({"checkpoint": step, "cover": cover})
        offers.publish(
            db.session(),
            user=user(),
            style_id=style_id,
            step=chosen.checkpoint,
            cover=chosen.cover,
        )
    except ValidationError:
        return style_page.render(style_id, problem=ValidationFailed()), ValidationFailed.status
    except InvalidTransition:
        db.session.rollback()  # already on sale, or not trained yet: the page shows the state
    except (StyleLimitReached, StyleOutdated, ValidationFailed) as error:
        db.session.rollback()
        return style_page.render(style_id, problem=error), error.status
    return redirect(url_for("pages.styles.show", style_id=style_id, saved="on_sale"), 303)


@blueprint.get("/styles/<id:style_id>/try-outs")
@signed_in
def show_try_outs(style_id: int) -> str:
    """Show the test pictures of the artist's style; for htmx, as a fragment."""
    style = style_detail.own(db.session(), storage(), style_id=style_id, viewer=viewer())
    template = "styles/try_outs.html" if is_fragment() else "styles/tried.html"
    return render_template(template, style=style)


@blueprint.post("/styles/<id:style_id>/try-outs")
@rate_limits.limited(buckets.ORDERS)
@signed_in
def try_out(style_id: int) -> AnyResponse | tuple[str, int]:
    """Order a free private test picture with a checkpoint of the artist's trained style."""

    def run() -> dict[str, object]:
        with rate_limits.images(user().id, body.count):
            try_outs.request(
                db.session(),
                user=user(),
                style_id=style_id,
                step=body.checkpoint,
                request_id=g.request_id,
                **body.model_dump(exclude={"checkpoint"}),
            )
        return {}

    values = request.form.to_dict() | {"prompt_tags": _tags_of("prompt_tags")}
    try:
        body = TryOutRequest.model_validate(values)
        fields = body.model_dump(mode="json") | {"style_id": style_id}
        idempotency.form_once("POST /styles/:id/try-outs", fields, run)
    except ValidationError as error:
        untried = ValidationFailed(fields=field_errors.of_validation(error))
        return style_page.render(style_id, untried=untried), untried.status
    except DomainError as error:
        db.session.rollback()
        return style_page.render(style_id, untried=error), error.status
    # The form keeps what was tried, for the next picture.
    address = links.with_known(
        "pages.styles.show", TRIED, request.form, style_id=style_id, anchor="try-outs"
    )
    return redirect(address, 303)


@blueprint.post("/styles/<id:style_id>/terms")
@signed_in
def change_terms(style_id: int) -> AnyResponse | tuple[str, int]:
    """Change price and licence of the artist's style, or stop or start selling it."""
    try:
        terms = StyleChanges.model_validate(style_terms.fields()).terms()
        offers.edit(db.session(), user=user(), style_id=style_id, changes=terms)
    except ValidationError as error:
        refused = ValidationFailed(fields=style_terms.wrong(error))
        return style_page.render(style_id, refused=refused), ValidationFailed.status
    except (ValidationFailed, StyleLimitReached, StyleNotReady) as error:
        db.session.rollback()
        return style_page.render(style_id, refused=error), error.status
    return redirect(url_for("pages.styles.show", style_id=style_id, saved=1, _anchor="terms"), 303)


def _order(style_id: int) -> GenerationRequest:
    fields = {name: text for name, text in request.form.items() if text.strip()}
    expected = fields.get(f"expected_{fields.get('license_type')}_price")
    if expected is not None:
        fields["expected_price_tokens"] = _price_for_size(expected, fields.get("aspect_ratio", ""))
    numbers = {name: _number(fields[name]) for name in NUMBERS if name in fields}
    tags = {name: _tags_of(name) for name in ("prompt_tags", "negative_tags")}
    return GenerationRequest.model_validate(fields | tags | numbers | {"style_id": style_id})


def _unseen_unknown_tags(body: GenerationRequest) -> list[str]:
    """Return the tags that may not be recognised, unless the form has shown exactly these before.

    A browser without scripts gets them here, before anything is charged.
    """
    of_preview = body.model_dump(include=set(PreviewRequest.model_fields))
    preview = previews.preview(db.session(), viewer=viewer(), **of_preview)
    is_news = request.form.get("seen_unknown") != ", ".join(preview.unknown_tags)
    return preview.unknown_tags if preview.is_any_known and is_news else []


def _is_new_total(body: GenerationRequest) -> bool:
    """Tell whether the form showed another total than that of the order.

    In a browser without scripts the button does not follow the choices of size, number and
    licence: then the page shows the total before anything is charged.
    """
    seen = request.form.get("seen_total")
    if seen is None or body.expected_price_tokens is None:
        return False
    return seen != str(body.expected_price_tokens * body.count)


def _price_for_size(expected: str, aspect_ratio: str) -> str:
    """Return what a form expects one picture to cost, given what it shows for 512×512 pixels."""
    try:
        return str(price_for_size(int(expected), AspectRatio(aspect_ratio or AspectRatio.SQUARE)))
    except ValueError:
        return expected  # the schema reports the error


def _tags_of(field: str) -> list[str]:
    return [tag for tag in request.form.get(field, "").split(",") if tag.strip()]


def _number(text: str) -> int | float | str:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text  # the schema reports the error


def _own() -> list[OwnStyleCard]:
    if not current_user.is_authenticated or user().artist is None:
        return []
    page = style_queries.own(
        db.session(), storage(), artist_id=user().id, page=PageRequest(limit=STYLES_SHOWN)
    )
    return page.results


def _query() -> dict[str, list[str]]:
    return request.args.to_dict(flat=False)
