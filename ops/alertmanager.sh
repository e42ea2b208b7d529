#!/bin/sh
# Writes Alertmanager's configuration from the variables of .env, and starts it with the arguments.
# An alert must reach somebody: one of ALERT_MAIL_TO and ALERT_WEBHOOK_URL is needed.
set -eu
umask 077
target=${ALERTMANAGER_CONFIG:-/tmp/alertmanager.yml}
quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/'/''/g")"; }
if [ -z "$ALERT_MAIL_TO$ALERT_WEBHOOK_URL" ]; then
	echo "set ALERT_MAIL_TO or ALERT_WEBHOOK_URL in .env: alerts reach nobody" >&2
	exit 1
fi
{
	cat <<-'YAML'
	route:
	  receiver: operators
	  group_by: [alertname]
	  group_wait: 15s
	  group_interval: 2m
	  repeat_interval: 1h
	  routes:
	    - matchers: [severity = ticket]
	      receiver: operators
	      group_wait: 5m
	      repeat_interval: 1d
	receivers:
	  - name: operators
	YAML
	if [ -n "$ALERT_WEBHOOK_URL" ]; then
		echo "    webhook_configs:"
		echo "      - url: $(quoted "$ALERT_WEBHOOK_URL")"
		echo "        send_resolved: true"
	fi
	if [ -n "$ALERT_MAIL_TO" ]; then
		[ -n "$ALERT_MAIL_FROM" ] && [ -n "$ALERT_SMTP" ] || { echo "ALERT_MAIL_TO needs ALERT_MAIL_FROM and ALERT_SMTP" >&2; exit 1; }
		echo "    email_configs:"
		echo "      - to: $(quoted "$ALERT_MAIL_TO")"
		echo "        from: $(quoted "$ALERT_MAIL_FROM")"
		echo "        smarthost: $(quoted "$ALERT_SMTP")"
		echo "        require_tls: ${ALERT_SMTP_TLS:-true}"
		echo "        send_resolved: true"
		if [ -n "$ALERT_SMTP_USER" ]; then
			echo "        auth_username: $(quoted "$ALERT_SMTP_USER")"
			echo "        auth_password: $(quoted "$ALERT_SMTP_PASSWORD")"
		fi
	fi
} > "$target"
exec "$@" --config.file="$target"
