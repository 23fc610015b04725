#!/usr/bin/env bash
# setup.sh PURPOSE: installs the Debian packages that are missing for it and checks what cannot be installed.
# PURPOSE: build, test, demo, bench, deb, systemd, lint or all. Whatever is wrong is said in one sentence.
set -eu
purpose=${1:-all}
cd "$(dirname "$0")/.."

minimum_swift_major=6
minimum_swift_minor=1
minimum_kernel_major=6
minimum_kernel_minor=1

fail() {
    echo "setup: $*" >&2
    exit 1
}

# Package and what it is for, per purpose.
build_packages="
git|Swift's package manager fetches dependencies with it
make|runs the targets
libssl-dev|TLS in the data path
libnghttp2-dev|HTTP/2 of the tunnels
libbpf-dev|loads the kernel programs
libelf-dev|libbpf reads object files with it
zlib1g-dev|libelf needs it
linux-libc-dev|kernel headers for the kernel programs
"
run_packages="
iproute2|network namespaces and routes of the laboratory
procps|process figures
curl|an unmodified client
nginx-light|an unmodified server
python3|an unmodified client and server
openssl|certificates for tests and peers
tcpdump|shows what travels between the nodes
"
test_packages="
nodejs|an unmodified server
gunicorn|an unmodified server
redis-server|where nodes count global limits
etcd-server|a store that the registry reads
etcd-client|writes records into etcd as an operator would
dnsmasq-base|a DNS server that the registry asks
python3-venv|Envoy, gRPC and WebSocket for the tests come from PyPI
wrk|an unmodified client
nghttp2-client|an unmodified client (h2load)
nghttp2-server|an unmodified server (nghttpd)
bind9-dnsutils|an unmodified resolver (dig)
dnsmasq-base|an unmodified name server
unbound|an unmodified name server
"
bench_packages="
haproxy|a proxy to compare with
wrk|sends HTTP requests
nghttp2-client|sends HTTP/2 requests (h2load)
nghttp2-server|answers HTTP/2 requests (nghttpd)
linux-perf|counts user instructions, where the processor lets it
libnginx-mod-stream|nginx as a TCP proxy to compare with
python3-venv|Envoy to compare with comes from PyPI
util-linux|taskset pins processes to cores
etcd-server|a store that the registry reads
etcd-client|writes records into etcd as an operator would
"
deb_packages="
dpkg-dev|makes the package and finds what it depends on
binutils|strips the programs
lintian|looks the package over
"
systemd_packages="
systemd-container|boots machines with systemd (nspawn)
debootstrap|makes their Debian
util-linux|enters them
"
lint_packages="
clang-format|style of the C files
"

packages() {
    case "$1" in
    build) echo "$build_packages" ;;
    lint) echo "$build_packages$lint_packages" ;;
    demo) echo "$build_packages$run_packages" ;;
    test) echo "$build_packages$run_packages$test_packages" ;;
    deb) echo "$build_packages$deb_packages" ;;
    systemd) echo "$build_packages$run_packages$deb_packages$systemd_packages" ;;
    bench) echo "$build_packages$run_packages$bench_packages" ;;
    all) echo "$build_packages$run_packages$test_packages$bench_packages$lint_packages$deb_packages$systemd_packages" ;;
    *) fail "unknown purpose '$1'; one of build, test, demo, bench, deb, systemd, lint, all." ;;
    esac
}

is_installed() {
    dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

install_missing() {
    local missing=() name why root=()
    command -v dpkg-query >/dev/null 2>&1 ||
        fail "this is not a Debian system (no dpkg): install the equivalents of the packages listed in scripts/setup.sh yourself."
    while IFS='|' read -r name why; do
        [ -n "$name" ] || continue
        if ! is_installed "$name"; then
            echo "setup: $name is missing ($why)"
            missing+=("$name")
        fi
    done < <(packages "$purpose" | sort -u)
    [ ${#missing[@]} -gt 0 ] || return 0

    command -v apt-get >/dev/null 2>&1 || fail "there is no apt-get to install the missing packages with: ${missing[*]}."
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || fail "installing packages needs root: run \`sudo apt-get install ${missing[*]}\`, then this again."
        root=(sudo)
    fi
    echo "setup: installing ${missing[*]} with apt-get"
    local marker=/usr/sbin/policy-rc.d placed=no
    # Debian starts a server as soon as its package is installed; here they are only clients of the tests.
    if [ ! -e "$marker" ]; then
        printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$marker" >/dev/null
        "${root[@]}" chmod +x "$marker"
        placed=yes
    fi
    local status=0
    "${root[@]}" apt-get update -qq || echo "setup: apt-get update failed; trying with the lists that are there" >&2
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || status=$?
    [ "$placed" = no ] || "${root[@]}" rm -f "$marker"
    [ $status -eq 0 ] || fail "apt-get could not install ${missing[*]} (status $status)."
}

check_swift() {
    local swift version major minor
    swift=$(scripts/swift-path.sh)
    command -v "$swift" >/dev/null 2>&1 ||
        fail "no Swift toolchain found: install Swift $minimum_swift_major.$minimum_swift_minor or newer from https://swift.org/install and put it on the PATH."
    version=$("$swift" --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
    major=${version%%.*}
    minor=${version#*.}
    if [ -z "$version" ] || [ "$major" -lt $minimum_swift_major ] ||
        { [ "$major" -eq $minimum_swift_major ] && [ "$minor" -lt $minimum_swift_minor ]; }; then
        fail "Swift ${version:-of unknown version} is too old: $minimum_swift_major.$minimum_swift_minor or newer is needed."
    fi
}

# Swift's clang compiles the kernel programs, if it knows the target; else Debian's has to.
check_clang() {
    local clang
    clang=$(command -v clang || echo "$(dirname "$(readlink -f "$(command -v "$(scripts/swift-path.sh)")")")/clang")
    if ! echo 'int a;' | "$clang" -target bpf -x c -c -o /dev/null - 2>/dev/null; then
        build_packages="$build_packages
clang|compiles the kernel programs"
        install_missing
    fi
}

# What running the kernel programs needs: prints the first thing that is missing, nothing if all is there.
check_kernel() {
    local release major minor
    release=$(uname -r)
    major=${release%%.*}
    minor=${release#*.}
    minor=${minor%%[!0-9]*}
    if [ "$major" -lt $minimum_kernel_major ] || { [ "$major" -eq $minimum_kernel_major ] && [ "$minor" -lt $minimum_kernel_minor ]; }; then
        echo "Linux $release is too old: $minimum_kernel_major.$minimum_kernel_minor or newer is needed."
        return
    fi
    if [ ! -r /sys/kernel/btf/vmlinux ]; then
        echo "this kernel has no BTF (/sys/kernel/btf/vmlinux): one built with CONFIG_DEBUG_INFO_BTF is needed."
        return
    fi
    if [ "$(id -u)" -ne 0 ]; then
        echo "capturing traffic needs root: run it with sudo."
        return
    fi
    if ! grep -q ' cgroup2 ' /proc/mounts && ! { mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified; } 2>/dev/null; then
        echo "there is no cgroup v2 and none can be mounted: boot with systemd.unified_cgroup_hierarchy=1."
        return
    fi
    if ! grep -q ' /sys/fs/bpf bpf ' /proc/mounts && ! mount -t bpf bpf /sys/fs/bpf 2>/dev/null; then
        echo "there is no bpffs and none can be mounted at /sys/fs/bpf: the kernel needs CONFIG_BPF_SYSCALL."
        return
    fi
}

install_missing
check_swift
check_clang
case "$purpose" in
demo | bench | systemd | all)
    problem=$(check_kernel)
    [ -z "$problem" ] || fail "$problem"
    ;;
test)
    problem=$(check_kernel)
    if [ -n "$problem" ]; then
        [ "${CI:-}" != "true" ] || fail "$problem"
        echo "setup: node tests will be skipped: $problem"
    fi
    ;;
esac
