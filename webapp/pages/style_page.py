"""The page of one style, for its visitors and for its artist, with the errors of its forms."""

from collections.abc import Mapping, Sequence

from flask import render_template, request
from flask_login import current_user

from webapp.domain.errors import DomainError
from webapp.domain.models.generation import AspectRatio
from webapp.domain.models.style import TrainingStatus
from webapp.domain.queries import (
    feed as feed_queries,
    generations as generation_queries,
    picture_words,
    samples,
    style_detail,
    tags as tag_queries,
)
from webapp.domain.queries.feed import FeedFilter
from webapp.domain.queries.generation_views import FINAL, OwnGenerationView
from webapp.domain.queries.generations import OwnFilter
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.queries.style_detail import OwnStyleView, StyleView
from webapp.domain.queries.tags import Vocabulary
from webapp.domain.services import follows, notifications, offers, packages
from webapp.extensions import db, storage
from webapp.http import bodies, localize, style_views
from webapp.http.access import user, viewer
from webapp.pages import links, page_header, sorting
from webapp.schemas.generations import FeedQuery

PICTURES_SHOWN = 12
# Fields of an order that a URL may carry, to return to it.
ORDER_FIELDS = (
    "prompt_tags",
    "negative_tags",
    "description",
    "legal_name",
    "license_type",
    "aspect_ratio",
    "count",
    "seed",
    "style_strength",
)
MAX_ID_DIGITS = 18  # a number that fits into the column


def render(
    style_id: int,
    *,
    problem: DomainError | None = None,
    refused: DomainError | None = None,
    unknown_tags: Sequence[str] = (),
    is_new_total: bool = False,
    untried: DomainError | None = None,
) -> str:
    """Return the page of a style, with the errors of a form on it.

    `is_new_total` tells the total of an order, which the form had not shown before.
    """
    style = _style(style_id)
    values: dict[str, object]
    works: list[OwnGenerationView] = []
    if style.training_status == TrainingStatus.COMPLETED:
        style_views.count_later(viewer(), style_id=style_id, artist_id=style.artist.id)
        works = _works(style.id)
        values = _sale(style)
    else:
        values = {
            "run": style.training_log if isinstance(style, OwnStyleView) else None,
            "form": request.form or request.args,
        }
    _mark_seen(style, works)
    return render_template(
        "styles/show.html",
        style=style,
        problem=problem,
        refused=refused,
        unknown_tags=unknown_tags,
        is_new_total=is_new_total,
        untried=untried,
        again=_again(style_id),
        is_own=viewer().user_id == style.artist.id,
        works=works,
        **values,
    )


def _mark_seen(style: StyleView, works: list[OwnGenerationView]) -> None:
    """Mark as read what the user was told of a style, and that pictures on its page have ended."""
    try_outs = style.try_outs if isinstance(style, OwnStyleView) else []
    states = {work.id: work.status for work in works}
    states |= {try_out.id: try_out.status for try_out in try_outs}
    ended = [generation_id for generation_id, status in states.items() if status in FINAL]
    page_header.mark_seen(notifications.of_style(style.id), notifications.of_endings(ended))


def pictures(style_id: int) -> str:
    """Return the gallery of a style's page as a fragment; behind a cursor only the next cards."""
    style = _style(style_id)
    name = "more_pictures" if "cursor" in request.args else "pictures"
    can_order = _can_order(style)
    return render_template(
        f"styles/{name}.html", style=style, can_order=can_order, **_gallery(style_id)
    )


def _sale(style: StyleView) -> dict[str, object]:
    """Return what the page of a style on sale has besides the style."""
    is_own = viewer().user_id == style.artist.id
    can_order = _can_order(style)
    vocabulary = tag_queries.vocabulary(db.session(), style.id, style.tags)
    form = request.form or (_order_fields(style.id) if can_order else {})
    return {
        "has_begun": offers.is_in_period(style.valid_from, None),
        "can_order": can_order,
        "form": form,
        "aspect_ratio": _aspect_ratio(form),
        "sample_words": _sample_words(style.id, vocabulary) if can_order else [],
        "recommended": vocabulary.recommended,
        "token_prices": packages.token_prices(),
        "earned": style_detail.earned(db.session(), style.id) if is_own else None,
        "is_following": _is_following(style.artist.id),
        **_gallery(style.id),
    }


def _aspect_ratio(form: Mapping[str, str]) -> AspectRatio:
    """Return the aspect ratio in the fields of an order, or the usual one."""
    try:
        return AspectRatio(form.get("aspect_ratio", ""))
    except ValueError:
        return AspectRatio.SQUARE


def _sample_words(style_id: int, vocabulary: Vocabulary) -> list[list[str]]:
    return samples.words(db.session(), style_id, vocabulary.of_artworks)


def _can_order(style: StyleView) -> bool:
    """Tell whether pictures in this style may be ordered now."""
    is_open = offers.is_in_period(style.valid_from, style.valid_to)
    return style.is_active and is_open and not style.is_outdated


def _order_fields(style_id: int) -> Mapping[str, str]:
    """Return the fields of the order in the URL; `like` adds the words of a picture.

    A picture that does not lend its words to this visitor adds nothing, as an unknown id.
    """
    text = request.args.get("like", "")
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS):
        return request.args
    words = picture_words.of_picture(
        db.session(), generation_id=int(text), style_id=style_id, viewer=viewer()
    )
    if words is None:
        return request.args
    fields = {
        "prompt_tags": ", ".join(words.prompt_tags),
        "negative_tags": ", ".join(words.negative_tags),
        "aspect_ratio": str(words.aspect_ratio),
        "style_strength": str(words.style_strength),
    }
    return fields | request.args.to_dict()


def _gallery(style_id: int) -> dict[str, object]:
    """Return a page of the public pictures in a style, in the order chosen or usual."""
    query = bodies.query(FeedQuery)
    sort = sorting.chosen(query.sort)
    return {
        "pictures": feed_queries.pictures(
            db.session(),
            storage(),
            viewer=viewer(),
            filters=FeedFilter(sort=sort, style_id=style_id),
            page=bodies.page(query),
        ),
        "sort": sort,
        "usual_sort": sorting.usual(),
        "is_first": "cursor" not in request.args,
    }


def _again(style_id: int) -> str:
    """Return the URL of this page with the fields of the order, to return to."""
    return links.with_known("pages.styles.show", ORDER_FIELDS, request.form, style_id=style_id)


def _is_following(artist_id: int) -> bool:
    user_id = viewer().user_id
    if user_id is None or user_id == artist_id:
        return False
    return follows.is_following(db.session(), user_id=user_id, followed_id=artist_id)


def _style(style_id: int) -> StyleView:
    view = style_detail.detail(
        db.session(), storage(), style_id=style_id, viewer=viewer(), with_decided=False
    )
    return localize.style(view)


def _works(style_id: int) -> list[OwnGenerationView]:
    """Return the visitor's own newest pictures of a style, in every state."""
    if not current_user.is_authenticated:
        return []
    page = generation_queries.own(
        db.session(),
        storage(),
        user_id=user().id,
        filters=OwnFilter(style_id=style_id),
        page=PageRequest(limit=PICTURES_SHOWN),
    )
    return page.results
