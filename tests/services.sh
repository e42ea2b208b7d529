#!/usr/bin/env bash
# The fault tests run RabbitMQ nodes of their own, so its programs must be on this machine.
# PostgreSQL, Redis and the S3 server come from wheels when no service answers.
set -euo pipefail
if [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || command -v rabbitmq-server >/dev/null; then
    exit 0
fi
echo "RabbitMQ is not installed; installing it from the system's packages…" >&2
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq rabbitmq-server >/dev/null
