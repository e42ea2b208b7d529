#!/bin/sh
# Writes METRICS_TOKEN into the file that ops/prometheus.yml names, and starts Prometheus with the
# arguments. Compose gives a service with a read-only file system no secret out of a variable.
set -eu
umask 077
target=${METRICS_TOKEN_FILE:-/tmp/metrics_token}
if [ -z "$METRICS_TOKEN" ]; then
	echo "set METRICS_TOKEN in .env: the site shows its metrics to nobody without it" >&2
	exit 1
fi
printf %s "$METRICS_TOKEN" > "$target"
exec "$@"
