"""/sets/rules: rules saved under a name, as many as the plan has slots."""

from flask import Blueprint, Response

from webapp.domain.errors import NotFound
from webapp.domain.services import sets_rules
from webapp.domain.services.sets_rules import RuleContent
from webapp.domain.sets_errors import RuleNotFound, RuleSlotFull
from webapp.extensions import db, editor
from webapp.http import bodies, envelope
from webapp.http.access import current_sets_account, sets_account
from webapp.http.operations import operation
from webapp.schemas.fields import Listed
from webapp.schemas.sets_rules import NewRule, RuleChanges, RuleQuery, RuleView

blueprint = Blueprint("sets_rules", __name__)
LOCATION = "/api/v1/sets/rules/{id}"


@blueprint.post("/rules")
@blueprint.post("/sets/rules")
@sets_account
@operation(gives=RuleView, status=201, errors=(RuleSlotFull, NotFound), links={"rule_id": "/id"})
def create(body: NewRule) -> Response:
    """Save a rule in a free slot."""
    rule = sets_rules.create(
        db.session(),
        editor(),
        account_id=current_sets_account().id,
        preset_id=body.preset_id,
        content=_content(body),
    )
    return envelope.created(rule, LOCATION.format(id=rule.id))


@blueprint.get("/rules")
@blueprint.get("/sets/rules")
@sets_account
@operation(gives=Listed[RuleView], links={"rule_id": "/results/0/id"})
def list_own(query: RuleQuery) -> Response:
    """List the saved rules of the account, newest first."""
    page = sets_rules.list_rules(
        db.session(),
        account_id=current_sets_account().id,
        preset_id=query.preset_id,
        page=bodies.page(query),
    )
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.get("/rules/<rule_id>")
@blueprint.get("/sets/rules/<rule_id>")
@sets_account
@operation(gives=RuleView, errors=(RuleNotFound,))
def read(rule_id: str) -> Response:
    """Show a saved rule of the account."""
    rule = sets_rules.find(db.session(), account_id=current_sets_account().id, rule_id=rule_id)
    return envelope.success(sets_rules.view(rule))


@blueprint.put("/rules/<rule_id>")
@blueprint.put("/sets/rules/<rule_id>")
@sets_account
@operation(gives=RuleView, errors=(RuleNotFound,))
def replace(rule_id: str, body: RuleChanges) -> Response:
    """Save other settings under the same id; jobs that ran keep what they ran with."""
    rule = sets_rules.replace(
        db.session(),
        editor(),
        account_id=current_sets_account().id,
        rule_id=rule_id,
        content=_content(body),
    )
    return envelope.success(rule)


@blueprint.delete("/rules/<rule_id>")
@blueprint.delete("/sets/rules/<rule_id>")
@sets_account
@operation(status=204, errors=(RuleNotFound,))
def delete(rule_id: str) -> Response:
    """Delete a rule; its slot is free again."""
    sets_rules.delete(db.session(), account_id=current_sets_account().id, rule_id=rule_id)
    return envelope.no_content()


def _content(body: RuleChanges) -> RuleContent:
    return RuleContent(
        name=body.name,
        concepts={name: setting.plain() for name, setting in body.concepts.items()},
        protect=tuple(body.protect),
    )
