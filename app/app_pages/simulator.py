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
import tour
from texts import say

from titans_mini import SimulationConfig


def main() -> None:
    tour.begin()
    hidden = links.open_link()
    with st.sidebar:
        settings, source, note = _sidebar(hidden)
    parts.title(note)
    run = shelf.last_good("last_run", lambda: runs.get_run(settings, source), "bad_settings")
    run = run or runs.get_run(controls.DEFAULT, sources.Source())
    links.keep()
    other = runs.pinned()
    tour.show(run)
    above = st.container(key="above")
    player.show(run, other, hidden)  # its curves go out first
    with above:
        header.show(run, other, hidden)
        if "gallery" not in hidden:
            gallery_panel.show(run.trace.settings, run.source)
    extras.show(run, other, hidden)


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
