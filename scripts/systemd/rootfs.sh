#!/usr/bin/env bash
# rootfs.sh DIRECTORY: a small Debian with systemd in DIRECTORY, made once with debootstrap: what `make systemd-test` boots.
set -eu
directory=$1
packages="systemd,systemd-sysv,dbus,init-system-helpers,iproute2,procps,curl,nginx-light,python3,logrotate,hostname,etcd-server,etcd-client"
# What the package of Myelin depends on: it is installed with dpkg, without a network.
packages="$packages,libbpf1,libelf1,libnghttp2-14,libssl3,libstdc++6,zlib1g"
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
mirror=$(sed -n 's/^URIs: *\(http[^ ]*\/debian\)\/\{0,1\}$/\1/p; s/^deb \(\[[^]]*\] \)\{0,1\}\(http[^ ]*\/debian\)\/\{0,1\} .*/\2/p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)
marker="$directory/.complete"
stamp="$suite $packages"
[ "$(cat "$marker" 2>/dev/null)" != "$stamp" ] || exit 0
rm -rf "$directory"
mkdir -p "$directory"
echo "Making a Debian $suite in $directory, about 300 MB."
if ! debootstrap --variant=minbase --include="$packages" "$suite" "$directory" ${mirror:+"$mirror"} >"$directory.log" 2>&1; then
    tail -n 20 "$directory.log" >&2
    rm -rf "$directory"
    echo "rootfs: debootstrap failed; its output is in $directory.log" >&2
    exit 1
fi
# Nothing starts by itself but what the test starts, and units of a machine that the container is not.
for unit in nginx.service etcd.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer; do
    rm -f "$directory"/etc/systemd/system/*.wants/"$unit"
done
# The machine is named by who boots it.
rm -f "$directory/etc/hostname"
rm -rf "$directory"/var/cache/apt/archives/*.deb "$directory"/var/lib/apt/lists/*
echo "$stamp" >"$marker"
