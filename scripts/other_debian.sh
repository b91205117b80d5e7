#!/usr/bin/env bash
# Runs a command in a fresh clone of this checkout inside a bare Debian of another release: other Python, other NumPy, other ngspice. Needs root.
#
#     scripts/other_debian.sh trixie ./scripts/test.sh
#     scripts/other_debian.sh sid 'python3 --version; ./scripts/test.sh tests/engines'
#     SPICESNN_NGSPICE=46 scripts/other_debian.sh bookworm ./scripts/test.sh
#
# RELEASE is any suite of the mirror that this system's own apt uses (bookworm, trixie, sid). The root is made once by debootstrap (40 s) in
# $SPICESNN_ROOTS (/tmp/spicesnn-roots); what is committed here is cloned into it, so commit first. SPICESNN_NGSPICE=46 takes ngspice from
# RELEASE-backports. The exit code is the command's.
set -euo pipefail

[ $# -ge 2 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '$d'; exit 2; }
[ "$(id -u)" = 0 ] || { echo "other_debian.sh needs root (debootstrap and chroot)" >&2; exit 2; }
release=$1; shift
project="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
root="${SPICESNN_ROOTS:-/tmp/spicesnn-roots}/$release${SPICESNN_NGSPICE:+-ngspice$SPICESNN_NGSPICE}"

mkdir -p "$(dirname "$root")"
exec 9>"$root.lock"
flock -n 9 || { echo "$root is in use; waiting for it" >&2; flock 9; }  # whoever ends first would take the folders from the other

mirror="$(grep -rhE '^(URIs:|deb )' /etc/apt/sources.list /etc/apt/sources.list.d/ 2>/dev/null | grep -oE 'https?://[^ ]*/debian/?( |$)' | head -1 | tr -d ' ' || true)"
if [ ! -e "$root/.ready" ]; then
    [ -n "$mirror" ] || { echo "no Debian mirror in /etc/apt: add one, as in 'deb MIRROR bookworm main'" >&2; exit 1; }
    command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq debootstrap; } >/dev/null
    mkdir -p "$root"
    echo "Making a bare $release in $root" >&2
    debootstrap --variant=minbase --include=python3,python3-venv,git,ca-certificates "$release" "$root" "$mirror" >"$root.log" 2>&1 ||
        { tail -3 "$root.log" >&2; exit 1; }
    touch "$root/.ready"
fi

# What the root needs of this machine: devices, and where pip looks on this disk.
pip_folders() {
    python3 -m pip config list 2>/dev/null | grep -oE '/[A-Za-z0-9/._-]+' | sed 's#/simple$##' | while read -r folder; do [ ! -d "$folder" ] || echo "$folder"; done
}
folders="$(printf '%s\n' /proc /sys /dev /dev/pts; pip_folders | sort -u)"
release_folders() {
    tac <<<"$folders" | while read -r folder; do ! mountpoint -q "$root$folder" || umount "$root$folder"; done
}
trap release_folders EXIT
while read -r folder; do
    mkdir -p "$root$folder"
    mountpoint -q "$root$folder" || mount --bind "$folder" "$root$folder"
done <<<"$folders"
cp /etc/resolv.conf "$root/etc/"
[ ! -e /etc/ssl/certs/ca-certificates.crt ] || cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
for file in $( { python3 -m pip config debug 2>/dev/null | grep -oE '/[^,]*pip.conf, exists: True' | cut -d, -f1; python3 -m pip config list 2>/dev/null | grep -oE '/etc/[A-Za-z0-9/._-]+'; } | sort -u); do
    mkdir -p "$root$(dirname "$file")"
    [ ! -f "$file" ] || cp "$file" "$root$file"
done

run() { env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM="${TERM:-xterm}" LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    $(env | grep -E '^(PIP_|SSL_CERT|REQUESTS_CA|http_proxy|https_proxy|HTTP_PROXY|HTTPS_PROXY|no_proxy|NO_PROXY)' | tr '\n' ' ') chroot "$root" bash -c "$1" 9>&-; }

if [ -n "${SPICESNN_NGSPICE:-}" ] && [ ! -e "$root/.backports" ]; then
    echo "deb $mirror $release-backports main" >"$root/etc/apt/sources.list.d/backports.list"
    run "apt-get update -qq && apt-get install -y -qq -t $release-backports ngspice libngspice0" >/dev/null
    touch "$root/.backports"
fi

head="$(git -C "$project" rev-parse HEAD)"
if [ "$(git -C "$root/root/spicesnn" rev-parse HEAD 2>/dev/null || true)" != "$head" ]; then
    if [ -d "$root/root/spicesnn/.git" ]; then
        git -C "$root/root/spicesnn" fetch -q "$project" HEAD && git -C "$root/root/spicesnn" reset -q --hard FETCH_HEAD
    else
        git clone -q "$project" "$root/root/spicesnn"
    fi
fi
run "cd /root/spicesnn && $*"
