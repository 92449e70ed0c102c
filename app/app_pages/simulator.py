"""Simulator: slide the recipe's settings over a stream and watch surprise, gates, norm and loss."""

from __future__ import annotations

import controls
import extras
import gallery_panel
import header
import links
import player
import runs
import sources
import streamlit as st
import tour
from texts import quoted, say

from titans_mini import SimulationConfig
from titans_mini.errors import ConfigError


def main() -> None:
    """The page."""
    tour.begin()
    links.open_link()
    hidden = links.hidden()
    with st.sidebar:
        settings, source, note = _sidebar(hidden)
    st.markdown(f"#### {say('title')}")
    st.html(f'<p class="phone-hint">{say("phone")}</p>')
    for line in (links.problem_line(), note):
        if line:
            st.warning(line)
    run = _run(settings, source)
    st.session_state.setdefault("first", links.values())
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
    values = {"stream": controls.show(controls.STREAM, hidden)}
    if "stream" not in hidden:
        st.caption(say(f"stream={values['stream']}"))
    source, note = sources.choose(values["stream"])
    st.markdown(say("lead"))
    values |= controls.show_all(controls.MAIN, hidden)
    with st.container(horizontal=True):
        st.button(say("reset"), key="reset", help=say("reset?"), icon=":material/restart_alt:", on_click=_reset)
        st.button(say("defaults"), key="defaults", help=say("defaults?"), on_click=_defaults)
    if "more" in hidden or hidden.issuperset(control.name for control in controls.MORE):
        values |= controls.show_all(controls.MORE, hidden)
    else:
        with st.expander(say("more")):
            values |= controls.show_all(controls.MORE, hidden)
    return controls.to_settings(values, source.scenario), source, note


def _run(settings: SimulationConfig, source: sources.Source) -> runs.Run:
    try:
        st.session_state.last_run = run = runs.get_run(settings, source)
    except ConfigError as error:
        st.error(say("bad_settings", error=quoted(error)))
        run = st.session_state.get("last_run") or runs.get_run(controls.DEFAULT, sources.Source())
    return run


def _reset() -> None:
    """Callback: the settings that the page opened with, no run A, the first cursor."""
    runs.restart(st.session_state.first)


def _defaults() -> None:
    """Callback: the recipe's settings on the bundled text."""
    runs.restart({name: control.default for name, control in controls.CONTROLS.items()})


main()
