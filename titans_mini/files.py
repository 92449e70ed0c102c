"""Writing results: files that are there whole or not at all, one writer at a time, and one line where that fails."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import filelock

from .errors import ConfigError

PART = ".part"  # ending of a file that is still being written
# What file systems answer that know no flush (CIFS, sshfs and others do not for folders): nothing was lost by it.
NO_FLUSH = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF}


def write_whole(path: str | Path, data: bytes | str) -> None:
    """Replaces the file at `path` in one step, so that it is whole at any moment; text is written as UTF-8.

    The data goes into a new file beside it whose name no other writer has, is flushed to the disk and renamed. Where
    several write at once, one of them wins. Raises OSError where the disk refuses, and then leaves nothing behind.
    """
    path = Path(path)
    temporary = _temporary(path.parent)
    try:
        with temporary.open("xb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            _flush(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if os.name != "nt":  # Windows has no folder to flush
        _flush_folder(path.parent)


def _temporary(folder: Path) -> Path:
    """A name that nobody else uses; it is short, since the final name may have the greatest length allowed."""
    return folder / f".{secrets.token_hex(8)}{PART}"


def _flush(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_FLUSH:
            raise


def _flush_folder(folder: Path) -> None:
    """Makes the rename last through a power cut; a folder that may be written to but not read cannot be flushed."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        _flush(descriptor)
    finally:
        os.close(descriptor)


def clear_parts(folder: Path) -> None:
    """Removes what killed writers left in the folder. Only for a caller that keeps other writers out of it."""
    for part in folder.glob(f"*{PART}"):
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def writing_to(setting: str, path: str | Path) -> Iterator[None]:
    """Turns an OSError within it into the one line of a ConfigError that names the setting and the path."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{setting} {str(path)!r} cannot be written: {error.strerror or error}") from None


@contextlib.contextmanager
def held(lock: str | Path, busy: str, wait: float = 0.0) -> Iterator[None]:
    """Holds the lock file `lock`, made if need be; ConfigError with the line `busy` if another has it for `wait` s.

    The system frees the lock when its process ends, however it ends. Raises OSError where no file can be made.
    """
    file = filelock.FileLock(lock, timeout=wait)
    try:
        file.acquire()
    except filelock.Timeout:
        raise ConfigError(busy) from None
    try:
        yield
    finally:
        file.release()
