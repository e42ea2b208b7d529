#!/bin/sh
# Waits until the server PG_URL has recovered, however long that takes, and shows how far it is. Then
# the log and the base backups that it recovered from are set aside.
set -eu
state() {
	psql --no-psqlrc --tuples-only --no-align --dbname "$PG_URL" --command "
		SELECT CASE WHEN pg_is_in_recovery()
			THEN 'recovering: at ' || coalesce(pg_last_wal_replay_lsn()::text, 'the beginning of the log')
				|| ', last commit ' || coalesce(pg_last_xact_replay_timestamp()::text, 'of the base backup')
			ELSE 'recovered' END" 2>&1 || true
}
before=
while now=$(state) && [ "$now" != recovered ]; do
	# Before it has read what the base backup needs, it refuses connections.
	if [ "$now" != "$before" ]; then echo "$now"; fi
	before=$now
	sleep "${POLL_SECONDS:-5}"
done
echo recovered
. "$(dirname "$0")/aside.sh"
set_aside
