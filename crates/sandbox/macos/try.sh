#!/bin/sh
# Tries ways out of `worker.sb`, each of which must be refused, and then an edit with the worker in it.
# macOS only: run it after `cargo xtask build`. Ends with 1 where anything got out or the edit failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cache=$(getconf DARWIN_USER_CACHE_DIR)
cache=${cache%/}
failed=0

# As the worker would be held, with another program in its place.
held() {
  /usr/bin/sandbox-exec -D PROGRAM="$1" -D CACHE="$cache" -f "$here/worker.sb" "$@"
}

refused() {
  what=$1
  shift
  if held "$@" >/dev/null 2>&1; then
    echo "OUT      $what"
    failed=1
  else
    echo "refused  $what"
  fi
}

secret=$(mktemp "$HOME/.localcoder-try.XXXXXX")
trap 'rm -f "$secret" "$secret.made"' EXIT
echo secret >"$secret"

refused "reading a file of the user's" /bin/cat "$secret"
refused "making a file" /usr/bin/touch "$secret.made"
refused "writing to a file" /usr/bin/tee "$secret" </dev/null
refused "removing a file" /bin/rm "$secret"
refused "listing the home folder" /bin/ls "$HOME"
refused "a TCP connection" /usr/bin/nc -z -w 2 127.0.0.1 22
refused "a UDP socket" /usr/bin/nc -u -z -w 2 192.0.2.1 53
refused "looking up a name" /usr/bin/dscacheutil -q host -a name example.org
refused "another program" /bin/sh -c /usr/bin/true
refused "a signal to another process" /bin/kill -0 $$

# Metal has to compile its kernels in it, and the model comes as an open file.
folder=$(mktemp -d)
printf 'def f(x):\n    return x == None\n' >"$folder/a.py"
export LOCALCODER_HOME="$folder/home" LOCALCODER_WORKER="$here/worker.sh"
bin="$here/../../../target/debug/localcoder"
if "$bin" improve "$folder/a.py" --lines 1-2 >/dev/null; then
  echo "works    an edit with the worker in it"
else
  echo "FAILED   an edit with the worker in it"
  failed=1
fi
"$bin" host stop >/dev/null 2>&1
rm -rf "$folder"
exit $failed
