"""One row measured in a separate process, for callers that must stay responsive and may cancel."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from titans_mini.errors import ConfigError, check_choice
from titans_mini.messages import Message

from .finding import SIZES
from .report import Result
from .table import CLAIMS

BEAT = 0.2  # seconds between two calls of `beat`


def measure_apart(key: str, size: str = "small", *, beat: Callable[[float], None] = lambda seconds: None) -> Result:
    """`titans-mini claims --only KEY`, read back. `beat` gets the seconds so far; an exception from it ends it.

    No file is written. Raises ConfigError with the last line of output if the measurement fails.
    """
    check_choice("key", key, CLAIMS)
    check_choice("size", size, SIZES)
    command = [sys.executable, "-X", "utf8", "-m", "titans_mini", "claims", "--only", key, "--size", size]
    command += ["--json", "--quiet"]
    began = time.monotonic()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    with subprocess.Popen(command, start_new_session=True, **pipes) as process:
        try:
            out, said = _wait(process, began, beat)
        finally:
            if process.poll() is None:
                _end(process)
    if process.returncode:
        reason = (said.strip().splitlines() or [Message("no message")])[-1]
        raise ConfigError("{row} was not measured: {reason}", row=key, reason=reason)
    return Result.from_dict(key, json.loads(out)[key])


def _wait(process: subprocess.Popen, began: float, beat: Callable[[float], None]) -> tuple[str, str]:
    while True:
        beat(time.monotonic() - began)
        try:
            return process.communicate(timeout=BEAT)
        except subprocess.TimeoutExpired:
            continue


def _end(process: subprocess.Popen) -> None:
    """Ends the process, and where the system has process groups also those that it started."""
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
