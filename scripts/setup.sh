#!/usr/bin/env bash
# Makes .venv in the checkout with spicesnn and its development tools, and ngspice where it may be installed. Safe to run again: it does only what is missing.
# Sets for the scripts that source it: PYTHON (of the environment), ENGINE (ngspice, or nodal where there is no ngspice).
# SPICESNN_PYTHON chooses the interpreter the environment is made with.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT"
PYTHON="$ROOT/.venv/bin/python"

say() { printf '%s\n' "$*" >&2; }

new_enough() { "$1" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    local candidate
    for candidate in ${SPICESNN_PYTHON:+"$SPICESNN_PYTHON"} python3.13 python3.12 python3.11 python3 python; do
        if command -v "$candidate" >/dev/null 2>&1 && new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    say "No Python 3.11 or newer (with its venv module) was found. Install one (Debian: apt install python3 python3-venv), or set SPICESNN_PYTHON."
    return 1
}

make_environment() {
    local stamp=".venv/.spicesnn-setup" wanted
    wanted="$(cksum <pyproject.toml) $ROOT"
    if [ -x "$PYTHON" ] && [ "$(cat "$stamp" 2>/dev/null || true)" = "$wanted" ] && "$PYTHON" -c 'import spicesnn' 2>/dev/null; then
        return
    fi
    if ! new_enough "$PYTHON"; then
        local base
        base="$(find_python)"
        say "Making .venv with $base"
        "$base" -m venv --clear .venv
    fi
    say "Installing spicesnn and its tools into .venv (once; a minute or two)"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check -e '.[dev]'
    printf '%s' "$wanted" >"$stamp"
}

have_ngspice() {
    "$PYTHON" -c 'from spicesnn.engines.ngspice.library import find; find()' >/dev/null 2>&1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

install_ngspice() {
    if command -v apt-get >/dev/null 2>&1; then
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq ngspice libngspice0 ||
            { as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq ngspice libngspice0; }
    elif command -v dnf >/dev/null 2>&1; then
        as_root dnf install -y -q ngspice libngspice
    elif command -v brew >/dev/null 2>&1; then
        brew install --quiet libngspice ngspice
    else
        return 1
    fi
}

make_environment
ENGINE=ngspice
if ! have_ngspice; then
    if [ -z "${SPICESNN_LIBNGSPICE:-}" ]; then
        say "Installing ngspice"
        install_ngspice >/dev/null 2>&1 || true
    fi
    if ! have_ngspice; then
        ENGINE=nodal
        say "No ngspice, and it may not be installed from here. Going on with the nodal engine alone."
        say "To have it: apt install ngspice libngspice0 (Debian, Ubuntu), dnf install ngspice libngspice (Fedora), brew install libngspice (macOS)."
    fi
fi
export PYTHON ENGINE
