"""Fill a migrated database with a grown market, by SQL alone: minutes instead of hours.

The rows are such as the product makes them, and `flask ledger check` finds nothing wrong. What is
skewed in life is skewed here: few styles draw most images, few tags are on most of them, three
people bought a tenth of all images each, and one person has a million transfers.

Checks hold while rows are written. Indexes and foreign keys are taken down, written from the
catalogue's own words again, and so proved over all rows.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import URL

from tests import database
from tests.making import ADAPTER_SHA256, signature_png

ADAPTER_KEY = "training/bench/adapter.safetensors"
SIGNATURE_KEY = "signatures/bench.png"
ESCROW, PLATFORM = 1, 2
# Marks of what queries are asked for: how common a tag is, and the ends of the skew.
COMMON_TAG, USUAL_TAG, RARE_TAG, OLD_TAG = "tag 1", "tag 300", "rarest tag", "old fashion"
POPULAR_STYLE = DISCUSSED_IMAGE = 1
FULL_COLLECTION = 60


@dataclass(frozen=True)
class Size:
    """How many rows; a style has an artist of its own, who is one of the users."""

    users: int = 200_000
    styles: int = 100_000
    generations: int = 1_000_000
    transfers: int = 10_000_000
    in_flight: int = 500
    words: int = 5_000

    @property
    def whale(self) -> int:
        """The user with the most images, transfers, followed artists and notifications."""
        return self.users

    @property
    def quiet(self) -> int:
        """A user who has almost nothing."""
        return self.users - 3


GROWN = Size()
MODERATE = Size(users=2_000, styles=1_000, generations=20_000, transfers=100_000, in_flight=0)
SMALL = Size(users=1_000, styles=500, generations=12_000, transfers=60_000, in_flight=20)

# Every statement reads the numbers of a Size as :name.
STATEMENTS = (
    "SELECT setseed(0.5)",
    """
    INSERT INTO users (id, google_sub, email, username, display_name, role, is_active, created_at)
    SELECT n, 'sub-' || n, 'person' || n || '@example.org', 'person' || n, 'person' || n,
           CASE WHEN n <= :styles THEN 'artist' WHEN n = :users - 4 THEN 'admin' ELSE 'user' END,
           n <= :styles OR n % 500 <> 123,
           now() - interval '731 days' + n * interval '0.1 second'
    FROM generate_series(1, :users) AS n""",
    """
    INSERT INTO artists (user_id, artist_name, contact_email, signature_key, signature_sha256)
    SELECT n, 'Artist ' || n, 'person' || n || '@example.org', :signature_key,
           :signature_sha256
    FROM generate_series(1, :styles) AS n""",
    """
    INSERT INTO styles (id, artist_id, name, description, price_tokens, license_type, valid_from,
                        tags, is_active, is_flagged, training_status, base_model, trigger,
                        adapter_key, adapter_sha256, thumbnail_key, created_at)
    SELECT n, n, 'Style ' || n, repeat('Piers in ink. ', 12), 5 + n % 20, 'commercial',
           current_date - 800,
           ARRAY['style ' || n, 'tag ' || 1 + floor(:words * power(random(), 4)),
                 'tag ' || 1 + floor(:words * power(random(), 4))],
           n % 50 <> 49, n % 100 = 98,
           CASE WHEN n % 20 = 19 THEN 'failed' ELSE 'completed' END, 'tiny', '<style-1>',
           :adapter_key, :adapter_sha256, 'styles/' || n || '/thumbnail.webp',
           now() - interval '730 days' * ((n * 7919) % :styles) / :styles
    FROM generate_series(1, :styles) AS n""",
    """
    INSERT INTO tags (name, style_count, is_flagged, is_active, created_at)
    SELECT 'tag ' || n, 0, n % 1000 = 77, n % 1000 <> 88, now() - n * interval '1 hour'
    FROM generate_series(1, :words) AS n""",
    # A style that failed sells nothing.
    """
    CREATE TEMP TABLE drawn AS
    SELECT n, style - (style % 20 = 19)::int AS style_id,
           CASE WHEN chance < 0.3 THEN :users - floor(chance * 10)::int
                ELSE 1 + floor((:users - 4) * power(random(), 2))::int END AS user_id,
           now() - interval '730 days' * (:orders - n + 1) / :orders AS created_at
    FROM (SELECT n, 1 + floor(:styles * power(random(), 3))::int AS style, random() AS chance
          FROM generate_series(1, :orders) AS n) AS chosen""",
    """
    INSERT INTO orders (id, user_id, style_id, count, total_price_tokens, license_type, created_at)
    SELECT 'order-' || n, user_id, style_id, 2, 2 * (5 + style_id % 20), 'commercial', created_at
    FROM drawn""",
    """
    INSERT INTO generations (id, order_id, user_id, style_id, status, prompt_tags, description,
                             aspect_ratio, width, height, seed, style_strength, price_tokens,
                             adapter_sha256, license_public_id, watermark_number,
                             watermark_key_number, image_key, preview_key,
                             thumbnail_key, image_sha256, image_size, is_public, is_flagged,
                             like_count, comment_count, created_at, updated_at, completed_at)
    SELECT n, 'order-' || (n + 1) / 2, user_id, style_id, status, tags, 'A boat at sea.',
           CASE WHEN n % 500 = 7 THEN '1:2' ELSE '1:1' END,
           512, CASE WHEN n % 500 = 7 THEN 1024 ELSE 512 END,
           n, 1, 5 + style_id % 20, :adapter_sha256, 'license-' || n, n, 1,
           CASE WHEN done THEN 'images/' || n || '/image.png' END,
           CASE WHEN done THEN 'images/' || n || '/preview.webp' END,
           CASE WHEN done THEN 'images/' || n || '/thumbnail.webp' END,
           CASE WHEN done THEN md5(n::text) || md5(n::text) END,
           CASE WHEN done THEN 400000 END,
           done AND n % 10 < 7 AND (user_id <= :styles OR user_id % 500 <> 123),
           done AND n % 100 = 55,
           CASE WHEN done THEN floor(5000 * power(random(), 12)) ELSE 0 END,
           CASE WHEN done THEN floor(50 * power(random(), 8)) ELSE 0 END,
           created_at, created_at, CASE WHEN done THEN created_at + interval '20 seconds' END
    FROM (SELECT image.n, drawn.style_id, drawn.user_id, status, status = 'completed' AS done,
                 drawn.created_at + image.n % 2 * interval '1 millisecond' AS created_at,
                 ARRAY(SELECT DISTINCT 'tag ' || 1 + floor(:words * power(random(), 4))
                       FROM generate_series(1, 3 + image.n % 3)) || rare.tags AS tags
          FROM generate_series(1, :generations) AS image (n)
          JOIN drawn ON drawn.n = (image.n + 1) / 2
          CROSS JOIN LATERAL (SELECT CASE
              WHEN image.n > :generations - :in_flight THEN 'queued'
              WHEN image.n % 100 < 94 THEN 'completed'
              WHEN image.n % 100 < 98 THEN 'failed' ELSE 'canceled' END) AS state (status)
          CROSS JOIN LATERAL (SELECT CASE
              WHEN image.n % (:generations / 4) = 1 THEN ARRAY['rarest tag']
              WHEN image.n < :generations / 50 THEN ARRAY['old fashion']
              ELSE ARRAY[]::text[] END) AS rare (tags)) AS image""",
    """
    INSERT INTO jobs (kind, ref, state, step, batch_key, deadline_at, created_at, finished_at)
    SELECT 'generation', id,
           CASE status WHEN 'queued' THEN 'queued' WHEN 'completed' THEN 'done' ELSE status END,
           'render_images', 'tiny:512x512',
           created_at + interval '30 minutes' + (status = 'queued')::int * interval '900 days',
           created_at, CASE WHEN status <> 'queued' THEN created_at + interval '20 seconds' END
    FROM generations ORDER BY id""",
    """
    INSERT INTO certificates (public_id, generation_id, artist_id, style_id, licensee_id,
                              license_type, terms_version, valid_from, image_sha256, width, height,
                              perceptual_hash, adapter_sha256, base_model, issued_at)
    SELECT license_public_id, id, style_id, style_id, user_id, 'commercial', '2026-11',
           created_at::date,
           image_sha256, width, height, substr(md5('hash ' || id), 1, 16), adapter_sha256, 'tiny',
           completed_at
    FROM generations WHERE status = 'completed' ORDER BY id""",
    """
    INSERT INTO likes (generation_id, user_id, created_at)
    SELECT DISTINCT ON (1, 2) 1 + floor(:generations * random())::int,
           :users - floor(:users * power(random(), 3))::int, now()
    FROM generate_series(1, :generations)""",
    """
    INSERT INTO collections (user_id, name, is_public, is_flagged, created_at)
    SELECT CASE WHEN n <= 50 THEN :users ELSE 1 + n % :users END, 'Collection ' || n, n % 2 = 0,
           n % 40 = 0, now() - n * interval '1 minute'
    FROM generate_series(1, :users / 8) AS n ORDER BY n""",
    """
    INSERT INTO collection_pictures (collection_id, generation_id, created_at)
    SELECT DISTINCT ON (1, 2) collections.id, 1 + floor(:generations * random())::int,
           now() - n * interval '1 minute'
    FROM collections CROSS JOIN LATERAL generate_series(
        1, CASE collections.id WHEN 60 THEN 500 ELSE 50 END) AS n""",
    """
    INSERT INTO artist_pages (user_id, about) SELECT user_id, 'I draw harbors.' FROM artists""",
    """
    INSERT INTO pinned_pictures (artist_id, generation_id)
    SELECT artist_id, id
    FROM (SELECT styles.artist_id, generations.id,
                 row_number() OVER (PARTITION BY style_id ORDER BY generations.id) AS place
          FROM generations JOIN styles ON styles.id = style_id
          WHERE is_public AND NOT generations.is_flagged) AS pinned
    WHERE place <= 6""",
    """
    INSERT INTO follows (follower_id, followed_id, created_at)
    SELECT DISTINCT ON (1, 2) follower, followed, now() - random() * interval '700 days'
    FROM (SELECT :users - floor(:users * power(random(), 3))::int AS follower,
                 1 + floor(:styles * power(random(), 2))::int AS followed
          FROM generate_series(1, 5 * :styles)) AS pair
    WHERE follower <> followed""",
    """
    INSERT INTO comments (generation_id, user_id, content, is_hidden, created_at)
    SELECT 1 + floor(:generations * power(random(), 4))::int, 1 + floor(:users * random())::int,
           'What a boat!', n % 200 = 3, now() - (:generations - n) * interval '1 minute'
    FROM generate_series(1, :generations) AS n""",
    """
    INSERT INTO notifications (recipient_id, actor_id, type, target_type, target_id,
                               generation_id, dedupe_key, is_read, created_at)
    SELECT user_id, NULL,
           'generation_' || CASE status WHEN 'completed' THEN 'complete' ELSE 'failed' END,
           'generation', id, id, 'generation_complete:' || id, id % 10 < 8,
           created_at + interval '20 seconds'
    FROM generations WHERE status IN ('completed', 'failed')
    UNION ALL
    SELECT generations.user_id, likes.user_id, 'like', 'generation', generations.id,
           generations.id, 'like:' || generations.id || ':by:' || likes.user_id, true,
           likes.created_at
    FROM likes JOIN generations ON generations.id = likes.generation_id
    WHERE likes.user_id <> generations.user_id
    UNION ALL
    SELECT generations.user_id, comments.user_id, 'comment', 'comment', max(comments.id),
           generations.id, format('comment:group:picture:%s:%s', generations.id, comments.user_id),
           true, max(comments.created_at)
    FROM comments JOIN generations ON generations.id = comments.generation_id
    WHERE comments.user_id <> generations.user_id
    GROUP BY generations.id, generations.user_id, comments.user_id""",
    """
    INSERT INTO reports (reporter_id, target_type, target_id, reason, status, resolution,
                         resolved_at, created_at)
    SELECT 1 + (7 * n + n / :users) % :users,
           (ARRAY['style', 'generation', 'comment', 'user', 'tag'])[1 + n / 100 % 5],
           1 + n % :styles, 'spam', CASE WHEN is_open THEN 'open' ELSE 'dismissed' END,
           CASE WHEN NOT is_open THEN 'Seen by two people.' END,
           CASE WHEN NOT is_open THEN now() END, now() - (:reports - n) * interval '1 minute'
    FROM (SELECT n, n % 100 = 0 AS is_open FROM generate_series(1, :reports) AS n) AS made""",
    """
    INSERT INTO audit_entries (admin_id, object_type, object_id, before, after, reason, created_at)
    SELECT :users - 4, CASE WHEN n % 1000 = 0 THEN 'tag' ELSE 'report' END, n::text,
           '{"status": "open"}', '{"status": "dismissed"}', 'Seen by two people.',
           now() - (:reports - n) * interval '1 minute'
    FROM generate_series(1, :reports) AS n""",
    """
    INSERT INTO purchases (id, order_id, user_id, package_id, amount_tokens, price_per_token,
                           total_price, status, payment_key, expires_at, approved_at, created_at,
                           refund_requested_at)
    SELECT n, 'purchase-' || n, n, 'basic_100', 100, 100, 10000, 'paid', 'payment-' || n, now(),
           now() - random() * interval '700 days', now() - interval '701 days',
           CASE WHEN n % 100 = 0 THEN now() - n * interval '1 second' END
    FROM generate_series(1, :users / 2) AS n""",
    # What a person has and what a transfer changes stand together: `owner` is the person's account.
    """
    CREATE TEMP TABLE moves AS
    SELECT 'bonus' AS kind, 2 * id + 1 AS owner, true AS is_in, 100 AS amount,
           NULL::bigint AS generation_id, NULL::bigint AS purchase_id, 'bonus:' || id AS key,
           created_at
    FROM users
    UNION ALL
    SELECT 'grant', 2 * user_id + 1, true, sum(total_price_tokens), NULL, NULL,
           'grant:opening-' || user_id, now() - interval '730 days 1 minute'
    FROM orders GROUP BY user_id
    UNION ALL
    SELECT 'purchase', 2 * user_id + 1, true, amount_tokens, NULL, id, 'purchase:' || id,
           approved_at
    FROM purchases
    UNION ALL
    SELECT 'hold', 2 * user_id + 1, false, price_tokens, id, NULL, 'hold:' || id, created_at
    FROM generations
    UNION ALL
    SELECT CASE status WHEN 'completed' THEN 'payout' ELSE 'refund' END,
           CASE status WHEN 'completed' THEN 2 * style_id + 2 ELSE 2 * user_id + 1 END, true,
           price_tokens, id, NULL,
           CASE status WHEN 'completed' THEN 'payout:' ELSE 'refund:' END || id,
           created_at + interval '20 seconds'
    FROM generations WHERE status IN ('completed', 'failed', 'canceled')""",
    """
    INSERT INTO moves
    SELECT 'grant', 2 * CASE WHEN random() < 0.15 THEN :users
                             ELSE 1 + floor((:users - 4) * power(random(), 2))::int END + 1,
           true, 1, NULL, NULL, 'grant:' || n, now() - random() * interval '700 days'
    FROM generate_series(1, :transfers - (SELECT count(*) FROM moves)) AS n""",
    """
    CREATE TEMP TABLE balanced AS
    SELECT moves.*, sum(CASE WHEN is_in THEN amount ELSE -amount END)
                    OVER (PARTITION BY owner ORDER BY created_at, key) AS after
    FROM moves""",
    """
    INSERT INTO accounts (id, owner_id, kind, balance)
    VALUES (:escrow, NULL, 'escrow', NULL), (:platform, NULL, 'platform', NULL)""",
    """
    INSERT INTO accounts (id, owner_id, kind, balance)
    SELECT account, user_id, kind, coalesce(balance, 0)
    FROM (SELECT 2 * id + 1 AS account, id AS user_id, 'spendable' AS kind FROM users
          UNION ALL SELECT 2 * id + 2, id, 'earned' FROM users) AS opened
    LEFT JOIN (SELECT owner, sum(CASE WHEN is_in THEN amount ELSE -amount END) AS balance
               FROM moves GROUP BY owner) AS moved ON owner = account""",
    """
    INSERT INTO transfers (id, debit_account_id, credit_account_id, amount, kind, generation_id,
                           purchase_id, idempotency_key, debit_balance_after, credit_balance_after,
                           created_at)
    SELECT row_number() OVER (ORDER BY created_at, key),
           CASE WHEN is_in THEN system ELSE owner END, CASE WHEN is_in THEN owner ELSE system END,
           amount, kind, generation_id, purchase_id, key,
           CASE WHEN NOT is_in THEN after END, CASE WHEN is_in THEN after END, created_at
    FROM (SELECT balanced.*,
                 CASE WHEN generation_id IS NULL THEN :platform ELSE :escrow END AS system
          FROM balanced) AS moved""",
    """
    UPDATE users SET follower_count = counted.count
    FROM (SELECT followed_id, count(*) FROM follows GROUP BY followed_id) AS counted
    WHERE id = followed_id""",
    """
    UPDATE styles SET usage_count = counted.count
    FROM (SELECT style_id, count(*) FROM generations WHERE status = 'completed' GROUP BY style_id)
         AS counted
    WHERE id = style_id""",
    "DROP TABLE drawn, moves, balanced",
)


def fill(url: URL, size: Size) -> None:
    """Fill a migrated, empty database."""
    values = asdict(size) | {
        "orders": size.generations // 2,
        "reports": size.generations // 2,
        "escrow": ESCROW,
        "platform": PLATFORM,
        "adapter_key": ADAPTER_KEY,
        "adapter_sha256": ADAPTER_SHA256,
        "signature_key": SIGNATURE_KEY,
        "signature_sha256": hashlib.sha256(signature_png()).hexdigest(),
    }
    engine = create_engine(url)
    with engine.begin() as connection:
        for setting in ("work_mem = '256MB'", "maintenance_work_mem = '512MB'"):
            connection.execute(text(f"SET LOCAL {setting}"))
        with _rebuilt_indexes(connection):
            for statement in STATEMENTS:
                connection.execute(text(statement), _named(values, statement))
        _go_on_counting(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        _vacuum(connection)
    engine.dispose()


def _vacuum(connection: Connection) -> None:
    """Bring index-only scans and estimates to what they are after autovacuum has been.

    An autovacuum that analyses a table meanwhile has a snapshot, for which rows may still have to
    be looked at: then pages are not marked as visible to all, and plans are other ones.
    """
    for _ in range(VACUUM_TRIES):
        connection.execute(text("VACUUM (ANALYZE, INDEX_CLEANUP ON)"))
        if not (unmarked := connection.scalars(text(UNMARKED)).all()):
            return
        time.sleep(1)
    raise RuntimeError(f"pages of these tables are not visible to all: {', '.join(unmarked)}")


@contextmanager
def grown(filled: URL | None) -> Iterator[URL]:
    """The database given, which was filled before, or one of our own that is dropped afterwards."""
    if filled:
        yield filled
        return
    with database.server() as server, database.database(server) as url:
        began = time.perf_counter()
        database.migrate(url)
        fill(url, GROWN)
        print(f"filled in {time.perf_counter() - began:.0f} s", flush=True)  # noqa: T201
        yield url


def _named(values: dict[str, object], statement: str) -> dict[str, object]:
    bound = set(text(statement).compile().params)
    return {name: value for name, value in values.items() if name in bound}


@contextmanager
def _rebuilt_indexes(connection: Connection) -> Iterator[None]:
    """Take down indexes, keys and foreign keys, and write them again as they were."""
    keys = connection.execute(text(KEYS)).all()
    indexes = connection.execute(text(INDEXES)).all()
    for key in keys:
        connection.execute(text(f"ALTER TABLE {key.on_table} DROP CONSTRAINT {key.name}"))
    for index in indexes:
        connection.execute(text(f"DROP INDEX {index.name}"))
    yield
    for index in indexes:
        connection.exec_driver_sql(index.definition)
    for key in reversed(keys):
        connection.exec_driver_sql(
            f"ALTER TABLE {key.on_table} ADD CONSTRAINT {key.name} {key.definition}"
        )


VACUUM_TRIES = 60
UNMARKED = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relallvisible < relpages"""
# Foreign keys first: they lean on the keys of other tables.
KEYS = """
    SELECT conrelid::regclass::text AS on_table, conname AS name,
           pg_get_constraintdef(oid) AS definition
    FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype IN ('f', 'p', 'u')
      AND conrelid::regclass::text <> 'alembic_version'
    ORDER BY contype <> 'f'"""
INDEXES = """
    SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relnamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)"""


def _go_on_counting(connection: Connection) -> None:
    """Let new rows get ids behind those that were written with theirs."""
    for table in ("users", "styles", "generations", "transfers", "accounts", "purchases"):
        connection.execute(
            text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")
        )
