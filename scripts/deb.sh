#!/usr/bin/env bash
# deb.sh VERSION OUTPUT: builds OUTPUT/myelin_VERSION_ARCHITECTURE.deb and looks it over with lintian.
# The programs contain the Swift runtime (-static-stdlib): the package depends on Debian's libraries only.
set -eu
version=$1
output=$2
cd "$(dirname "$0")/.."
swift=$(scripts/swift-path.sh)
# PROGRAMS=DIRECTORY takes programs that were built already.
built=${PROGRAMS:-.build/static/release}

if [ -z "${PROGRAMS:-}" ]; then
    for product in myelind myelinctl; do
        scripts/phase.sh "static $product" "$swift" build -c release --static-swift-stdlib --scratch-path .build/static --product "$product"
    done
fi

architecture=$(dpkg --print-architecture)
maintainer=$(sed -n 's/^Maintainer: //p' packaging/debian/control)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
root="$stage/root"
documents="$root/usr/share/doc/myelin"
install -d -m 0755 "$root/DEBIAN" "$root/usr/sbin" "$root/usr/bin" "$root/usr/lib/myelin" "$root/lib/systemd/system" \
    "$root/etc/logrotate.d" "$documents/examples" "$root/usr/share/lintian/overrides" "$root/usr/share/man/man1" "$root/usr/share/man/man8"

install -m 0755 "$built/myelind" "$root/usr/sbin/"
install -m 0755 "$built/myelinctl" "$root/usr/bin/"
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$root/usr/sbin/myelind" "$root/usr/bin/myelinctl"
# Their BTF is what the kernel checks them by; the rest of the debugging information is not needed.
for object in .build/bpf/*.bpf.o; do
    install -m 0644 "$object" "$root/usr/lib/myelin/"
    strip --strip-debug "$root/usr/lib/myelin/$(basename "$object")" 2>/dev/null || true
done
install -m 0644 systemd/*.service systemd/*.socket systemd/*.slice "$root/lib/systemd/system/"
install -m 0644 packaging/debian/logrotate "$root/etc/logrotate.d/myelin"
install -m 0644 packaging/debian/copyright LICENSES/BSD-2-Clause.txt "$documents/"
install -m 0644 packaging/debian/lintian-overrides "$root/usr/share/lintian/overrides/myelin"
for page in README.md docs/*.md; do gzip -9n <"$page" >"$documents/$(basename "$page").gz"; done
gzip -9n <CHANGELOG.md >"$documents/CHANGELOG.md.gz"
printf 'myelin (%s) unstable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n -- %s  %s\n' "$version" "$maintainer" "$(git log -1 --format=%aD)" |
    gzip -9n >"$documents/changelog.gz"
cp -r systemd/examples/. "$documents/examples/"
for page in packaging/man/*.[18]; do gzip -9n <"$page" >"$root/usr/share/man/man${page##*.}/$(basename "$page").gz"; done

# The libraries that the programs need, as Debian names and versions them.
mkdir "$stage/debian"
printf 'Source: myelin\nPackage: myelin\nArchitecture: any\n' >"$stage/debian/control"
depends=$(cd "$stage" && dpkg-shlibdeps -O -eroot/usr/sbin/myelind -eroot/usr/bin/myelinctl 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[ -n "$depends" ] || {
    echo "deb: dpkg-shlibdeps does not say what the programs depend on." >&2
    exit 1
}

size=$(du -sk --apparent-size "$root" | cut -f 1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@SIZE@/$size/" -e "s/@DEPENDS@/$depends/" \
    packaging/debian/control >"$root/DEBIAN/control"
install -m 0644 packaging/debian/conffiles "$root/DEBIAN/conffiles"
install -m 0755 packaging/debian/postinst packaging/debian/prerm packaging/debian/postrm "$root/DEBIAN/"
(cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
chmod 0644 "$root/DEBIAN/md5sums"
find "$root" -type d -exec chmod 0755 {} +
find "$documents" -type f -exec chmod 0644 {} +

mkdir -p "$output"
package="$output/myelin_${version}_${architecture}.deb"
dpkg-deb --root-owner-group -Zxz -z6 --build "$root" "$package"
lintian --fail-on error --suppress-tags bad-distribution-in-changes-file "$package"
echo "Built $package ($(du -h "$package" | cut -f 1)): $(dpkg-deb -f "$package" Depends)"
