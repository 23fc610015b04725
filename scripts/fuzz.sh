#!/usr/bin/env bash
# fuzz.sh RUNS [TARGET...]: builds the fuzz targets with coverage and AddressSanitizer and runs each for RUNS inputs.
# Without a target: all, one after the other. New inputs stay in .build/fuzz/corpus; what fails goes to Fuzz/Crashes, where the tests replay it.
# PACK=1 afterwards puts the smallest inputs with the same coverage into Fuzz/Corpus. WORKERS=2 fuzzes with two processes.
set -eu
cd "$(dirname "$0")/.."
runs=$1
shift
swift=$(scripts/swift-path.sh)

runtime=$(find "$(dirname "$(readlink -f "$swift")")/../lib/clang" -name "libclang_rt.fuzzer_no_main-$(uname -m).a" 2>/dev/null | head -n 1)
if [ -z "$runtime" ]; then
    echo "fuzz: this Swift toolchain comes without libFuzzer's runtime (libclang_rt.fuzzer_no_main); install one from swift.org." >&2
    exit 1
fi
runtime=$(readlink -f "$runtime")

# Only the frontend is told of the fuzzer: the driver would link libFuzzer's own main. Assertions stay on.
build=("$swift" build -c release --scratch-path .build/fuzz/build --product FuzzDriver
    -Xswiftc -sanitize=address -Xswiftc -Xfrontend -Xswiftc -sanitize=address,fuzzer -Xswiftc -assert-config -Xswiftc Debug
    -Xcc -fsanitize=address,fuzzer-no-link)
export MYELIN_FUZZ_RUNTIME="$runtime"
scripts/phase.sh "build of the fuzz targets" "${build[@]}"
driver=.build/fuzz/build/release/FuzzDriver

# A trap is libFuzzer's to report, with the input.
export SWIFT_BACKTRACE=enable=no
export ASAN_OPTIONS=detect_leaks=0:malloc_context_size=1:quarantine_size_mb=16
if [ $# -eq 0 ]; then
    mapfile -t targets < <("$driver" --targets)
    set -- "${targets[@]}"
fi
for target in "$@"; do
    corpus=.build/fuzz/corpus/$target
    mkdir -p "$corpus" "Fuzz/Crashes/$target"
    "$driver" --unpack "$target" Fuzz "$corpus"
    echo "fuzz: $target, $runs runs"
    parallel=()
    if [ "${WORKERS:-1}" -gt 1 ]; then parallel=("-jobs=$WORKERS" "-workers=$WORKERS"); fi
    start=$(date +%s)
    "$driver" "$target" -runs="$runs" -max_len="${MAX_LEN:-4096}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="Fuzz/Crashes/$target/" "${parallel[@]}" "$corpus" 2>".build/fuzz/$target.log" || {
        tail -n 40 ".build/fuzz/$target.log" >&2
        echo "fuzz: $target FAILED; the input is in Fuzz/Crashes/$target and fails as a test until its cause is mended" >&2
        exit 1
    }
    echo "fuzz: $target held for $(sed -n 's/^stat::number_of_executed_units: *//p' ".build/fuzz/$target.log" | tail -n 1) runs," \
        "$(($(date +%s) - start)) s, $(grep -o 'cov: [0-9]*' ".build/fuzz/$target.log" | tail -n 1)"
    rmdir --ignore-fail-on-non-empty "Fuzz/Crashes/$target"
    if [ "${PACK:-0}" = 1 ]; then
        merged=.build/fuzz/merged/$target
        rm -rf "$merged"
        mkdir -p "$merged"
        "$driver" "$target" -merge=1 -max_len="${MAX_LEN:-4096}" "$merged" "$corpus" 2>/dev/null
        "$driver" --pack "$target" Fuzz "$merged"
    fi
done
