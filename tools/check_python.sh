#!/bin/sh
# Prints the Python to make the virtual environment with, or one line on stderr that says what to install.
# Usage: check_python.sh [INTERPRETER]; without an argument the usual names are tried in turn.

fail() {
    echo "titans_mini: $1, then run make again" >&2
    exit 1
}

[ -n "${1:-}" ] || set -- python3.11 python3.12 python3.13 python3.14 python3
names=$*
old=
bare=
for python do
    # A version manager's shim can be on the path and still not run, so each name is run, not only looked up.
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        old="$python is Python $version"
    elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        bare=$python
    else
        printf '%s\n' "$python"
        exit 0
    fi
done

case ${bare##*/} in
    '') ;;
    python3*) fail "$bare lacks venv: install it (Debian, Ubuntu: sudo apt install ${bare##*/}-venv)" ;;
    *) fail "$bare lacks venv: install it (Debian, Ubuntu: sudo apt install python3-venv)" ;;
esac
[ -z "$old" ] || fail "$old, 3.11 or newer is needed: install it (Debian, Ubuntu: sudo apt install python3.11 python3.11-venv; others: https://www.python.org/downloads)"
fail "no Python runs as $names: install 3.11 or newer (Debian, Ubuntu: sudo apt install python3 python3-venv; others: https://www.python.org/downloads)"
