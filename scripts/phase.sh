#!/usr/bin/env bash
# phase.sh NAME COMMAND...   runs the command, prints how long it took, remembers it for the summary.
# phase.sh --summary         prints the times of all phases since the last summary with what failed in them, and forgets them.
set -uo pipefail
record=".build/phases"
failures=".build/failures"
mkdir -p .build

if [ "${1:-}" = "--summary" ]; then
    if [ -s "$record" ]; then
        echo
        echo "Time per phase:"
        awk -F'\t' '{printf "  %6d s  %s\n", $1, $2; total += $1} END {printf "  %6d s  in all\n", total}' "$record"
    fi
    if [ -s "$failures" ]; then
        echo
        echo "What failed:"
        cat "$failures"
    fi
    rm -f "$record" "$failures"
    exit 0
fi

name=$1
shift
log=".build/phase-${name// /-}.log"
echo "== $name"
start=$(date +%s)
"$@" 2>&1 | tee "$log"
status=$?
took=$(($(date +%s) - start))
printf '%d\t%s\n' "$took" "$name" >>"$record"
if [ $status -eq 0 ]; then
    echo "== $name: ${took} s"
else
    echo "== $name: FAILED with status $status after ${took} s" >&2
    # What a reader of a long log looks for: the tests that failed with their reasons, and errors of compilers and scripts.
    { echo "  $name:" && grep -A3 -E '✘|: error:|^error:|^FAILED:' "$log" | head -60; } >>"$failures"
fi
exit $status
