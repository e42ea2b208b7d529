#!/bin/sh
# Copies files with the arguments of rclone, and writes when the copy was complete.
set -eu
rclone "$@"
. "$(dirname "$0")/success.sh"
record_success files
