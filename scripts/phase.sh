#!/usr/bin/env bash
# phase.sh NAME COMMAND...   runs the command, prints how long it took, remembers it for the summary.
# phase.sh --summary         prints the times of all phases since the last summary, and forgets them.
set -u
record=".build/phases"
mkdir -p .build

if [ "${1:-}" = "--summary" ]; then
    if [ -s "$record" ]; then
        echo
        echo "Time per phase:"
        awk -F'\t' '{printf "  %6d s  %s\n", $1, $2; total += $1} END {printf "  %6d s  in all\n", total}' "$record"
    fi
    rm -f "$record"
    exit 0
fi

name=$1
shift
echo "== $name"
start=$(date +%s)
"$@"
status=$?
took=$(($(date +%s) - start))
printf '%d\t%s\n' "$took" "$name" >>"$record"
if [ $status -eq 0 ]; then
    echo "== $name: ${took} s"
else
    echo "== $name: FAILED with status $status after ${took} s" >&2
fi
exit $status
