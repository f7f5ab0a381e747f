#!/usr/bin/env bash
# What the Makefile needs from the system. As root on Debian and Ubuntu it installs what is missing;
# otherwise it says exactly what to install.
set -euo pipefail

have() { command -v "$1" >/dev/null 2>&1; }

# install PACKAGE...: Debian packages, or a sentence.
install() {
    if [ "$(id -u)" = 0 ] && have apt-get; then
        echo "Installing $* (Debian packages) ..."
        export DEBIAN_FRONTEND=noninteractive
        apt-get -qq update >/dev/null
        apt-get -qq install -y --no-install-recommends "$@" >/dev/null
    else
        echo "Missing: $*. Install with: sudo apt-get install $*" >&2
        return 1
    fi
}

venv() {
    local python=$1 folder=$2
    have "$python" || install python3
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        echo "Weighbridge needs Python 3.11 or newer; $python is $("$python" -V 2>&1)." >&2
        echo "Choose another with: make PYTHON=python3.12 ..." >&2
        return 1
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null || install python3-venv
    # llama.cpp's shared library needs OpenMP's run time.
    ldconfig -p 2>/dev/null | grep -q libgomp.so.1 || install libgomp1
    "$python" -m venv "$folder"
    # --group came with pip 25.1.
    "$folder/bin/python" -m pip install -q --disable-pip-version-check 'pip>=25.1'
}

chromium() {
    have chromium || install chromium || echo "Without chromium the browser tests are skipped." >&2
}

postgres() {
    # Debian keeps the server's programs off the path, a folder per version.
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || have initdb || install postgresql ||
        echo "Without PostgreSQL the tests of a shared ledger are skipped." >&2
}

sandbox() {
    have bwrap || install bubblewrap ||
        echo "Without bubblewrap no code is evaluated, and the tests of the sandbox are skipped." >&2
}

"$@"
