# Read by the scripts that back up: record_success KIND writes the time for Prometheus, whole or not at all.
record_success() {
	metrics=$BACKUPS/metrics
	mkdir -p "$metrics"
	chmod 755 "$metrics"
	echo "backup_last_success_timestamp_seconds{kind=\"$1\"} $(date +%s)" > "$metrics/.$1.part"
	chmod 644 "$metrics/.$1.part"
	mv "$metrics/.$1.part" "$metrics/$1.prom"
}
