"""Where the stream comes from: the story, a scenario, or the visitor's own text, which stays in the session."""

import hashlib
from dataclasses import dataclass

import controls
import links
import parts
import streamlit as st
from texts import option, plain, quoted, say

from titans_course.playground import TEXT
from titans_mini import SimulationConfig
from titans_mini.config import SCENARIO_NAMES
from titans_mini.data import check_text
from titans_mini.errors import ConfigError

OWN = ("paste", "upload")  # streams of a visitor's own text
MAX_PASTE = 20_000  # characters; a run reads 10,000 bytes at most
MAX_NAME = 60  # characters of a file's name in a message, so that the problem still fits on the line


@dataclass(frozen=True)
class Source:
    """A stream to run over, by its name among the choices: `text` is None where a scenario makes its own."""

    stream: str = "text"
    text: str | None = None
    file: str | None = None
    digest: str = ""  # of the text
    size: int = 0  # bytes of the text

    @property
    def scenario(self) -> str:
        """The scenario of the run: a given text takes the place of the bundled one."""
        return self.stream if self.stream in SCENARIO_NAMES else "text"

    @property
    def own(self) -> bool:
        """Whether the text is the visitor's own, so that no link can hold it."""
        return self.stream in OWN

    @property
    def name(self) -> str:
        """The source in words, as Markdown."""
        if self.file is not None:
            return say("source=upload", name=plain(self.file, MAX_NAME))
        if self.stream in ("story", "paste", "text"):
            return say(f"source={self.stream}")
        return say("source=scenario", name=option("stream", self.stream))


def show(
    hidden: frozenset[str], main: tuple[controls.Control, ...], more: tuple[controls.Control, ...], words: tuple
) -> tuple[SimulationConfig, Source, str | None]:
    """Draws the controls of a run; its settings, its source, and a line if the source is not the one asked for.

    `more` is folded; `words` are the keys of its title and, where there is one, of a line above the main controls.
    """
    title, *lead = words
    gate = controls.show(controls.GATE, hidden, lambda name: say(f"gate={name}"))
    stream = controls.show(controls.STREAM, hidden)
    if "stream" not in hidden:
        st.caption(say(f"stream={stream}"))
    source, note = choose(stream)
    for key in lead:
        st.markdown(say(key))
    values = controls.show_all(main, hidden, controls.UNUSED.get(gate, ())) | {"gate": gate}
    parts.reset_buttons()
    values |= controls.show_folded(title, more, hidden)
    return controls.to_settings(values, source.scenario), source, note


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
            note = say("lost_text") if _lost(new) else None
    except ConfigError as error:
        note = say("bad_source", error=quoted(error), name=last.name)
        if error.message.template.startswith("{name} is not UTF-8"):
            note += " " + say("save_utf8")
    return last, note


def _lost(source: Source) -> bool:
    """Whether the page was opened by the link to a text of one's own, which no link holds."""
    page = st.session_state.page
    first = st.session_state.get("first", {}).get(page.name, {"stream": source.stream})
    opened = "stream" in page.controls and first.get("stream") == "paste"
    return opened and source.stream == "paste" and source.text == say("sample")


def without_text(stream: str) -> Source | None:
    """The source of a stream that needs no text from the visitor; None for one that does."""
    if stream in OWN:
        return None
    return STORY if stream == "story" else Source(stream)


def show_cut(source: Source, tokens: int) -> None:
    """A line if only the first `tokens` bytes of a visitor's own text are read, with a button to read more."""
    if source.own and source.size > tokens:
        with parts.row("cut"):
            st.markdown(say("cut", read=tokens, all=source.size), width="content")
            if tokens < controls.MAX_TOKENS:
                more = min(source.size, controls.MAX_TOKENS)
                parts.button("cut_more", links.put, {"tokens": more}, label=say("cut_more", count=more))


def _read(stream: str) -> Source | None:
    if stream == "paste":
        given = st.text_area(
            say("paste"), say("sample"), height=120, key="paste", help=say("paste?"), persist_state="session",
        )  # fmt: skip
        if len(given or "") > MAX_PASTE:  # a limit of the text area itself would silently drop the text
            raise ConfigError(say("paste_long", most=MAX_PASTE, count=len(given)))
        return _with_text("paste", check_text(given or "", name=say("source=paste")))
    if stream == "upload":
        file = st.file_uploader(say("upload"), key="upload", help=say("upload?"), max_upload_size=10)
        return None if file is None else _uploaded(file)
    return without_text(stream)


def _uploaded(file) -> Source:
    """The source of an uploaded file, decoded once."""
    kept = st.session_state.get("uploaded")
    if kept is None or kept[0] != file.file_id:
        text = check_text(file.getvalue(), name=say("file", name=repr(file.name[:MAX_NAME])))
        kept = st.session_state.uploaded = (file.file_id, _with_text("upload", text, file.name))
    return kept[1]


def _with_text(stream: str, text: str, file: str | None = None) -> Source:
    data = text.encode()
    return Source(stream, text, file, hashlib.sha256(data).hexdigest(), len(data))


STORY = _with_text("story", TEXT)
