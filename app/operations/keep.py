"""Below the drill: memories kept under a name, the current one in 8 and 4 bits, and downloads."""

import importlib.util
from functools import partial

import links
import parts
import streamlit as st
from controls import keep_in_link
from texts import plain, say

from operations.controls import MEMORIES
from operations.desk import MAX_KEPT, Desk
from titans_course.studies.drill import Drill
from titans_course.studies.rounding import Rounded, rounded
from titans_mini.operate import to_prometheus

MEASURED = 500  # bytes
FILE = "titans_mini_memory.safetensors"


def show(desk: Desk, hidden: frozenset[str]) -> None:
    """The panels that the link does not hide."""
    sessions, rounding = partial(_sessions, desk, hidden), partial(_rounding, desk)
    parts.beside({"sessions": (1, sessions), "rounding": (1, rounding)}, hidden)
    if "downloads" not in hidden:
        _downloads(desk)


def _sessions(desk: Desk, hidden: frozenset[str]) -> None:
    parts.heading("sessions")
    with st.container(horizontal=True, vertical_alignment="bottom", key="keep_row"):
        name = st.text_input(say("keep_name"), "my-memory", max_chars=64, key="keep_name", help=say("keep_name?"),
                             persist_state="session")  # fmt: skip
        parts.button(
            "keep_memory", desk.attempt, desk.keep, name, icon="save", help=say("keep_memory?", count=MAX_KEPT)
        )
    kept = desk.kept()
    _compare_with_link(desk, hidden)
    if desk.lost:
        st.warning(say("memories_gone", names=plain(", ".join(desk.lost))))
    if not kept:
        st.caption(say("nothing_kept"))
    for name in kept:
        with parts.row(f"kept_{name}"):
            st.markdown(f"**{plain(name)}**")
            st.space("stretch")
            parts.button("resume", desk.attempt, desk.resume, name, key=f"resume_{name}")
            parts.button("forget_it", desk.attempt, desk.forget, name, key=f"forget_{name}")
    file = st.file_uploader(say("memory_file"), key="memory_file", help=say("memory_file?"), max_upload_size=2)
    if file is not None:
        parts.button("resume_file", desk.attempt, desk.from_file, file.getvalue(), help=say("resume?"))


def _compare_with_link(desk: Desk, hidden: frozenset[str]) -> None:
    """The link names the kept memories: if it names others, their server or session has ended in the meantime."""
    named, kept = links.values()["memories"], desk.names()
    if gone := [name for name in named if name not in kept and name not in desk.forgotten]:
        desk.lost = gone
    if named != tuple(kept):
        st.session_state["memories"] = tuple(kept)
    if "memories" not in hidden:
        keep_in_link("memories", MEMORIES.spell(kept))


def _rounding(desk: Desk) -> None:
    parts.heading("rounding")
    drill = desk.drill
    parts.button("round", desk.attempt, _measure, desk, icon="compress")
    if desk.rounding is None:
        table = _rounded(drill) if desk.played else _at_opening(desk.wanted, drill)
        desk.rounding = drill.read, table
    token, table = desk.rounding
    language = drill.runner.engine.predicts
    first = table[0]
    rows = [
        {
            "weights": say(f"weights={row.weights}"), "size": f"{row.bytes / 1000:.1f} kB",
            "share": f"{row.bytes / first.bytes:.0%}", "score": f"{row.score:.3f}",
            "change": f"{row.score - first.score:+.4f}",
        }
        for row in table
    ]  # fmt: skip
    columns = {name: say(f"rounded={name}") for name in ("weights", "size", "share", "change")}
    columns["score"] = say("rounded=bits" if language else "rounded=recall")
    parts.table(rows, "rounded", columns)
    st.caption(say("rounded_bits" if language else "rounded_recall", token=token, count=MEASURED))


def _measure(desk: Desk) -> None:
    """Callback: makes the table for the current memory."""
    desk.rounding = desk.drill.read, _rounded(desk.drill)


def _rounded(drill: Drill) -> list[Rounded]:
    runner, read = drill.runner, drill.read
    ids = drill.ahead(MEASURED) if runner.engine.predicts else drill.stream[max(0, read - MEASURED) : read]
    return rounded(runner.engine, runner.state, ids)


@st.cache_data(show_spinner=False, max_entries=32)
def _at_opening(wanted: tuple, _drill: Drill) -> list[Rounded]:
    """The table for the memory that the page opens with: once for all visitors with these settings."""
    return _rounded(_drill)


def _downloads(desk: Desk) -> None:
    drill = desk.drill
    files = {
        "json_lines": ("events.jsonl", "application/jsonl", lambda: _json_lines(desk)),
        "prometheus": ("metrics.txt", "text/plain", lambda: to_prometheus(drill.runner.monitor)),
        "memory_now": (FILE, "application/octet-stream", desk.to_file),
    }
    if importlib.util.find_spec("prometheus_client") is None:
        del files["prometheus"]
    with parts.row("drill_downloads"):
        parts.downloads(files, note="link_played" if desk.played else "link")
        if "prometheus" not in files:
            st.caption(say("no_prometheus"))


def _json_lines(desk: Desk) -> str:
    return "".join(event._replace(cause=desk.words(event.cause)).to_json() + "\n" for event in desk.drill.events)
