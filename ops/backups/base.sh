#!/bin/sh
# Writes a base backup of the server PG_URL into BACKUPS/base, where a recovery to a later time begins.
# Base backups older than BACKUP_DAYS are deleted but for the newest, and with them the log before.
set -eu
umask 077
folder=$BACKUPS/base
name=$(date -u +%Y-%m-%dT%H%M%SZ)
mkdir -p "$folder"
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
. "$(dirname "$0")/success.sh"
record_success base
echo "$folder/$name"
