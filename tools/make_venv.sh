#!/bin/sh
# Makes a virtual environment, or keeps a complete one that is already there: make_venv.sh PYTHON FOLDER.
# FOLDER.unfinished marks a set-up in progress. The Makefile removes it at the end; an environment still marked is rebuilt.
set -eu
python=$1
venv=$2

# Without pyvenv.cfg, the python in a venv is the machine's own, and pip would install into the machine.
if [ ! -e "$venv.unfinished" ] && "$venv/bin/python" -c \
    'import sys, pip; sys.exit(sys.prefix == sys.base_prefix)' 2>/dev/null; then
    touch "$venv.unfinished"
    exit 0
fi
if [ ! -e "$venv.unfinished" ] && [ ! -e "$venv/pyvenv.cfg" ] && [ -n "$(ls -A "$venv" 2>/dev/null)" ]; then
    echo "titans_mini: VENV=$venv holds files and is not a virtual environment: name another folder" >&2
    exit 1
fi
touch "$venv.unfinished"
"$python" -m venv --clear "$venv"
