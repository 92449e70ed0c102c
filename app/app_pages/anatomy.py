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


def main() -> None:
    hidden = links.open_link(own.PAGE, own.brought)
    with st.sidebar:
        settings, source, note = sources.show(hidden, (*own.SHAPE, *controls.MAIN), own.MORE, ("anatomy_more",))
    run = shelf.last_good("anatomy_run", lambda: runs.get_run(settings, source), "bad_settings")
    run = run or runs.get_run(own.DEFAULT, sources.Source())
    token, last = links.values()["token"], anatomy_panels.last_token(run)
    past = say("anatomy_past", token=token, last=last) if token is not None and token > last else None
    parts.title(note, past, *own.unlike(run.trace.settings))
    header.show_banner(run, grey=False)
    sources.show_cut(run.source, run.trace.settings.tokens)
    anatomy_panels.show(run, hidden)
    if "guide" not in hidden:
        st.markdown(say("guide"))


main()
