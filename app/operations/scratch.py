"""Folders of a server for its visitors, in the system's folder for temporary files, and how they are deleted.

A server that is killed cannot delete them. Each server holds a lock on its own; the system frees it with the process,
and the next server deletes the folders whose lock is free.
"""

import atexit
import contextlib
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX, LOCK = "titans_mini-app-", "server.lock"


def folder() -> Path:
    """A new folder for one visitor, inside that of this process."""
    return Path(tempfile.mkdtemp(prefix="visitor-", dir=_own()[0]))


def clear() -> int:
    """Deletes the folders of this account's servers that no longer run; returns how many there were."""
    gone = 0
    for place in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        with contextlib.suppress(OSError, Timeout):
            mine = not hasattr(os, "getuid") or place.stat().st_uid == os.getuid()
            if place.is_symlink() or not mine or not (place / LOCK).is_file():
                continue
            with FileLock(place / LOCK, timeout=0):
                shutil.rmtree(place, ignore_errors=True)
            shutil.rmtree(place, ignore_errors=True)  # Windows deletes no file that is open, as the lock was
            gone += 1
    return gone


@cache
def _own() -> tuple[Path, FileLock]:
    """The folder of this process with its lock, both until the process ends."""
    while True:
        place = Path(tempfile.mkdtemp(prefix=PREFIX))
        lock = FileLock(place / LOCK)
        lock.acquire()
        if (place / LOCK).exists():  # else another server deleted it as a leftover before it was locked
            break
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    atexit.register(lock.release)  # called first: an open file cannot be deleted on Windows
    return place, lock
