#!/bin/sh
# Restores BACKUPS/dumps/DUMP.dump, or the newest dump if DUMP is "latest", into the database PG_URL.
# The database must have no tables; if the restore fails, it has none afterwards either.
set -eu
folder=$BACKUPS/dumps
if [ "$DUMP" = latest ]; then
	DUMP=$(basename "$(find "$folder" -name '*.dump' | sort | tail -n 1)" .dump)
fi
[ -f "$folder/$DUMP.dump" ] || { echo "there is no dump $folder/$DUMP.dump" >&2; exit 1; }
ask() { psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --dbname "$PG_URL" --command "$1"; }
tables=$(ask "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")
[ "$tables" = 0 ] || { echo "the database has $tables tables: restore into an empty one" >&2; exit 1; }
if ! pg_restore --dbname "$PG_URL" --no-owner --exit-on-error --jobs "$(nproc)" "$folder/$DUMP.dump"; then
	ask "SET client_min_messages = warning; DROP SCHEMA public CASCADE; CREATE SCHEMA public"
	echo "the dump $DUMP cannot be restored: the database is empty again" >&2
	exit 1
fi
ask "ANALYZE"
. "$(dirname "$0")/aside.sh"
set_aside
echo "restored $DUMP"
