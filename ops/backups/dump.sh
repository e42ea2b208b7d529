#!/bin/sh
# Writes a dump of the database PG_URL into BACKUPS/dumps, named by the time (UTC) at which it began.
# An interrupted dump leaves no file of that name. Dumps older than BACKUP_DAYS are deleted.
set -eu
umask 077
folder=$BACKUPS/dumps
name=$(date -u +%Y-%m-%dT%H%M%SZ)
mkdir -p "$folder"
pg_dump --dbname "$PG_URL" --format custom --no-owner --file "$folder/.$name.part"
pg_restore --list "$folder/.$name.part" > /dev/null
sync "$folder/.$name.part"
mv "$folder/.$name.part" "$folder/$name.dump"
find "$folder" -name '*.dump' -mtime "+$BACKUP_DAYS" -delete
find "$folder" -name '.*.part' -mtime +1 -delete
. "$(dirname "$0")/success.sh"
record_success database
echo "$folder/$name.dump: $(wc -c < "$folder/$name.dump") bytes"
