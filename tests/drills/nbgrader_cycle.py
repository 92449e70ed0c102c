"""Runs commands of the real nbgrader one after the other, in one process, which saves its slow start.

Standard input: a JSON list of [folder, [argument, ...]]. Standard output, last line: the list of exit codes.
"""

import json
import os
import sys

from nbgrader.apps.nbgraderapp import NbGraderApp


def run(folder: str, arguments: list[str]) -> int:
    """`nbgrader ARGUMENTS` from a folder, as the command line does it."""
    os.chdir(folder)
    sys.argv = ["nbgrader", *arguments]
    NbGraderApp.clear_instance()
    try:
        NbGraderApp.launch_instance(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        if NbGraderApp.initialized():
            subapp = NbGraderApp.instance().subapp
            type(subapp).clear_instance()
        NbGraderApp.clear_instance()
    return 0


codes = [run(folder, arguments) for folder, arguments in json.load(sys.stdin)]
print(json.dumps(codes))
