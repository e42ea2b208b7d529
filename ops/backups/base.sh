#!/bin/sh
# Writes a base backup of the server PG_URL into BACKUPS/base, where a recovery to a later time begins.
# Base backups older than BACKUP_DAYS are deleted but for the newest, and with them the log before.
# Without the log that begins before it no base backup can be recovered from: wal.sh must have begun.
set -eu
umask 077
ask() { psql --no-psqlrc --tuples-only --no-align --set ON_ERROR_STOP=1 --dbname "$PG_URL" --command "$1"; }
waited=0
while [ "$(ask "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'backup'")" = 0 ]; do
	if [ "$waited" -ge "${WAIT_SECONDS:-30}" ]; then
		echo "nobody copies the log: set COMPOSE_PROFILES=recovery in .env, start the service wal, then repeat this" >&2
		exit 1
	fi
	waited=$((waited + 5))
	sleep 5
done
folder=$BACKUPS/base
name=$(date -u +%Y-%m-%dT%H%M%SZ)
mkdir -p "$folder" "$BACKUPS/wal"
rm -rf "$folder"/.*.part
mkdir "$folder/.$name.part"
touch "$folder/.$name.part/begun"
pg_basebackup --dbname "$PG_URL" --pgdata "$folder/.$name.part/data" --format tar --gzip \
	--wal-method none --checkpoint fast --no-sync
sync "$folder/.$name.part"
mv "$folder/.$name.part" "$folder/$name"
find "$folder" -mindepth 1 -maxdepth 1 ! -name "$name" -mtime "+$BACKUP_DAYS" -exec rm -rf {} +
oldest=$(find "$folder" -mindepth 1 -maxdepth 1 | sort | head -n 1)
find "$BACKUPS/wal" -type f ! -newer "$oldest/begun" -delete
if [ -d "$BACKUPS/earlier" ]; then
	find "$BACKUPS/earlier" -mindepth 1 -maxdepth 1 -mtime "+$BACKUP_DAYS" -exec rm -rf {} +
fi
. "$(dirname "$0")/success.sh"
record_success base
echo "$folder/$name"
