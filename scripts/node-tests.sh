#!/usr/bin/env bash
# node-tests.sh CONFIGURATION FILTER: runs the tests that need root and the kernel, one by one.
# Without root they are skipped, and it says so; with CI=true that is a failure.
set -eu
configuration=$1
filter=$2
swift=$(scripts/swift-path.sh)
command=("$swift" test -c "$configuration" --skip-build --disable-xctest --no-parallel --filter "$filter")

# The kernel programs that `make bpf` built.
export MYELIN_OBJECTS="$PWD/.build/bpf"

if [ "$(id -u)" -eq 0 ]; then
    # Descriptors for the tests with thousands of connections.
    ulimit -n 65536 2>/dev/null || true
    exec "${command[@]}"
fi
if sudo -n true 2>/dev/null; then
    exec sudo --preserve-env=PATH,HOME,CI,MYELIN_OBJECTS "${command[@]}"
fi
if [ "${CI:-}" = "true" ]; then
    echo "The node tests need root, and there is none: in CI that is a failure." >&2
    exit 1
fi
echo "SKIPPED: the node tests need root (run \`sudo make test\`, or allow sudo without a password)."
