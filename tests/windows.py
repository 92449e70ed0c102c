"""Windows as this project meets it, in a process on another system: `pretend()` before the project is imported.

The project's own modules then get an `os`, `signal`, `socket`, `sys` and `time` without what Windows lacks, and no
modules of POSIX. Libraries keep the real ones, since they choose by themselves. For everybody, a file that is open is
neither renamed, replaced nor deleted, and no file gets a name that Windows refuses.

It cannot show what only the real system knows: drives and backslashes, names that differ only in case, rights, the
speed of starting a process, and the builds of the libraries.
"""

import builtins
import errno
import inspect
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path
from types import ModuleType

HOUSES = {"titans_mini", "titans_course", "operations", "benchmarks"}
ABSENT = {"resource", "fcntl", "pwd", "grp", "termios", "tty", "pty", "posix", "syslog", "readline", "curses", "triton"}
LACKING = {
    "os": """fork killpg getpgid setpgid setsid getsid getuid geteuid getgid getegid uname sysconf confstr pathconf
        sched_getaffinity sched_yield getloadavg nice mkfifo mknod chown fchmod lchown statvfs wait WNOHANG O_NONBLOCK
        O_NOFOLLOW O_DIRECTORY O_CLOEXEC O_SYNC openpty ttyname posix_spawn pread pwrite sendfile sync getpriority""",
    "signal": """SIGKILL SIGHUP SIGALRM SIGUSR1 SIGUSR2 SIGPIPE SIGCHLD SIGQUIT SIGTSTP SIGCONT SIGSTOP SIGWINCH alarm
        setitimer getitimer ITIMER_REAL pause pthread_kill pthread_sigmask sigwait sigpending siginterrupt""",
    "socket": "AF_UNIX SO_REUSEPORT",
    "sys": "abiflags",
    "time": "tzset clock_gettime CLOCK_MONOTONIC CLOCK_REALTIME",
}
TICK = 1 / 64  # seconds between two values of most clocks
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}


def ticking(clock):
    """A clock that stands still between its ticks."""
    return lambda: clock() // TICK * TICK


def open_file(path, flags, mode=0o777, **more):
    """`os.open`, which opens no folder there."""
    if os.path.isdir(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))
    return os.open(path, flags, mode, **more)


OTHER = {
    "os": {"name": "nt", "linesep": "\r\n", "O_BINARY": 0, "open": open_file},
    "signal": {"SIGBREAK": signal.SIGUSR2, "CTRL_C_EVENT": 0, "CTRL_BREAK_EVENT": 1},
    "socket": {"SO_EXCLUSIVEADDRUSE": socket.SO_REUSEADDR},
    "sys": {"platform": "win32"},
    "time": {name: ticking(getattr(time, name)) for name in ("monotonic", "process_time", "time")},
}
NEEDS_POSIX = re.compile(
    r"mkfifo|\.symlink|/dev/(zero|full)|\.chmod\(|send_signal|process\.terminate|killed\.format|os\.fork|RLIMIT|/bin/"
)
MODULES = {"os": os, "signal": signal, "socket": socket, "sys": sys, "time": time}


class Stranger(ModuleType):
    """A module with some names taken away and some replaced; all else is that of the real one."""

    def __getattr__(self, name):
        other = OTHER[self.__name__]
        if name in LACKING[self.__name__].split():
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} on Windows")
        return other[name] if name in other else getattr(MODULES[self.__name__], name)

    def __setattr__(self, name, value):
        setattr(MODULES[self.__name__], name, value)

    def __dir__(self):
        return [name for name in dir(MODULES[self.__name__]) if name not in LACKING[self.__name__].split()]


def refuse(path: str) -> None:
    """Raises what Windows raises for a new file or folder of this name."""
    name = os.path.basename(os.fsdecode(path))
    if set(name) & set('<>:"|?*\\') or name != name.rstrip(". ") or name.partition(".")[0].lower() in RESERVED:
        raise OSError(errno.EINVAL, "The filename, directory name, or volume label syntax is incorrect", path)


def held(path, folder: int) -> bool:
    """Whether this process has the file open, also as memory. `folder`: of a relative path, -1 for the current one."""
    base = f"/proc/self/fd/{folder}" if folder != -1 else "."
    place = os.path.join(os.path.realpath(base), os.fsdecode(path))
    descriptors = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    mapped = Path("/proc/self/maps").read_text("utf-8", "replace").splitlines()
    files = {os.path.realpath(file) for file in descriptors} | {line[73:] for line in mapped}
    return not os.path.isdir(place) and place in files


def watch(event: str, arguments: tuple) -> None:
    """Hears of each file that is opened, renamed or deleted in this process, whoever does it."""
    moved = {"os.rename": [(0, 2), (1, 3)], "os.remove": [(0, 1)]}.get(event, [])
    for path, folder in moved:
        if held(arguments[path], arguments[folder]):
            raise PermissionError(errno.EACCES, "it is being used by another process", os.fsdecode(arguments[path]))
    created = event == "os.mkdir" or (event == "open" and arguments[2] & os.O_CREAT)
    if created and isinstance(arguments[0], str | bytes):
        refuse(arguments[0])


def pretend() -> None:
    """From now on the project is on Windows."""
    strangers, load = {name: Stranger(name) for name in MODULES}, builtins.__import__

    def imported(name, globals=None, locals=None, fromlist=(), level=0):
        if level == 0 and globals and str(globals.get("__name__")).partition(".")[0] in HOUSES:
            top = name.partition(".")[0]
            if top in ABSENT:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            if name in strangers:
                return strangers[name]
        return load(name, globals, locals, fromlist, level)

    builtins.__import__ = imported
    sys.addaudithook(watch)


def skip_posix(items: list, system: str) -> None:
    """Skips, visibly, the tests of pipes with names, links, rights, devices and signals where the system lacks them."""
    import pytest  # here, since what pretends needs none

    for item in items:
        if system != "posix" and NEEDS_POSIX.search(inspect.getsource(item.function)):
            item.add_marker(pytest.mark.skip(reason="this system is not POSIX"))
