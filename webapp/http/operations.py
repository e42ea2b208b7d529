"""What a route takes and gives: said once, enforced from there, and shown in the API's document.

    @blueprint.post("/generations/<id:generation_id>/comments")
    @signed_in
    @operation(gives=CommentView, status=201, errors=(GenerationNotFound, CommentNotFound))
    def comment(generation_id: int, body: NewComment) -> Response:

The decorator stands under the guard: what a request carries is judged after who sends it. What a
view takes, it says by the names of its parameters, each of a pydantic model:

* `query` – the query parameters;
* `body` – a JSON body; `form` – a multipart form; with both, each `| None`: the one that came;
* `fields` – the same fields as JSON or as a form.

`gives` is the type of `data`: a model of `webapp.schemas`, `Listed[Model]`, or a union; None where
there is no envelope. `status` is that of success, or several: (201, 200). `errors` are those of the
services; what every route with the same guard, query or body may answer is known. Of several routes
of one view the topmost is the canonical one, the others are shown as the same. `links` says where
in `data` stands what other routes take as a parameter: `{"style_id": "/id"}`. Examples stand at the
fields of the models.

An `idempotent` view returns its data; this decorator answers with it, or with what the same
Idempotency-Key was answered before. What is slow stands in `prepare`: a function with the view's
parameters that runs while no transaction is open; the view gets its result as `prepared`.
"""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, get_args

from pydantic import BaseModel

from webapp.domain.errors import DomainError, IdempotencyConflict, InvalidRequest
from webapp.http import bodies, idempotency
from webapp.http.endpoints import (
    EVENTS,
    JSON,
    File,
    Idempotency,
    Model,
    Operation,
    View,
    record,
)

__all__ = ["EVENTS", "JSON", "File", "Idempotency", "operation"]


def operation(
    *,
    gives: Any = None,
    status: int | tuple[int, ...] = 200,
    errors: tuple[type[DomainError], ...] = (),
    query: Model | None = None,
    body: Model | None = None,
    files: dict[str, File] | None = None,
    links: dict[str, str] | None = None,
    idempotent: Idempotency | None = None,
    prepare: Callable[..., Any] | None = None,
    media: str = JSON,
) -> Callable[[View], View]:
    """Describe a view, and hand it what its parameters ask for.

    `query` and `body` given here are only shown, for views that read the request themselves.
    """

    def decorate(view: View) -> View:
        takes = _taken(view)
        shared = takes.get("fields")

        @wraps(view)
        def described(*args: Any, **kwargs: Any) -> Any:
            parameters = _read(takes, files or {})
            if idempotent is None:
                return view(*args, **kwargs, **parameters)
            fields = dict(kwargs)
            for model in parameters.values():
                fields |= model.model_dump(mode="json") if model is not None else {}
            if prepare is None:
                return idempotency.created_once(
                    idempotent, fields, lambda: view(*args, **kwargs, **parameters)
                )
            answer = idempotency.replayed(idempotent, fields)
            if answer is not None:
                return answer
            prepared = prepare(*args, **kwargs, **parameters)
            return idempotency.created_once(
                idempotent, fields, lambda: view(*args, **kwargs, **parameters, prepared=prepared)
            )

        declared = Operation(
            gives=gives,
            statuses=status if isinstance(status, tuple) else (status,),
            errors=(*errors, IdempotencyConflict) if idempotent else errors,
            query=query or takes.get("query"),
            body=body or shared or takes.get("body"),
            form=shared or takes.get("form"),
            files=files or {},
            links=links or {},
            idempotency=idempotent,
            media=media,
        )
        return record(described, operation=declared)

    return decorate


def _taken(view: View) -> dict[str, Model]:
    """Return the models of the parameters that are read from the request."""
    annotations = inspect.get_annotations(view)
    return {
        name: next(iter(get_args(annotations[name])), annotations[name])
        for name in ("query", "body", "form", "fields")
        if name in annotations
    }


def _read(takes: dict[str, Model], files: dict[str, File]) -> dict[str, BaseModel | None]:
    """Read what a view takes; raises InvalidRequest and pydantic's ValidationError."""
    given: dict[str, BaseModel | None] = {}
    if {"fields", "form"} & takes.keys() and bodies.is_multipart():
        model = takes.get("fields") or takes["form"]
        bodies.check_parts(files, also_as_text=model.model_fields)
    if "query" in takes:
        given["query"] = bodies.query(takes["query"])
    if "fields" in takes:
        model = takes["fields"]
        is_form = bodies.is_multipart()
        given["fields"] = bodies.form_body(model) if is_form else bodies.json_body(model)
    elif "form" in takes:
        given |= _form_or_body(takes)
    elif "body" in takes:
        given["body"] = bodies.json_body(takes["body"])
    return given


def _form_or_body(takes: dict[str, Model]) -> dict[str, BaseModel | None]:
    if bodies.is_multipart():
        form: dict[str, BaseModel | None] = {"form": bodies.form_body(takes["form"])}
        return form | {"body": None} if "body" in takes else form
    if "body" not in takes:
        raise InvalidRequest(reason="Content-Type must be multipart/form-data.")
    return {"form": None, "body": bodies.json_body(takes["body"])}
