#!/usr/bin/env bash
# peers.sh DIRECTORY: gets clients and servers for the node tests from PyPI into a virtual environment below DIRECTORY.
set -eu
directory=$1
packages="grpcio==1.85.3 websockets==17.4 spiffe==0.3.2"
marker="$directory/venv/packages"
mkdir -p "$directory"
if [ -x "$directory/venv/bin/python" ] && [ "$(cat "$marker" 2>/dev/null)" = "$packages" ]; then
    exit 0
fi
echo "Installing $packages from PyPI into $directory/venv: unmodified clients and servers for the node tests."
[ -x "$directory/venv/bin/python" ] || python3 -m venv "$directory/venv"
# shellcheck disable=SC2086
if ! "$directory/venv/bin/pip" install --quiet $packages; then
    echo "They could not be installed from PyPI: the tests that need them will say so." >&2
    exit 0
fi
printf '%s' "$packages" >"$marker"
