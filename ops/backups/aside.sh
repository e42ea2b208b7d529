# Read by the scripts that restore: set_aside moves the log and the base backups of the server before
# this one into BACKUPS/earlier. A new log does not continue an old one: pg_receivewal would ask the
# server for what follows the last file of the folder. While the log of PG_URL is copied they are its own.
set_aside() {
	copied=$(psql --no-psqlrc --tuples-only --no-align --set ON_ERROR_STOP=1 --dbname "$PG_URL" \
		--command "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'backup' AND active")
	[ "$copied" = 0 ] || return 0
	earlier=$BACKUPS/earlier/$(date -u +%Y-%m-%dT%H%M%SZ)
	for each in wal base; do
		if [ -n "$(ls -A "$BACKUPS/$each" 2> /dev/null)" ]; then
			mkdir -p "$earlier"
			mv "$BACKUPS/$each" "$earlier/$each"
			echo "$BACKUPS/$each is now $earlier/$each: make a new base backup"
		fi
	done
}
