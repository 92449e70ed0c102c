"""Simulator: a memory that learns while it reads, and what the recipe's settings change about it."""

import time

import controls
import curves
import extras
import gallery_panel
import header
import links
import parts
import runs
import shelf
import sources
import streamlit as st
import tape
import tell
from texts import say

from titans_mini.errors import ConfigError

PARTS = {"text": "tape", "player": "player", "formula": "formula"}  # panel -> part of the tape's component
AHEAD = 0.03  # seconds by which new pictures are sent ahead: a browser draws what arrives within 0.01 s in one go


def main() -> None:
    hidden, other = links.open_link(), runs.pinned()
    top, reading, below, picture = (st.container(key=name) for name in ("top", "reading", "below", "picture"))
    early = _early()
    if early is not None:
        _show_pictures(early, other, hidden, reading, picture)
    with st.sidebar:
        settings, source, note = sources.show(hidden, controls.MAIN, controls.MORE, ("more", "lead"))
    with top:
        parts.title(note)
        st.caption(say("simulator_lead"))
        run = shelf.last_good("last_run", lambda: runs.get_run(settings, source), "bad_settings")
        run = run or runs.get_run(controls.DEFAULT, sources.STORY)
        header.show_banner(run)
        sources.show_cut(run.source, run.trace.settings.tokens)
    links.keep()
    if early is None:
        _show_pictures(run, other, hidden, reading, picture)
    elif early is not run:  # a control took its value from the link, as after the browser's Back
        st.session_state.late = True
        st.rerun()
    token = tape.place(run, links.values()["token"])  # another page may open with these
    st.session_state.carried = {"source": run.source, "token": token, "settings": run.trace.settings}
    with reading:
        tell.show_card(hidden)
    with below:
        header.show(run, other, hidden)
        if "gallery" not in hidden:
            gallery_panel.show(run.trace.settings, run.source)
    extras.show(run, other, hidden)


def _early() -> runs.Run | None:
    """The run that the controls ask for, before they are drawn, so that its pictures go first; None where only they
    can tell."""
    if st.session_state.pop("late", False) or st.session_state.get("opened") != links.SIMULATOR.name:
        return None
    hidden = links.hidden()
    values = {name: controls.held(control, hidden) for name, control in controls.CONTROLS.items()}
    try:
        source = sources.without_text(values["stream"])
        return source and runs.get_run(controls.to_settings(values, source.scenario), source)
    except ConfigError:
        return None


def _show_pictures(run: runs.Run, other: runs.Run | None, hidden: frozenset[str], reading, picture) -> None:
    """The curves, with run A or a milder run than one that diverged, and the tape, which has followed a slider already.

    The browser gets the time to draw new ones before it gets the rest of the page.
    """
    if "chart" not in hidden:
        behind = other or run.cause
        with picture:
            curves.show(run.trace, behind and behind.trace)
    if "tape" not in hidden:
        with reading:
            hide = tuple(part for name, part in PARTS.items() if name in hidden)
            tape.show(run, other, links.values()["token"], _leave, hide=hide)
    if st.session_state.get("drawn") is not run:
        st.session_state.drawn = run
        time.sleep(AHEAD)


def _leave(token: int) -> None:
    """The visitor opens another page at this token, which only the browser knew."""
    state = st.session_state
    state.token = state.kept[links.SIMULATOR.name]["token"] = state.carried["token"] = token


main()
