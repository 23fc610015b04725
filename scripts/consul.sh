#!/usr/bin/env bash
# consul.sh DIRECTORY: gets Consul, the tests' real counterpart, into DIRECTORY/consul. Debian 12 has no package of it, Debian 11 had one: it
# comes from the mirror that this system uses already, checked by Debian's key, and the system's own packages stay as they are.
set -eu
mkdir -p "$1"
directory=$(cd "$1" && pwd)
release=bullseye
program="$directory/consul/usr/bin/consul"
[ ! -x "$program" ] || exit 0
[ ! -x /usr/bin/consul ] || exit 0

fail() {
    echo "Consul could not be had ($*): its tests will say so." >&2
    exit 0
}

# The mirror of the system's own suite, in either form of apt's sources.
mirror=$(apt-get indextargets --format '$(SITE) $(CODENAME)' 'Created-By: Packages' 2>/dev/null |
    awk '$1 ~ /\/debian\/?$/ { print $1; exit }')
[ -n "$mirror" ] || fail "apt names no mirror of Debian"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keyring" ] || fail "$keyring is missing"

apt=$directory/consul-apt
rm -rf "$apt"
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
echo "deb [signed-by=$keyring] $mirror $release main" >"$apt/sources.list"
options=(-qq -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$apt/lists"
    -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)

echo "Getting Consul from Debian's release $release into $directory/consul."
apt-get "${options[@]}" update || fail "the lists of $release cannot be read"
(cd "$apt" && apt-get "${options[@]}" download consul) || fail "no package in $release"
mkdir -p "$directory/consul"
dpkg-deb -x "$apt"/consul_*.deb "$directory/consul" || fail "the package cannot be unpacked"
rm -rf "$apt"
"$program" version | head -n 1
