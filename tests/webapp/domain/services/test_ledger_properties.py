"""Whatever happens to money, in whatever order and however often: the books stay right."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests import making
from webapp.domain import pipelines
from webapp.domain.errors import AlreadyCanceled, InsufficientTokens, InvalidTransition
from webapp.domain.models.generation import GenerationStatus
from webapp.domain.services import generations, ledger

OUTCOME = {"image_key": "images/1.png", "image_sha256": "a" * 64, "image_size": 1}


class Books(RuleBasedStateMachine):
    """Plays the platform against a plain model of who must have what."""

    engine = None
    people = Bundle("people")
    images = Bundle("images")

    def __init__(self):
        super().__init__()
        self.connection = self.engine.connect()
        self.outer = self.connection.begin()
        self.session = Session(
            self.connection, join_transaction_mode="create_savepoint", expire_on_commit=False
        )
        self.spendable, self.earned, self.price, self.state = {}, {}, {}, {}

    def teardown(self):
        self.session.close()
        self.outer.rollback()
        self.connection.close()

    @initialize()
    def open_a_shop(self):
        self.style = making.style(self.session)
        self.artist_id = self.style.artist_id
        self.spendable[self.artist_id], self.earned[self.artist_id] = 100, 0

    @rule(target=people)
    def somebody_comes(self):
        person = making.user(self.session)
        self.spendable[person.id], self.earned[person.id] = 100, 0
        return person

    @rule(person=people)
    def somebody_is_welcomed_again(self, person):
        ledger.welcome(self.session, person)

    @rule(person=people, amount=st.integers(1, 50), key=st.sampled_from("abc"))
    def an_operator_gives(self, person, amount, key):
        with suppress(IntegrityError), self.session.begin_nested():
            ledger.grant(self.session, person.id, amount, f"{person.id}-{key}")
            self.spendable[person.id] += amount

    @rule(price=st.integers(1, 60))
    def the_price_changes(self, price):
        self.style.price_tokens = price
        self.session.flush()

    @rule(target=images, buyer=people, count=st.integers(1, 4))
    def somebody_orders(self, buyer, count):
        price = self.style.price_tokens
        try:
            with self.session.begin_nested():
                ordered = making.order(self.session, buyer, self.style, count=count)
        except InsufficientTokens:
            assert self.spendable[buyer.id] < price * count
            return multiple()
        assert self.spendable[buyer.id] >= price * count
        self.spendable[buyer.id] -= price * count
        for image in ordered:
            self.price[image.id], self.state[image.id] = price, "queued"
        return multiple(*ordered)

    @rule(image=images)
    def a_worker_begins(self, image):
        pipelines.advance_generation(self.session, image.id, GenerationStatus.PROCESSING)
        if self.state[image.id] == "queued":
            self.state[image.id] = "processing"

    @rule(image=images)
    def an_image_is_delivered(self, image):
        generations.complete(self.session, image.id, "0" * 16, **OUTCOME)
        if self.state[image.id] == "processing":
            self.state[image.id] = "completed"
            self.earned[self.artist_id] += self.price[image.id]

    @rule(image=images)
    def an_image_fails(self, image):
        generations.fail(self.session, image.id, "TIMEOUT", "")
        if self.state[image.id] in {"queued", "processing"}:
            self.state[image.id] = "failed"
            self.spendable[image.user_id] += self.price[image.id]

    @rule(image=images)
    def an_image_is_canceled(self, image):
        try:
            with self.session.begin_nested():
                generations.cancel(self.session, user_id=image.user_id, generation_id=image.id)
        except (InvalidTransition, AlreadyCanceled):
            assert self.state[image.id] != "queued"
            return
        assert self.state[image.id] == "queued"
        self.state[image.id] = "canceled"
        self.spendable[image.user_id] += self.price[image.id]

    @rule(image=images, settle=st.sampled_from([ledger.hold, ledger.release, ledger.refund]))
    def a_doubled_transfer_is_tried_past_the_state(self, image, settle):
        if settle is not ledger.hold and self.state[image.id] in {"queued", "processing"}:
            return  # that would be the first outcome, not a second one
        with pytest.raises((IntegrityError, InsufficientTokens)), self.session.begin_nested():
            settle(self.session, image)

    @rule(image=consumes(images))
    def an_image_is_forgotten(self, image):
        """Keeps later steps from always meeting the oldest images."""

    @invariant()
    def the_books_are_right(self):
        assert making.violations(self.session, only="I1") == []
        for number in range(2, 7):
            assert making.violations(self.session, only=f"I{number}") == []

    @invariant()
    def everybody_has_what_the_model_says(self):
        for person, amount in self.spendable.items():
            found = ledger.balances(self.session, person)
            assert (found.spendable, found.earned) == (amount, self.earned[person])


def test_any_order_of_events_keeps_the_books_right(shared_engine):
    Books.engine = shared_engine
    run_state_machine_as_test(
        Books,
        settings=settings(
            max_examples=8,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
