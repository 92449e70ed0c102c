"""Where the stream comes from: a scenario, the bundled text, or the visitor's own text, which stays in the session."""

import hashlib
from dataclasses import dataclass

import controls
import streamlit as st
from texts import option, plain, quoted, say

from titans_mini.data import check_text
from titans_mini.errors import ConfigError

OWN = ("paste", "upload")  # streams of a visitor's own text
MAX_PASTE = 20_000  # characters; a run reads 10,000 bytes at most
MAX_NAME = 60  # characters of a file's name in a message, so that the problem still fits on the line


@dataclass(frozen=True)
class Source:
    """A stream to run over: `text` is None where the scenario makes its own."""

    scenario: str = "text"
    text: str | None = None
    file: str | None = None
    digest: str = ""  # of the text

    @property
    def name(self) -> str:
        """The source in words, as Markdown."""
        if self.file is not None:
            return say("source=upload", name=plain(self.file, MAX_NAME))
        if self.text is not None:
            return say("source=paste")
        if self.scenario == "text":
            return say("source=text")
        return say("source=scenario", name=option("stream", self.scenario))


def show(hidden: frozenset[str]) -> tuple[Source, str | None]:
    """Draws the choice of a stream, unless the link hides it, and what the stream needs; see `choose`."""
    stream = controls.show(controls.STREAM, hidden)
    if "stream" not in hidden:
        st.caption(say(f"stream={stream}"))
    return choose(stream)


def choose(stream: str) -> tuple[Source, str | None]:
    """Draws what the stream needs; the source to use, and a line of Markdown if that is still the previous one."""
    state = st.session_state
    last = state.get("source", Source())
    note = None
    try:
        new = _read(stream)
        if new is None:
            note = say("no_file", name=last.name)
        else:
            state.source = last = new
    except ConfigError as error:
        note = say("bad_source", error=quoted(error), name=last.name)
    return last, note


def without_text(stream: str) -> Source | None:
    """The source of a stream that needs no text from the visitor; None for one that does."""
    return None if stream in OWN else Source(stream)


def _read(stream: str) -> Source | None:
    if stream == "paste":
        given = st.text_area(
            say("paste"), say("sample"), height=120, key="paste", help=say("paste?"), persist_state="session",
        )  # fmt: skip
        if len(given or "") > MAX_PASTE:  # a limit of the text area itself would silently drop the text
            raise ConfigError(say("paste_long", most=MAX_PASTE, count=len(given)))
        return _with_text(check_text(given or "", name=say("source=paste")))
    if stream == "upload":
        file = st.file_uploader(say("upload"), key="upload", help=say("upload?"), max_upload_size=10)
        return None if file is None else _uploaded(file)
    return without_text(stream)


def _uploaded(file) -> Source:
    """The source of an uploaded file, decoded once."""
    kept = st.session_state.get("uploaded")
    if kept is None or kept[0] != file.file_id:
        text = check_text(file.getvalue(), name=say("file", name=repr(file.name[:MAX_NAME])))
        kept = st.session_state.uploaded = (file.file_id, _with_text(text, file.name))
    return kept[1]


def _with_text(text: str, file: str | None = None) -> Source:
    return Source("text", text, file, hashlib.sha256(text.encode()).hexdigest())
