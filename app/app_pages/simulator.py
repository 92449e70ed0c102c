"""Simulator: slide the recipe's settings over a stream and watch surprise, gates, norm and loss."""

import controls
import extras
import gallery_panel
import header
import links
import parts
import player
import runs
import shelf
import sources
import streamlit as st
from texts import say

from titans_mini import SimulationConfig
from titans_mini.errors import ConfigError


def main() -> None:
    hidden, other = links.open_link(), runs.pinned()
    top, picture = st.container(key="top"), st.container(key="picture")
    early = None if "chart" in hidden else _early(hidden)
    if early is not None:
        player.show_curves(picture, early, other)
    with st.sidebar:
        settings, source, note = _sidebar(hidden)
    with top:
        parts.title(note)
        run = shelf.last_good("last_run", lambda: runs.get_run(settings, source), "bad_settings")
    run = run or runs.get_run(controls.DEFAULT, sources.Source())
    links.keep()
    if early is None and "chart" not in hidden:
        player.show_curves(picture, run, other)
    elif early not in (None, run):  # a control took its value from the link, as after the browser's Back
        st.session_state.late = True
        st.rerun()
    with top:
        header.show(run, other, hidden)
        if "gallery" not in hidden:
            gallery_panel.show(run.trace.settings, run.source)
        player.show(run, hidden)
    extras.show(run, other, hidden)


def _early(hidden: frozenset[str]) -> runs.Run | None:
    """The run that the controls ask for, before they are drawn: its curves go first. None where only they can tell."""
    if st.session_state.pop("late", False) or st.session_state.get("opened") != links.SIMULATOR.name:
        return None
    values = {name: controls.held(control, hidden) for name, control in controls.CONTROLS.items()}
    try:
        source = sources.without_text(values["stream"])
        return source and runs.get_run(controls.to_settings(values, source.scenario), source)
    except ConfigError:
        return None


def _sidebar(hidden: frozenset[str]) -> tuple[SimulationConfig, sources.Source, str | None]:
    """Draws the controls; the settings, the source, and a line if the source is not the one asked for."""
    source, note = sources.show(hidden)
    st.markdown(say("lead"))
    values = controls.show_all(controls.MAIN, hidden)
    with st.container(horizontal=True):
        parts.reset_buttons()
    values |= controls.show_folded("more", controls.MORE, hidden)
    return controls.to_settings(values, source.scenario), source, note


main()
