"""Whatever anybody sends: no failure of ours, and no answer that the document does not foresee.

Schemathesis runs over the whole document as each kind of caller: with the examples, at the borders
of every field, with drawn data right and wrong, by other methods, and in chains along the links.
"""

import pytest
import schemathesis
from schemathesis.engine import events, from_schema
from schemathesis.transport.wsgi import WSGITransport
from sqlalchemy import update

from tests.webapp.contract import world
from webapp.domain.models.account import SignIn

# Who tries what one by one: nobody everything, everybody else what is for them.
CALLERS = {
    "anonymous": {"public", "signed in", "artist", "admin", "internal", "Sets account"},
    "buyer": {"signed in"},
    "artist": {"artist"},
    "admin": {"admin"},
    "worker": {"internal"},
    "sets": {"Sets account"},
}
# Who follows which links.
CHAINS = {
    "buyer": {"public", "signed in"},
    "artist": {"public", "artist"},
    "worker": {"internal"},
    "sets": {"public", "Sets account"},
}
OFF = {"enabled": False}
ONE_BY_ONE = {"examples": {}, "coverage": {}, "fuzzing": {}, "stateful": OFF}
QUICKLY = ONE_BY_ONE | {"coverage": OFF}


def in_chains(count):
    return {
        "examples": OFF,
        "coverage": OFF,
        "fuzzing": OFF,
        "stateful": {"generation": {"max-examples": count, "mode": "positive"}},
    }


# The borders of every field, and most chains, are tried by `make test-long`.
FEW, MANY = 4, 15
REQUESTS = [
    *(pytest.param(caller, QUICKLY, id=f"{caller}, quickly") for caller in CALLERS),
    *(
        pytest.param(caller, ONE_BY_ONE, id=caller, marks=pytest.mark.long)
        for caller in CALLERS
        if caller != "anonymous"
    ),
]
COUNTS = [FEW, pytest.param(MANY, marks=pytest.mark.long)]


@pytest.fixture
def load(real_app, committed, storage, monkeypatch):
    """Load the document for a caller who, once signed out, is signed in again."""
    send = WSGITransport.send

    def sent(self, case, **options):
        """Without what only a network knows: repeated without its proof, a request keeps it."""
        for name in ("max_redirects", "verify", "cert"):
            options.pop(name, None)
        return send(self, case, **options)

    monkeypatch.setattr(WSGITransport, "send", sent)
    with committed() as session:
        market = world.made(real_app, session, storage)

    def loaded(caller, phases):
        schema = schemathesis.openapi.from_wsgi(
            "/api/openapi.json", real_app, config=configuration(caller, market, phases)
        )

        @schema.hook
        def after_call(_context, case, _response):
            if case.operation.path == "/auth/logout":
                with committed() as session:
                    session.execute(update(SignIn).values(ended_at=None))
                    session.commit()

        return schema

    return loaded


def configuration(caller, market, phases):
    proof = market.proofs[caller]
    return schemathesis.Config.from_dict(
        {
            "seed": 1,
            "workers": 1,
            "continue-on-failure": True,
            "auth": {"openapi": proof} if proof else {},
            "phases": phases,
            "generation": {"deterministic": True, "database": "none", "max-examples": 3},
            "dictionaries": {name: {"values": values} for name, values in market.known.items()},
            "parameters": {
                f"{place}.{name}": {"dictionary": name, "probability": 0.8}
                for name in market.known
                for place in ("path", "body")
            },
            "checks": {
                # Which words are tags and which cursors are ours, no schema can say.
                "positive_data_acceptance": OFF,
                # Workers have no session that could run out: without a token they get 403.
                "missing_required_header": {"enabled": caller != "worker"},
            },
        }
    )


def run(schema):
    """Send everything; return what went wrong, and each operation with the statuses it answered."""
    wrong, answered = {}, set()
    for event in from_schema(schema).execute():
        if isinstance(event, events.FatalError):
            raise event.exception
        if isinstance(event, events.NonFatalError):
            wrong[event.label] = str(event.info)
        elif isinstance(event, events.ScenarioFinished):
            wrong |= failures(event.recorder)
            answered |= {
                (event.recorder.cases[name].value.operation.label, told.response.status_code)
                for name, told in event.recorder.interactions.items()
                if told.response is not None
            }
    return wrong, answered


def failures(recorder):
    """One failure of each kind of each operation, with what shows it."""
    return {
        (info.failure.operation, check.name): f"{info.failure.message}\n{info.code_sample}"
        for checks in recorder.checks.values()
        for check in checks
        if (info := check.failure_info) is not None
    }


def accessible(access, *, aliases=False):
    """Choose the operations of some access rules, and of several names of one the canonical."""

    def is_chosen(context):
        said = context.operation.definition.raw["description"]
        is_alias = said.startswith("Same as ")
        return (aliases or not is_alias) and said.rpartition("Access: ")[2].rstrip(".") in access

    return is_chosen


@pytest.mark.parametrize("caller, phases", REQUESTS)
def test_every_answer_is_as_the_document_says(load, caller, phases):
    is_anonymous = caller == "anonymous"
    schema = load(caller, phases)
    wrong, answered = run(schema.include(accessible(CALLERS[caller], aliases=is_anonymous)))
    assert wrong == {}
    assert {200, 422} <= {status for _, status in answered}


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("caller", CHAINS)
def test_so_is_every_answer_of_a_chain_of_requests(load, caller, count):
    wrong, answered = run(load(caller, in_chains(count)).include(accessible(CHAINS[caller])))
    assert wrong == {}
    assert {200, 422} <= {status for _, status in answered}
