#!/bin/sh
# Copies the write-ahead log of the server PG_URL into BACKUPS/wal while it is written.
# Its slot lets the server keep what was not copied yet, up to max_slot_wal_keep_size.
set -eu
umask 077
mkdir -p "$BACKUPS/wal"
pg_receivewal --dbname "$PG_URL" --slot backup --create-slot --if-not-exists
exec pg_receivewal --dbname "$PG_URL" --slot backup --synchronous --directory "$BACKUPS/wal"
