"""Anatomy: one token taken apart, from key and value to the weights that its write leaves behind."""

from __future__ import annotations

import controls
import header
import links
import runs
import sources
import streamlit as st
from anatomy import controls as own
from anatomy import panels as anatomy_panels
from texts import quoted, say

from titans_mini import SimulationConfig
from titans_mini.errors import ConfigError


def main() -> None:
    """The page."""
    links.open_link(own.PAGE)
    hidden = links.hidden()
    with st.sidebar:
        settings, source, note = _sidebar(hidden)
    st.markdown(f"#### {say('anatomy_title')}")
    st.html(f'<p class="phone-hint">{say("phone")}</p>')
    run = _run(settings, source)
    for line in (links.problem_line(), note, _past_the_end(run)):
        if line:
            st.warning(line)
    header.show_banner(run, grey=False)
    anatomy_panels.show(run, hidden)
    st.session_state.setdefault("anatomy_first", links.values())
    if "guide" not in hidden:
        st.markdown(say("guide"))


def _sidebar(hidden: frozenset[str]) -> tuple[SimulationConfig, sources.Source, str | None]:
    """Draws the controls; the settings, the source, and a line if the source is not the one asked for."""
    values = {"stream": controls.show(controls.STREAM, hidden)}
    if "stream" not in hidden:
        st.caption(say(f"stream={values['stream']}"))
    source, note = sources.choose(values["stream"])
    values |= controls.show_all(own.SHAPE, hidden)
    values |= controls.show_all(controls.MAIN, hidden)
    with st.container(horizontal=True):
        icon = ":material/restart_alt:"
        st.button(say("reset"), key="anatomy_reset", help=say("reset?"), icon=icon, on_click=_reset)
        st.button(say("defaults"), key="anatomy_defaults", help=say("defaults?"), on_click=_defaults)
    if hidden.issuperset(control.name for control in own.MORE):
        values |= controls.show_all(own.MORE, hidden)
    else:
        with st.expander(say("anatomy_more")):
            values |= controls.show_all(own.MORE, hidden)
    return own.to_settings(values, source.scenario), source, note


def _run(settings: SimulationConfig, source: sources.Source) -> runs.Run:
    try:
        st.session_state.anatomy_run = run = runs.get_run(settings, source)
    except ConfigError as error:
        st.error(say("bad_settings", error=quoted(error)))
        run = st.session_state.get("anatomy_run") or runs.get_run(own.default(), sources.Source())
    return run


def _past_the_end(run: runs.Run) -> str | None:
    """A line if the chosen token is one that this run does not have."""
    token, last = links.values()["token"], anatomy_panels.last_token(run)
    return say("anatomy_past", token=token, last=last) if token is not None and token > last else None


def _reset() -> None:
    """Callback: the settings and the token that the page opened with."""
    _restart(st.session_state.anatomy_first)


def _defaults() -> None:
    """Callback: the page's own settings on the bundled text, at its first write."""
    _restart({name: control.default for name, control in own.PAGE.controls.items()})


def _restart(values: dict) -> None:
    links.restart(values, "source", "paste")


main()
