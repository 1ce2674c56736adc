#!/bin/sh
# Starts the worker beside this script's repository, or the one that WORKER names, with what
# `worker.sb` leaves to it. To use it: export LOCALCODER_WORKER=/path/to/this/script. macOS only, and
# not run yet by those who wrote it; ./try.sh tells whether it holds.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
worker=${WORKER:-$here/../../../target/debug/localcoder-worker}
worker=$(cd "$(dirname "$worker")" && pwd)/$(basename "$worker")
cache=$(getconf DARWIN_USER_CACHE_DIR)
exec /usr/bin/sandbox-exec -D PROGRAM="$worker" -D CACHE="${cache%/}" -f "$here/worker.sb" "$worker"
