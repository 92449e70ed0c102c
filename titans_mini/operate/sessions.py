"""Sessions: a user's memory under a name, kept from one process to the next. Built on snapshots.

Folder, user and name give the place. Its lock is held while a session is open, so that a second writer waits and
continues from what the first one kept. Recipe: section 6 (memory across sessions).
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ..errors import ConfigError, check_number
from ..files import entries, held, reason, refusing
from ..kept import SnapshotError
from ..messages import Message
from .engine import Engine
from .snapshots import Snapshots, check_name

KEPT = "kept"  # the name of a session's snapshot


class Session:
    """An open session: read `state` and put the new one back; it is kept when the session closes without an error."""

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots
        try:
            self.state, self.fresh = snapshots.load(snapshots.find(KEPT)), False
        except SnapshotError:
            if snapshots.list():
                raise
            self.state, self.fresh = snapshots.engine.start(), True

    def keep(self) -> None:
        """Writes the state now."""
        self._snapshots.save(self.state, name=KEPT, cause="session")


class Sessions:
    """All sessions of an engine below `folder`."""

    def __init__(self, folder: str | Path, engine: Engine, *, wait: float = 10.0) -> None:
        self.folder, self.engine = Path(folder), engine
        self.wait = check_number("wait", wait, 0.0, 86_400.0)  # seconds for another writer

    @contextlib.contextmanager
    def open(self, user: str, name: str) -> Iterator[Session]:
        """One session, for one writer at a time; new if there is none.

        Raises ConfigError for an unsafe name, a session that somebody else holds, or a kept state that is damaged or
        belongs to another model.
        """
        place = self._place(user, name)
        what = Message("session {name} of user {user}", name=repr(name), user=repr(user))
        text = "{session} is in use by another writer; waited {seconds} s"
        busy = ConfigError(text, session=what, seconds=f"{self.wait:g}")
        with contextlib.ExitStack() as stack:
            with refusing("{session} cannot be opened: {reason}", session=what):
                place.mkdir(parents=True, exist_ok=True)
                stack.enter_context(held(place / ".session.lock", busy, self.wait))
            session = Session(Snapshots(place, self.engine, wait=self.wait))
            yield session
            session.keep()

    def list(self, user: str) -> list[str]:
        """The names of a user's sessions."""
        folder = self.folder / check_name("user", user)
        with refusing("sessions of {user} cannot be listed: {reason}", user=repr(user)):
            return sorted(path.name for path in entries(folder) if path.is_dir())

    def _place(self, user: str, name: str) -> Path:
        place = self.folder / check_name("user", user) / check_name("session", name)
        try:
            inside = place.resolve().is_relative_to(self.folder.resolve())
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
            text = "session {name} cannot be opened: {reason}"
            raise ConfigError(text, name=repr(name), reason=reason(error)) from None
        if not inside:
            text = "session {name} lies outside of {folder}"
            raise ConfigError(text, name=repr(name), folder=repr(str(self.folder)))
        return place
