"""Sessions: a user's memory under a name, kept from one process to the next. Built on snapshots.

Folder, user and name give the place; a lock of that place is held while a session is open, so that a second writer
waits and goes on from what the first one kept. Recipe: section 6 (memory across sessions).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import filelock

from ..errors import ConfigError, check_number
from ..kept import SnapshotError
from .engine import Engine
from .snapshots import Snapshots, check_name

KEPT = "kept"  # the name under which a session's state stands in its folder


class Session:
    """An open session: read `state`, put the new one back, and it is kept when the session closes without an error."""

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots
        try:
            self.state, self.fresh = snapshots.load(snapshots.find(KEPT)), False
        except SnapshotError:
            if snapshots.list():
                raise
            self.state, self.fresh = snapshots.engine.start(), True

    def keep(self) -> None:
        """Writes the state down now."""
        self._snapshots.save(self.state, name=KEPT, cause="session")


class Sessions:
    """All sessions of an engine below `folder`."""

    def __init__(self, folder: str | Path, engine: Engine, *, wait: float = 10.0) -> None:
        self.folder, self.engine = Path(folder), engine
        self.wait = check_number("wait", wait, 0.0, 86_400.0)  # seconds for another writer

    @contextlib.contextmanager
    def open(self, user: str, name: str) -> Iterator[Session]:
        """One session, for one writer at a time; new where there is none.

        Raises ConfigError for an unsafe name, a session that somebody else holds, or a kept state that is damaged or
        of another model.
        """
        place = self._place(user, name)
        lock = self._lock(place, f"session {name!r} of user {user!r}")
        try:
            session = Session(Snapshots(place, self.engine, wait=self.wait))
            yield session
            session.keep()
        finally:
            lock.release()

    def list(self, user: str) -> list[str]:
        """The names of a user's sessions."""
        folder = self.folder / check_name("user", user)
        try:
            return sorted(path.name for path in folder.iterdir() if path.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise ConfigError(f"sessions of {user!r} cannot be listed: {error.strerror}") from None

    def _place(self, user: str, name: str) -> Path:
        place = self.folder / check_name("user", user) / check_name("session", name)
        try:
            inside = place.resolve().is_relative_to(self.folder.resolve())
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
            raise ConfigError(f"session {name!r} cannot be opened: {getattr(error, 'strerror', error)}") from None
        if not inside:
            raise ConfigError(f"session {name!r} lies outside of {str(self.folder)!r}")
        return place

    def _lock(self, place: Path, what: str) -> filelock.BaseFileLock:
        try:
            place.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(place / ".session.lock", timeout=self.wait)
            lock.acquire()
            return lock
        except filelock.Timeout:
            raise ConfigError(f"{what} is in use by another writer; waited {self.wait:g} s") from None
        except OSError as error:
            raise ConfigError(f"{what} cannot be opened: {error.strerror or error}") from None
