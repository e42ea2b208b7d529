"""Whatever anybody sends: no failure of ours, and no answer that the document does not foresee.

Schemathesis runs over the whole document as each kind of caller: with the examples, at the borders
of every field, with drawn data right and wrong, by other methods, and in chains along the links.
"""

import pytest
import schemathesis
from schemathesis.engine import events, from_schema
from schemathesis.transport.wsgi import WSGITransport
from sqlalchemy import update

from tests import making
from tests.fixtures import ENVIRONMENT
from tests.toss import toss_server
from tests.webapp.conftest import finished, signed_in_client
from webapp.api import event_streams
from webapp.domain.models.account import Role, SignIn, User

# Who is sent where one by one; along the links everybody goes everywhere.
CALLERS = {
    "anonymous": {"public"},
    "buyer": {"public", "signed in"},
    "artist": {"artist"},
    "admin": {"public", "admin"},
    "worker": {"internal"},
}
SINGLY = {"examples": {}, "coverage": {}, "fuzzing": {}, "stateful": {"enabled": False}}
IN_CHAINS = {
    "examples": {"enabled": False},
    "coverage": {"enabled": False},
    "fuzzing": {"enabled": False},
    "stateful": {"generation": {"max-examples": 15}},
}


def configuration(caller, proof, phases):
    return schemathesis.Config.from_dict(
        {
            "seed": 1,
            "workers": 1,
            "continue-on-failure": True,
            "auth": {"openapi": proof} if proof else {},
            "phases": phases,
            "generation": {"deterministic": True, "database": "none", "max-examples": 5},
            "checks": {
                # Which words are tags and which cursors are ours, no schema can say.
                "positive_data_acceptance": {"enabled": False},
                # Workers have no session that could run out: without a token they get 403.
                "missing_required_header": {"enabled": caller != "worker"},
            },
        }
    )


@pytest.fixture(autouse=True)
def provider(monkeypatch):
    """The sandbox of the payment provider: a chain may order tokens and go on to pay for them."""
    with toss_server() as toss:
        monkeypatch.setenv("TOSS_BASE_URL", toss.url)
        yield


@pytest.fixture
def proofs(real_app, committed, storage):
    """How each caller proves who it is, in a world with something in every state."""
    with committed() as session:
        buyer, artist = making.user(session, tokens=1000), making.artist(session, storage)
        style = making.style(session, storage, of=artist)
        for is_public in (True, False):
            made = making.order(session, buyer, style)[0]
            session.commit()
            finished(session, storage, made, is_public=is_public)
        making.order(session, buyer, style)
        making.training(session, storage)
        people = {
            "buyer": buyer,
            "artist": session.get(User, artist.user_id),
            "admin": making.user(session, role=Role.ADMIN),
        }
        session.commit()
        clients = {
            name: signed_in_client(real_app, session, person) for name, person in people.items()
        }
    return {
        "anonymous": {},
        "worker": {"internal": {"bearer": ENVIRONMENT["INTERNAL_API_TOKEN"]}},
    } | {
        name: {
            "session": {"api_key": client.get_cookie("session").value},
            "csrf": {"api_key": client.csrf_token},
        }
        for name, client in clients.items()
    }


@pytest.fixture
def load(real_app, committed, proofs, monkeypatch):
    """Load the document for a caller who, once signed out, signs in again."""
    monkeypatch.setattr(event_streams, "LONGEST_SECONDS", 0.01)
    monkeypatch.setattr(event_streams, "POLL_SECONDS", 0.0)

    send = WSGITransport.send

    def sent(self, case, **options):
        """Without what only a network knows: repeated without its proof, a request keeps it."""
        for name in ("max_redirects", "verify", "cert"):
            options.pop(name, None)
        return send(self, case, **options)

    monkeypatch.setattr(WSGITransport, "send", sent)

    def loaded(caller, phases):
        schema = schemathesis.openapi.from_wsgi(
            "/api/openapi.json", real_app, config=configuration(caller, proofs[caller], phases)
        )

        @schema.hook
        def after_call(_context, case, _response):
            if case.operation.path == "/auth/logout":
                with committed() as session:
                    session.execute(update(SignIn).values(ended_at=None))
                    session.commit()

        return schema

    return loaded


def problems(schema):
    """Run everything; return what went wrong and how many requests were answered how."""
    found, answers = {}, {}
    import time

    t = time.time()
    for event in from_schema(schema).execute():
        if isinstance(event, events.PhaseFinished):
            print(event.phase.name, event.status, time.time() - t)
            t = time.time()
        if isinstance(event, events.NonFatalError):
            found[event.label] = str(event.info)
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.ScenarioFinished):
            for checks in event.recorder.checks.values():
                for check in checks:
                    if (info := check.failure_info) is not None:
                        found[event.label, check.name, info.failure.title] = (
                            f"{info.failure.message}\n{info.code_sample}"
                        )
            for interaction in event.recorder.interactions.values():
                if interaction.response is not None:
                    status = interaction.response.status_code
                    answers[status] = answers.get(status, 0) + 1
    for k, v in found.items():
        print("=====", k, "\n", v[:1500])
    print(answers)
    return found, answers


@pytest.mark.parametrize("caller", CALLERS)
def test_every_answer_is_as_the_document_says(load, caller):
    def is_for(context):
        access = context.operation.definition.raw["description"].rpartition("Access: ")[2]
        return access.rstrip(".") in CALLERS[caller]

    found, answers = problems(load(caller, SINGLY).include(is_for))
    assert found == {}


@pytest.mark.parametrize("caller", CALLERS)
def test_so_is_every_answer_of_a_chain_of_requests(load, caller):
    found, answers = problems(load(caller, IN_CHAINS))
    assert found == {}
