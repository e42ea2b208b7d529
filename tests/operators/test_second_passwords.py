"""The procedures of docs/operations.md (Secrets) that give a service a second password."""

import re
import shlex
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from amqp.exceptions import AccessRefused
from kombu import Connection
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from tests import database, making
from tests.broker import Broker, answers
from webapp.domain.db import engine_options, transaction
from webapp.domain.gateways.cache import Cache
from webapp.domain.models.account import User

DOCUMENT = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
OWNER, SECOND = "style_license", "style_license_2"


def documented(pattern):
    """The lines of the document's code blocks that a pattern begins."""
    lines = re.findall(rf"^{pattern}.*$", DOCUMENT, re.MULTILINE)
    assert lines, pattern
    return lines


@pytest.fixture
def rotated(server, template):
    """A database of the site, and the login that the documented statements make beside its own."""
    # Roles belong to the whole server, so those of a test have names of their own.
    name = f"second_{uuid4().hex[:8]}"
    first = [*documented("CREATE ROLE"), *documented("ALTER ROLE .* SET role")]
    last = documented("DROP ROLE")
    with database.database(server, template=template) as url:
        admin = create_engine(url, isolation_level="AUTOCOMMIT")

        def run(statements):
            with admin.connect() as connection:
                for statement in statements:
                    own = statement.replace(SECOND, name).replace(OWNER, url.username)
                    connection.execute(text(own.replace("NEW", "a new password")))

        run(first)
        yield url, url.set(username=name, password="a new password"), lambda: run(last)
        run([f"DROP ROLE IF EXISTS {name}"])
        admin.dispose()


def test_a_second_login_of_the_database_works_as_the_first_and_is_dropped_again(rotated):
    first, second, drop = rotated
    old, new = (create_engine(url, **engine_options()) for url in (first, second))
    with Session(old) as before, Session(new) as after:
        with transaction(before):
            user = making.user(before)
        with transaction(after):
            after.get(User, user.id).bio = "written by the second login"
            after.execute(text("CREATE TABLE made_by_a_migration (id integer)"))
        before.refresh(user)
        assert user.bio == "written by the second login"
        logins = "SELECT session_user, current_user"
        assert tuple(after.execute(text(logins)).one()) == (second.username, first.username)
        owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'made_by_a_migration'"
        assert before.scalar(text(owner)) == first.username
        assert after.scalar(text("SHOW statement_timeout")) == "15s"
    new.dispose()
    drop()
    with old.connect() as connection:
        roles = "SELECT count(*) FROM pg_roles WHERE rolname = :name"
        assert connection.scalar(text(roles), {"name": second.username}) == 0
    old.dispose()


def test_a_second_user_of_rabbitmq_works_as_the_first_which_is_then_deleted(tmp_path):
    add, permit, delete = (shlex.split(line) for line in documented("rabbitmqctl"))
    broker = Broker(tmp_path / "broker")
    broker.start()
    second = broker.url.replace("guest:guest", f"{SECOND}:NEW")
    try:
        with pytest.raises(AccessRefused):
            answers(second, seconds=60)
        for command in (add, permit):
            broker.control(*command[1:])
        for url, sent in ((broker.url, "of before"), (second, "of after")):
            with Connection(url) as connection, connection.SimpleQueue("orders") as orders:
                orders.put(sent)
        assert delete[-1] == OWNER
        broker.control(*delete[1:-1], "guest")
        with pytest.raises(AccessRefused):
            answers(broker.url, seconds=60)
        with Connection(second) as connection, connection.SimpleQueue("orders") as orders:
            assert [orders.get(timeout=60).payload for _ in range(2)] == ["of before", "of after"]
    finally:
        broker.stop()


def test_redis_accepts_two_passwords_until_the_former_is_removed(tmp_path):
    [add], [remove] = documented("ACL SETUSER default >"), documented("ACL SETUSER default <")
    with database.cache(tmp_path) as url:
        old = url.split(":")[2].split("@")[0]
        of_new = url.replace(old, "NEW")
        running = Cache(url)
        with redis.Redis.from_url(url) as admin:
            with pytest.raises(redis.AuthenticationError):
                redis.Redis.from_url(of_new).ping()
            admin.execute_command(*add.split())
            for password in (url, of_new):
                with redis.Redis.from_url(password) as client:
                    assert client.ping()
        restarted = Cache(of_new)
        for each in (running, restarted):
            each.put("key", b"value")
            assert each.get("key") == b"value"
        with redis.Redis.from_url(of_new) as admin:
            admin.execute_command(*remove.replace("OLD", old).split())
            with pytest.raises(redis.AuthenticationError):
                redis.Redis.from_url(url).ping()
            assert admin.ping()
