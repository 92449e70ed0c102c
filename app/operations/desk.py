"""One session's drill, with its engine and its folder; no other session can see it.

The folder is made for the session, holds a bounded number of files, and is deleted with the session.
"""

import shutil
import weakref
from collections.abc import Callable

import streamlit as st
import weights
from texts import quoted, say

from operations import controls as own
from operations import scratch
from titans_course.studies.drill import Drill, DrillConfig
from titans_mini.errors import ConfigError
from titans_mini.kept import decode_state, encode_state
from titans_mini.messages import Message
from titans_mini.operate import LanguageEngine, RecipeEngine, Sessions, fingerprint
from titans_mini.operate.snapshots import FILE

OPENING = 2000  # tokens that are read when a drill is set up
MAX_KEPT = 8  # memories under a name
USER = "visitor"  # the folder itself belongs to one session
KEY = "operations_desk"


class Desk:
    """What one session works with."""

    def __init__(self) -> None:
        self.folder = scratch.folder()
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.note: str | None = None  # why the last click failed
        self.rounding: tuple | None = None  # token and rows of the last measurement
        self.lost: list[str] = []  # memories that the link names but that are gone
        self.forgotten: set[str] = set()
        self.wanted: tuple = None, None  # the engine and the drill that the controls ask for
        self.engine: LanguageEngine | RecipeEngine
        self.drill: Drill

    def set_up(self, name: str, config: DrillConfig, trained: weights.Weights | None) -> None:
        """Rebuilds engine and drill if the settings ask for others."""
        before, self.wanted = self.wanted, ((name, trained and trained.key), config)
        if self.wanted[0] != before[0]:  # an engine logs what it reads, so sessions do not share one
            self.engine = RecipeEngine() if trained is None else LanguageEngine(trained.lm)
            self.place = self.folder / name  # of its memories
        if self.wanted != before:
            self.restart(config)

    def restart(self, config: DrillConfig | None = None) -> None:
        """The same drill, or another one, from its first token."""
        config = config or self.drill.config
        place = self.folder / "snapshots"
        shutil.rmtree(place, ignore_errors=True)
        self.drill = Drill(self.engine, config, place)
        self.drill.advance(OPENING)
        self.opened = self.drill.read
        self.note = self.rounding = None
        self.play(False)

    def play(self, playing: bool) -> None:
        """Callback: plays or pauses the drill; one that is done begins again."""
        if playing and self.drill.done:
            self.restart()
        st.session_state.drill_playing = playing

    @property
    def played(self) -> bool:
        """Whether more is read than the page reads by itself."""
        return self.drill.read > self.opened or st.session_state.drill_playing

    @property
    def sessions(self) -> Sessions:
        """The memories of this engine that this session keeps."""
        return Sessions(self.place, self.engine, wait=1.0)

    def kept(self) -> list[str]:
        """Names of the memories kept."""
        return self.sessions.list(USER)

    def names(self) -> list[str]:
        """Names of the memories kept, whatever their engine."""
        return sorted({path.name for path in self.folder.glob(f"*/{USER}/*") if path.is_dir()})

    def keep(self, name: str) -> None:
        """Keeps the memory under a name. Raises ConfigError."""
        if name not in (kept := self.kept()) and len(kept) >= MAX_KEPT:
            raise ConfigError(say("too_many", count=MAX_KEPT))
        with self.sessions.open(USER, name) as session:
            session.state = self.drill.runner.state
        self.forgotten.discard(name)
        self.lost = [lost for lost in self.lost if lost != name]

    def resume(self, name: str) -> None:
        """Continues with the memory kept under a name. Raises ConfigError, also where it is gone."""
        if name not in self.kept():
            raise ConfigError(say("memories_gone", names=name))
        with self.sessions.open(USER, name) as session:
            state = session.state
        self.drill.take_over(state, Message("session {name} resumed", name=name))

    def forget(self, name: str) -> None:
        """Deletes the memory kept under a name."""
        self.forgotten.add(name)
        if name in self.kept():
            shutil.rmtree(self.place / USER / name, ignore_errors=True)

    def to_file(self) -> bytes:
        """The current memory as a snapshot file."""
        return encode_state(self.drill.runner.state, fingerprint(self.engine), cause="session")

    def from_file(self, data: bytes) -> None:
        """Continues with the memory in a snapshot file. Raises ConfigError for one that cannot be used."""
        state, _ = decode_state(data, self.engine.start(), fingerprint(self.engine))
        try:
            self.engine.read(self.drill.ahead(40), state)
        except (RuntimeError, ValueError, IndexError, ArithmeticError):
            raise ConfigError(say("bad_file")) from None
        self.drill.take_over(state, Message("a file resumed"))

    def words(self, text: object) -> object:
        """A message without the place of the session's folder, and with snapshots by their numbers."""
        place = str(self.folder)
        if isinstance(text, Message):
            fields = {name: self.words(value) for name, value in text.fields.items()}
            return Message(text.template.replace(place, "…"), **fields)
        if not isinstance(text, str):
            return text
        snapshot = FILE.fullmatch(text)
        return Message("snapshot {number}", number=int(snapshot[1])) if snapshot else text.replace(place, "…")

    def attempt(self, action: Callable, *arguments) -> None:
        """Callback: runs the action; if it fails, keeps one line that says why."""
        self.note = None
        try:
            action(*arguments)
        except ConfigError as error:
            self.note = quoted(self.words(error.message))


def open_desk(name: str, config: DrillConfig) -> Desk | None:
    """The session's desk with this drill; None, and a line on the page, where the trained weights are missing."""
    trained = weights.find("conv", "mag") if name == own.ENGINES[0] else None
    if trained is None and name == own.ENGINES[0]:
        return None
    if KEY not in st.session_state:
        st.session_state[KEY] = Desk()
    desk: Desk = st.session_state[KEY]
    desk.set_up(name, config, trained)
    return desk
