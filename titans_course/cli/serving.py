"""`titans-mini app` and `titans-mini lab`: local servers for the browser.

The app is reachable only from this machine unless `--address` says otherwise. Mistakes (a port in use, an address
that this machine does not have) end in one line before anything is loaded.
"""

import argparse
import errno
import importlib.util
import os
import runpy
import signal
import socket
import subprocess
import sys
from pathlib import Path

from titans_mini.cli.flags import add_command
from titans_mini.errors import ConfigError, check_integer
from titans_mini.files import reason
from titans_mini.language import VARIABLE, say, wanted
from titans_mini.messages import Message

from ..language import choose
from .lessons import CHINESE, copy_lessons
from .shipped import ROOT, find

WORKING = "my_lessons"  # folder of a learner's copies
ALL_ADDRESSES, LOOPBACK = ("0.0.0.0", "::"), ("127.0.0.1", "::1")


def add_app(commands) -> None:
    """Adds `titans-mini app`."""
    command = _add(commands, "app", _app, "open the simulator in the browser")
    text = "address to answer on; default 127.0.0.1, this machine only; 0.0.0.0: all its networks"
    command.add_argument("--address", default=None, help=text)


def add_lab(commands) -> None:
    """Adds `titans-mini lab`."""
    command = _add(
        commands, "lab", _lab, "copy the lessons into a folder, without outputs, and open them in JupyterLab"
    )
    text = Message("folder of your copies, default {folder}; files in it are not overwritten", folder=WORKING)
    command.add_argument("--folder", type=Path, default=Path(WORKING), help=text)
    command.add_argument("--language", help="language of lessons and panels: en or zh (default: that of this help)")


def _add(commands, name: str, run, text: str) -> argparse.ArgumentParser:
    command = add_command(commands, name, run, text)
    command.add_argument("--port", type=int, default=None, help="port of the local server, 1..65535")
    command.add_argument("--no-browser", action="store_true", help="do not open a browser window")
    return command


def _app(options: argparse.Namespace) -> int:
    port = _port(options)
    _require("streamlit", "app")
    command = ["streamlit", "run", str(find("app/server.py"))]
    command += ["--server.headless", str(options.no_browser).lower()]
    address = options.address or os.environ.get("STREAMLIT_SERVER_ADDRESS", "127.0.0.1")
    _check_free(address, port or 0)  # without a requested port, Streamlit looks for a free one
    if options.address is not None:
        command.append(f"--server.address={address}")
        if address not in (*ALL_ADDRESSES, *LOOPBACK):
            command.append(f"--browser.serverAddress={address}")  # what is printed and opened
    if port is not None:
        command.append(f"--server.port={port}")
    return _serve(command)


def _serve(command: list[str]) -> int:
    """Runs Streamlit in this process."""
    os.chdir(ROOT)  # where Streamlit looks for its settings
    signal.signal(signal.SIGTERM, lambda *_: None)  # the server has shut down cleanly before this is called
    sys.argv = command
    try:
        runpy.run_module("streamlit", run_name="__main__")
    except SystemExit as end:
        return end.code or 0
    return 0


def _lab(options: argparse.Namespace) -> int:
    port, language = _port(options), choose(options.language or wanted())
    _require("jupyterlab", "notebooks")
    command = [sys.executable, "-m", "jupyterlab"]
    command += ["--no-browser"] if options.no_browser else []
    if getattr(os, "geteuid", lambda: 1)() == 0:
        command.append("--allow-root")  # in a container, Jupyter would refuse
    if port is not None:
        _check_free("127.0.0.1", port)
        command.append(f"--ServerApp.port={port}")
    folder = _working_copies(options.folder)
    if language == CHINESE:
        command.append(f"--LabApp.default_url=/lab/tree/{CHINESE}/00_tour.ipynb")
    environment = {**os.environ, VARIABLE: language}  # which kernels inherit
    return subprocess.call([*command, f"--ServerApp.root_dir={folder}"], cwd=folder, env=environment)


def _working_copies(folder: Path) -> Path:
    """The lessons in a learner's folder, copied where they are missing."""
    try:
        copied = copy_lessons(find("notebooks"), folder.absolute())
    except OSError as error:
        text = "folder must be one that can be written, not {folder}: {reason}"
        raise ConfigError(text, folder=repr(str(folder)), reason=reason(error)) from None
    print(say("{count} lessons copied into {folder}", count=len(copied), folder=folder), flush=True)
    return folder.absolute()


def _port(options: argparse.Namespace) -> int | None:
    return None if options.port is None else check_integer("port", options.port, 1, 65535)


def _check_free(address: str, port: int) -> None:
    """Raises ConfigError if the app cannot listen at this address and port; port 0 stands for any."""
    code = _refusal(address, port)
    if code == errno.EADDRNOTAVAIL:
        text = "address must be one of this machine, such as 127.0.0.1 or 0.0.0.0, not {value}"
        raise ConfigError(text, value=repr(address))
    if code == errno.EACCES:
        raise ConfigError("port must be one that this account may use, such as 1024 to 65535, not {port}", port=port)
    if code is not None:
        text = "port {port} is in use; end the program that uses it, or choose another with --port"
        raise ConfigError(text, port=port)


def _refusal(address: str, port: int) -> int | None:
    """The error number with which the system refuses to listen there; None if it can be used."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as trial:
            if os.name != "nt":  # there the option would also allow a port that is already in use
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((address, port))
            trial.listen(1)
    except socket.gaierror:
        return errno.EADDRNOTAVAIL  # a name that cannot be resolved
    except OSError as error:
        return error.errno
    return None


def _require(module: str, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ConfigError("{name} is not installed; run: pip install 'titans-mini[{extra}]'", name=module, extra=extra)
