#!/bin/sh
# Prepares the empty folder PGDATA so that PostgreSQL, when it starts, recovers to UNTIL (UTC, such as
# "2026-11-29 08:00:00+00"; empty: to the end of the log) from the last base backup before.
set -eu
begun=.
for each in "$BACKUPS"/base/*; do
	# 2026-11-29T080000Z and 2026-11-29 08:00:00+00 differ only in signs that are no digits.
	if [ -z "$UNTIL" ] || [ "$(basename "$each" | tr -dc 0-9)" -le "$(echo "$UNTIL" | tr -dc 0-9 | cut -c 1-14)" ]; then
		begun=$each
	fi
done
[ -f "$begun/data/base.tar.gz" ] || { echo "no base backup in $BACKUPS/base is older than $UNTIL" >&2; exit 1; }
if [ -n "$(ls -A "$PGDATA" 2> /dev/null)" ]; then echo "$PGDATA is not empty" >&2; exit 1; fi
mkdir -p "$PGDATA"
chmod 700 "$PGDATA"
tar -xzf "$begun/data/base.tar.gz" -C "$PGDATA"
mkdir -p "$PGDATA/pg_wal"
# The last file of the log is not complete.
{
	echo "restore_command = 'cp $BACKUPS/wal/%f %p || cp $BACKUPS/wal/%f.partial %p'"
	echo "recovery_target_action = promote"
	# Also when it is empty: the base backup of a server that was recovered has the moment of that time.
	echo "recovery_target_time = '$UNTIL'"
} >> "$PGDATA/postgresql.auto.conf"
touch "$PGDATA/recovery.signal"
echo "PostgreSQL will recover from $begun when it starts"
