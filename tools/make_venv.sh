#!/bin/sh
# Makes a virtual environment, or keeps the one that stands there whole: make_venv.sh PYTHON FOLDER.
# FOLDER.unfinished marks a set-up under way; the Makefile removes it at the end, so what it still marks is made anew.
set -eu
python=$1
venv=$2

# Without its pyvenv.cfg a venv's python is the machine's own, and pip would install there.
if [ ! -e "$venv.unfinished" ] && "$venv/bin/python" -c \
    'import sys, pip; sys.exit(sys.prefix == sys.base_prefix)' 2>/dev/null; then
    touch "$venv.unfinished"
    exit 0
fi
if [ ! -e "$venv.unfinished" ] && [ ! -e "$venv/pyvenv.cfg" ] && [ -n "$(ls -A "$venv" 2>/dev/null)" ]; then
    echo "titans_mini: VENV=$venv holds files and is no virtual environment: name another folder" >&2
    exit 1
fi
touch "$venv.unfinished"
"$python" -m venv --clear "$venv"
