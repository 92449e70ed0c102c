"""Reading regular files, writing files atomically, locking them, and one clear line where any of that fails."""

import contextlib
import errno
import json
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import filelock

from .errors import ConfigError
from .messages import Message

PART = ".part"  # ending of a file that is still being written
# What file systems answer that cannot flush (CIFS, sshfs and others cannot flush folders): nothing is lost by it.
NO_FLUSH = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF}

TRIES, PAUSE = (10, 0.05) if os.name == "nt" else (1, 0.0)  # how often `patiently` tries, and seconds between two tries


def patiently(action: Callable[[], object]) -> object:
    """Calls it again for half a second where that is refused. On Windows no file is renamed or deleted that another
    program has open, such as a reader or a virus scanner, and none is opened while it is renamed."""
    for _ in range(TRIES - 1):
        try:
            return action()
        except PermissionError:
            time.sleep(PAUSE)
    return action()


def open_regular(path: str | Path) -> BinaryIO:
    """Opens a file for reading. OSError for a folder, FIFO, socket or device: these may never answer or never end."""
    try:
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        descriptor = patiently(lambda: os.open(path, flags))
    except ValueError as error:  # a name with a NUL or a lone surrogate
        raise OSError(errno.EINVAL, str(error), str(path)) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_bytes(path: str | Path) -> bytes:
    """The content of a regular file. OSError if it cannot be read or is larger than the memory."""
    with open_regular(path) as file:
        try:
            return file.read()
        except MemoryError:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), str(path)) from None


def entries(folder: Path) -> list[Path]:
    """What lies in a folder; nothing if there is no such folder. OSError if it cannot be read."""
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def parse(text: str | bytes) -> object:
    """The content of a JSON text. ValueError if it is none or is nested too deeply to be read."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None


def write_whole(path: str | Path, data: bytes | str) -> None:
    """Replaces the file at `path` atomically, so that it is whole at any moment; text is written as UTF-8.

    The data goes into a new file beside it, under a name that no other writer has, is flushed to the disk and renamed.
    If several write at once, one of them wins. Raises OSError if the disk refuses, and then leaves nothing behind.
    """
    path = Path(path)
    # The temporary name is short, since the final one may have the greatest length allowed.
    temporary = path.parent / f".{secrets.token_hex(8)}{PART}"
    try:
        with temporary.open("xb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            _flush(file.fileno())
        patiently(lambda: os.replace(temporary, path))
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if os.name != "nt":  # Windows has no folder to flush
        _flush_folder(path.parent)


def _flush(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_FLUSH:
            raise


def _flush_folder(folder: Path) -> None:
    """Makes the rename survive a power cut; a folder that may be written to but not read cannot be flushed."""
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


def reason(error: Exception) -> str:
    """Why a file cannot be used: the system's own words as a Message, or the Message or text of any other error."""
    if isinstance(error, OSError):
        return Message(error.strerror or str(error))
    return error.args[0] if error.args and isinstance(error.args[0], Message) else str(error)


@contextlib.contextmanager
def refusing(template: str, kind: type[ConfigError] = ConfigError, **fields: object) -> Iterator[None]:
    """Turns an OSError inside it into a ConfigError of this template, whose field `reason` says what went wrong."""
    try:
        yield
    except OSError as error:
        raise kind(template, **fields, reason=reason(error)) from None


def writing_to(setting: str, path: str | Path) -> contextlib.AbstractContextManager:
    """Turns an OSError inside it into a ConfigError that names the setting and the path."""
    text = "{setting} {path} cannot be written: {reason}"
    return refusing(text, setting=Message(setting), path=repr(str(path)))


@contextlib.contextmanager
def held(lock: str | Path, busy: ConfigError, wait: float = 0.0) -> Iterator[None]:
    """Holds the lock file `lock`, created if need be; raises `busy` if another holds it for `wait` seconds.

    The system frees the lock when its process ends, however it ends. Raises OSError if no file can be created.
    """
    file = filelock.FileLock(lock, timeout=wait)
    try:
        file.acquire()
    except filelock.Timeout:
        raise busy from None
    try:
        yield
    finally:
        file.release()


@contextlib.contextmanager
def owned(folder: Path, lock: str, work: str) -> Iterator[None]:
    """Creates the folder `out` of a command and locks it; ConfigError if another `work` of its kind is using it."""
    busy = ConfigError("out {path} is in use by another {work}", path=repr(str(folder)), work=Message(work))
    with contextlib.ExitStack() as stack:
        with writing_to("out", folder):
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(held(folder / lock, busy))
        yield
