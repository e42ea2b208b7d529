"""Migrations on a fresh database: up, down, up, and in agreement with the models."""

import os

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, make_url, text
from sqlalchemy.exc import DBAPIError

import webapp.domain.models  # noqa: F401 - all tables, whatever was imported before
from tests import database
from webapp.domain.db import Base, engine

EXPECTED = set(Base.metadata.tables)
# What the migrations write about themselves; it stays when all are undone.
OWN = {"alembic_version", "schema_compatibility"}
# A migration that was released does not change; `test_up_down_and_up_again` still applies it.
released = pytest.mark.long


@pytest.fixture
def fresh(server, environment):
    with database.database(server) as url:
        yield url


def look(url, question):
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return question(connection)
    finally:
        engine.dispose()


def tables(url):
    return set(look(url, lambda connection: inspect(connection).get_table_names()))


def routines(url):
    query = text("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
    return set(look(url, lambda connection: connection.scalars(query).all()))


def scripts():
    config = database.alembic_config()
    config.set_main_option("script_location", str(database.ROOT / "migrations"))
    return ScriptDirectory.from_config(config)


def test_up_down_and_up_again(fresh):
    database.migrate(fresh)
    assert tables(fresh) == EXPECTED | OWN
    assert routines(fresh) == {"refuse_change", "searchable", "ngrams"}

    database.migrate(fresh, "base")
    assert tables(fresh) == OWN
    assert routines(fresh) == set()

    database.migrate(fresh)
    assert tables(fresh) == EXPECTED | OWN


@released
def test_what_closed_accounts_left_on_sale_and_on_show_is_taken_off(fresh):
    """Before 0009 an account was closed by an administrator without its styles and images."""
    database.migrate(fresh, scripts().get_revision("0009").down_revision)
    engine = create_engine(fresh)
    with engine.begin() as connection:
        for statement in CLOSED_BEFORE:
            connection.execute(text(statement))
    database.migrate(fresh)
    with engine.connect() as connection:
        styles = connection.execute(text("SELECT id, is_active FROM styles ORDER BY id"))
        assert styles.all() == [(1, True), (2, False)]
        images = connection.execute(text("SELECT id, is_public FROM generations ORDER BY id"))
        assert images.all() == [(1, True), (2, False)]
    engine.dispose()


# Everything twice: the first of somebody who is there, the second of a closed account.
CLOSED_BEFORE = (
    """
    INSERT INTO users (id, google_sub, email, username, role, is_active)
    SELECT n, 'sub-' || n, n || '@example.org', 'person' || n, 'artist', n = 1
    FROM generate_series(1, 2) AS n""",
    """
    INSERT INTO artists (user_id, artist_name, verified_email, signature_key, signature_sha256)
    SELECT id, username, email, 'signatures/one.png', repeat('0', 64) FROM users""",
    """
    INSERT INTO styles (id, artist_id, name, description, price_tokens, license_type, valid_from,
                        training_status, base_model, trigger, adapter_sha256)
    SELECT id, id, 'Ink', 'Piers.', 10, 'personal', current_date, 'completed', 'tiny', '<style-1>',
           repeat('0', 64) FROM users""",
    """
    INSERT INTO orders (id, user_id, style_id, count, total_price_tokens)
    SELECT 'order-' || id, id, id, 1, 10 FROM users""",
    """
    INSERT INTO generations (id, order_id, user_id, style_id, status, description, aspect_ratio,
                             width, height, seed, style_strength, price_tokens, adapter_sha256,
                             license_public_id, image_key, image_sha256, is_public)
    SELECT id, 'order-' || id, id, id, 'completed', '', '1:1', 512, 512, 1, 1, 10, repeat('0', 64),
           'license-' || id, 'images/one.png', repeat('0', 64), true FROM users""",
)


@released
def test_an_exclusive_offer_becomes_commercial_and_what_was_licensed_stays(fresh):
    """Before 0015 a style could be offered with an exclusive licence."""
    database.migrate(fresh, "0014")
    engine = create_engine(fresh)
    with engine.begin() as connection:
        for statement in CLOSED_BEFORE:
            connection.execute(text(statement))
        connection.execute(text("UPDATE styles SET license_type = 'exclusive' WHERE id = 1"))
        connection.execute(text(EXCLUSIVE_CERTIFICATE))
    database.migrate(fresh)
    with engine.connect() as connection:
        styles = connection.scalars(text("SELECT license_type FROM styles ORDER BY id"))
        assert styles.all() == ["commercial", "personal"]
        assert connection.scalar(text("SELECT license_type FROM certificates")) == "exclusive"
        with pytest.raises(DBAPIError, match="ck_styles_license_type"):
            connection.execute(text("UPDATE styles SET license_type = 'exclusive'"))
    engine.dispose()


@released
def test_tags_and_names_that_are_there_are_counted_and_taken(fresh):
    """Since 0016 tags count by whose they are; since 0017 names that look alike are taken once."""
    database.migrate(fresh, "0015")
    engine = create_engine(fresh)
    with engine.begin() as connection:
        for statement in CLOSED_BEFORE:
            connection.execute(text(statement))
        for statement in (
            "UPDATE styles SET tags = '{boat,sea}' WHERE id = 1",
            "UPDATE generations SET prompt_tags = '{boat}'",
            "UPDATE generations SET is_flagged = true WHERE id = 2",
            "INSERT INTO tags (name, usage_count) VALUES ('boat', 9), ('sea', 9), ('fog', 9)",
            "UPDATE artists SET artist_name = 'Person1' WHERE user_id = 2",
        ):
            connection.execute(text(statement))
    database.migrate(fresh)
    with engine.connect() as connection:
        columns = "name, style_count, image_count, user_count, usage_count"
        counted = connection.execute(text(f"SELECT {columns} FROM tags ORDER BY name"))
        assert counted.all() == [("boat", 1, 1, 1, 1), ("fog", 0, 0, 0, 0), ("sea", 1, 0, 0, 1)]
        taken = connection.execute(text("SELECT key, user_id FROM taken_names ORDER BY key"))
        assert taken.all() == [("person2", 2), ("personl", 1)]
        shown = connection.scalars(text("SELECT display_name FROM users ORDER BY id"))
        assert shown.all() == ["person1", "person2"]
    engine.dispose()


@released
def test_notifications_that_are_there_get_their_picture(fresh):
    """Since 0029 a notification names the picture that it is about, also that of a comment."""
    database.migrate(fresh, "0014")
    engine = create_engine(fresh)
    with engine.begin() as connection:
        for statement in CLOSED_BEFORE:
            connection.execute(text(statement))
    database.migrate(fresh, scripts().get_revision("0029").down_revision)
    with engine.begin() as connection:
        for statement in NOTIFIED_BEFORE:
            connection.execute(text(statement))
    database.migrate(fresh)
    with engine.connect() as connection:
        query = "SELECT target_type, generation_id FROM notifications ORDER BY id DESC LIMIT 4"
        told = connection.execute(text(query)).all()
        assert told == [("comment", 1), ("comment", None), ("style", None), ("generation", 6000)]
        filled = "SELECT count(*) FROM notifications WHERE generation_id = target_id"
        assert connection.scalar(text(filled)) == 6000
    engine.dispose()


# More than one transaction fills.
NOTIFIED_BEFORE = (
    "INSERT INTO comments (id, generation_id, user_id, content) VALUES (9, 1, 2, 'Fine')",
    """
    INSERT INTO notifications (recipient_id, type, target_type, target_id, dedupe_key)
    SELECT 1, 'like', 'generation', n, 'like:' || n FROM generate_series(1, 6000) AS n""",
    """
    INSERT INTO notifications (recipient_id, type, target_type, target_id, dedupe_key)
    VALUES (1, 'style_trained', 'style', 1, 'a'), (1, 'comment', 'comment', 404, 'b'),
           (1, 'comment', 'comment', 9, 'c')""",
)


@released
def test_orders_that_are_there_keep_the_licence_that_they_had(fresh):
    """Since 0035 an order has a licence of its own: before, that of its style at delivery."""
    database.migrate(fresh, "0014")
    engine = create_engine(fresh)
    with engine.begin() as connection:
        for statement in CLOSED_BEFORE:
            connection.execute(text(statement))
        connection.execute(text(EXCLUSIVE_CERTIFICATE))
    database.migrate(fresh, scripts().get_revision("0035").down_revision)
    with engine.begin() as connection:
        connection.execute(text(MANY_ORDERS))
        connection.execute(text("UPDATE styles SET license_type = 'commercial' WHERE id = 2"))
    database.migrate(fresh)
    with engine.connect() as connection:
        query = "SELECT style_id, license_type, count(*) FROM orders GROUP BY 1, 2 ORDER BY 1, 2"
        licences = connection.execute(text(query)).all()
        # Delivered: as certified. Others: what they would get today.
        assert licences == [(1, "exclusive", 1), (1, "personal", 6000), (2, "commercial", 1)]
        prices = (
            "SELECT license_type, price_tokens, commercial_price_tokens FROM styles ORDER BY id"
        )
        assert connection.execute(text(prices)).all() == [
            ("personal", 10, None),
            ("commercial", 10, None),
        ]
    engine.dispose()


# More than one transaction fills.
MANY_ORDERS = """
    INSERT INTO orders (id, user_id, style_id, count, total_price_tokens)
    SELECT 'other-' || n, 2, 1, 1, 10 FROM generate_series(1, 6000) AS n"""
EXCLUSIVE_CERTIFICATE = """
    INSERT INTO certificates (public_id, generation_id, artist_id, style_id, licensee_id,
                              license_type, terms_version, valid_from, image_sha256, width, height,
                              perceptual_hash, adapter_sha256, base_model)
    VALUES ('license-1', 1, 1, 1, 1, 'exclusive', '1', current_date, repeat('0', 64), 512, 512,
            repeat('0', 16), repeat('0', 64), 'tiny')"""


def test_going_up_twice_changes_nothing(template):
    database.migrate(template)
    assert tables(template) == EXPECTED | OWN


def test_models_and_migrations_agree(template):
    def is_ours(_object, name, *_):
        return name not in OWN

    def differences(connection):
        options = {"compare_type": True, "include_object": is_ours}
        context = MigrationContext.configure(connection, opts=options)
        return compare_metadata(context, Base.metadata)

    assert look(template, differences) == []


def test_tables_that_are_not_ours_are_left_alone(fresh):
    database.migrate(fresh)
    engine = create_engine(fresh)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE somebody_elses (id int)"))
    engine.dispose()
    database.migrate(fresh, "base")
    assert tables(fresh) == OWN | {"somebody_elses"}


def test_there_is_one_line_of_migrations_and_each_goes_both_ways():
    found = list(scripts().walk_revisions())
    assert len(scripts().get_heads()) == 1
    assert [script.revision for script in reversed(found)] == sorted(s.revision for s in found)
    for script in found:
        assert script.module.upgrade
        assert script.module.downgrade


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE transfers SET amount = 1",
        "DELETE FROM transfers",
        "TRUNCATE transfers CASCADE",
    ],
)
def test_the_database_itself_keeps_the_ledger_append_only(template, statement):
    def refused(connection):
        with pytest.raises(DBAPIError, match="transfers rows are append-only"):
            connection.execute(text(statement))

    look(template, refused)


def test_a_check_and_an_index_hold_what_the_models_promise(template):
    def names(connection):
        query = "SELECT indexname FROM pg_indexes WHERE schemaname = 'public'"
        return set(connection.scalars(text(query)))

    assert {
        "uq_transfers_one_hold",
        "uq_transfers_one_outcome",
        "uq_styles_one_active",
        "uq_jobs_kind_ref",
        "uq_accounts_owner_id_kind",
    } <= look(template, names)


def test_a_migration_never_waits_long_for_a_lock(fresh):
    database.migrate(fresh)
    engine = create_engine(fresh)
    with engine.begin() as holder:
        every = ", ".join(sorted(EXPECTED))
        holder.execute(text(f"LOCK TABLE {every} IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(DBAPIError, match="lock timeout"):
            database.migrate(fresh, "base")
    engine.dispose()
    assert tables(fresh) == EXPECTED | OWN


def test_the_timeouts_of_a_migration_end_with_it(fresh, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", fresh.render_as_string(hide_password=False))
    database.use(fresh)
    config = database.alembic_config()
    config.set_main_option("script_location", str(database.ROOT / "migrations"))
    command.upgrade(config, "head")
    with engine().connect() as connection:
        shown = connection.execute(
            text("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')")
        ).one()
    monkeypatch.undo()
    database.use(make_url(os.environ["DATABASE_URL"]))
    assert tuple(shown) == ("15s", "0")
