#!/usr/bin/env bash
# Prints where `swift` is: on the PATH, or in the places where installers put it (sudo often loses the PATH).
set -eu
if command -v swift >/dev/null 2>&1; then
    command -v swift
    exit
fi
for candidate in /opt/swift/usr/bin/swift /usr/local/swift/usr/bin/swift "${HOME:-/root}/.local/share/swiftly/bin/swift" /usr/libexec/swift/bin/swift; do
    if [ -x "$candidate" ]; then
        echo "$candidate"
        exit
    fi
done
echo swift
