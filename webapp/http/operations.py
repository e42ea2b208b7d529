"""The parameters and answers of a route: declared once, validated, and shown in the document.

    @blueprint.post("/generations/<id:generation_id>/comments")
    @signed_in
    @operation(gives=CommentView, status=201, errors=(GenerationNotFound, CommentNotFound))
    def comment(generation_id: int, body: NewComment) -> Response:

Place the decorator under the guard, so that the guard runs before validation. The names of the
view's parameters declare what is read from the request, each as a pydantic model:

* `query` – the query parameters;
* `body` – a JSON body; `form` – a multipart form; with both, each `| None`, one of them is set;
* `fields` – the same fields as JSON or as a form.

`gives` is the type of `data`: a model of `webapp.schemas`, `Listed[Model]`, or a union; None
without an envelope. `status` is that of success, or several: (201, 200). `errors` are those of the
services; `webapp.http.routes` adds those of the guard, the query and the body. Of several routes of
one view the topmost is the canonical one, the others are its aliases. `links` are JSON pointers
into `data` to values that are parameters of other routes: `{"style_id": "/id"}`. Examples are at
the fields of the models.

An `idempotent` view returns its data; this decorator answers with it, or with what the same
Idempotency-Key was answered before. Slow steps go into `prepare`: a function with the view's
parameters that runs while no transaction is open; the view gets its result as `prepared`.
"""

import inspect
from collections.abc import Callable
from functools import partial, wraps
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
    """Declare the operation of a view, and pass the declared parameters to it.

    `query` and `body` are only shown, for views that read the request themselves.
    """

    def decorate(view: View) -> View:
        models = _models(view)
        shared = models.get("fields")

        @wraps(view)
        def described(*args: Any, **kwargs: Any) -> Any:
            parameters = _read(models, files or {})
            if idempotent is None:
                return view(*args, **kwargs, **parameters)
            fields = dict(kwargs)
            for model in parameters.values():
                fields |= model.model_dump(mode="json") if model is not None else {}
            return idempotency.created_once(
                idempotent,
                fields,
                partial(view, *args, **kwargs, **parameters),
                prepare=prepare and partial(prepare, *args, **kwargs, **parameters),
            )

        declared = Operation(
            gives=gives,
            statuses=status if isinstance(status, tuple) else (status,),
            errors=(*errors, IdempotencyConflict) if idempotent else errors,
            query=query or models.get("query"),
            body=body or shared or models.get("body"),
            form=shared or models.get("form"),
            files=files or {},
            links=links or {},
            idempotency=idempotent,
            media=media,
        )
        return record(described, operation=declared)

    return decorate


def _models(view: View) -> dict[str, Model]:
    """Return the models of the parameters that are read from the request."""
    annotations = inspect.get_annotations(view)
    return {
        name: next(iter(get_args(annotations[name])), annotations[name])
        for name in ("query", "body", "form", "fields")
        if name in annotations
    }


def _read(models: dict[str, Model], files: dict[str, File]) -> dict[str, BaseModel | None]:
    """Read the parameters of a view; raises InvalidRequest and pydantic's ValidationError."""
    parameters: dict[str, BaseModel | None] = {}
    if {"fields", "form"} & models.keys() and bodies.is_multipart():
        model = models.get("fields") or models["form"]
        bodies.check_parts(files, also_as_text=model.model_fields)
    if "query" in models:
        parameters["query"] = bodies.query(models["query"])
    if "fields" in models:
        model = models["fields"]
        is_form = bodies.is_multipart()
        parameters["fields"] = bodies.form_body(model) if is_form else bodies.json_body(model)
    elif "form" in models:
        parameters |= _form_or_body(models)
    elif "body" in models:
        parameters["body"] = bodies.json_body(models["body"])
    return parameters


def _form_or_body(models: dict[str, Model]) -> dict[str, BaseModel | None]:
    if bodies.is_multipart():
        form: dict[str, BaseModel | None] = {"form": bodies.form_body(models["form"])}
        return form | {"body": None} if "body" in models else form
    if "body" not in models:
        raise InvalidRequest(reason="Content-Type must be multipart/form-data.")
    return {"form": None, "body": bodies.json_body(models["body"])}
