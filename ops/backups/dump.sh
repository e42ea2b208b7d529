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
mkdir -p "$BACKUPS/metrics"
chmod 755 "$BACKUPS/metrics"
echo "backup_last_success_timestamp_seconds{kind=\"database\"} $(date +%s)" > "$BACKUPS/metrics/.database.part"
chmod 644 "$BACKUPS/metrics/.database.part"
mv "$BACKUPS/metrics/.database.part" "$BACKUPS/metrics/database.prom"
echo "$folder/$name.dump: $(wc -c < "$folder/$name.dump") bytes"
