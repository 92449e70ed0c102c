"""Anatomy: one token taken apart, from key and value to the weights that its write leaves behind."""

import controls
import header
import links
import parts
import runs
import shelf
import sources
import streamlit as st
from anatomy import controls as own
from anatomy import panels as anatomy_panels
from texts import say

from titans_mini import SimulationConfig


def main() -> None:
    hidden = links.open_link(own.PAGE, own.brought)
    with st.sidebar:
        settings, source, note = _sidebar(hidden)
    run = shelf.last_good("anatomy_run", lambda: runs.get_run(settings, source), "bad_settings")
    run = run or runs.get_run(own.default(), sources.Source())
    parts.title(note, _past_the_end(run), *own.unlike(run.trace.settings))
    header.show_banner(run, grey=False)
    sources.show_cut(run.source, run.trace.settings.tokens)
    anatomy_panels.show(run, hidden)
    if "guide" not in hidden:
        st.markdown(say("guide"))


def _sidebar(hidden: frozenset[str]) -> tuple[SimulationConfig, sources.Source, str | None]:
    """Draws the controls; the settings, the source, and a line if the source is not the one asked for."""
    gate = controls.show(controls.GATE, hidden, lambda name: say(f"gate={name}"))
    source, note = sources.show(hidden)
    unused = controls.UNUSED.get(gate, ())
    values = controls.show_all((*own.SHAPE, *controls.MAIN), hidden, unused) | {"gate": gate}
    with st.container(horizontal=True):
        parts.reset_buttons()
    values |= controls.show_folded("anatomy_more", own.MORE, hidden)
    return own.to_settings(values, source.scenario), source, note


def _past_the_end(run: runs.Run) -> str | None:
    """A line if the selected token is past the end of this run."""
    token, last = links.values()["token"], anatomy_panels.last_token(run)
    return say("anatomy_past", token=token, last=last) if token is not None and token > last else None


main()
