"""Claims: the audit of the recipe article, row by row; each verdict with its figures, its rule and its command."""

from __future__ import annotations

import controls
import frame
import links
import streamlit as st
from claims import controls as own
from claims import panels as claims_panels
from claims import runs as claims_runs
from texts import say

from titans_course.claims import CLAIMS
from titans_course.claims.view import pick


def main() -> None:
    """The page. A small measurement runs in the page itself, not in a fragment: only so can a click stop it."""
    links.open_link(own.PAGE)
    hidden = links.hidden()
    with st.sidebar:
        values = _sidebar(hidden)
    frame.title()
    st.markdown(say("claims_lead"))
    links.keep()
    results = claims_runs.full()
    if not hidden & {"counts", "verdicts"}:
        claims_panels.counts(results)
    if "downloads" not in hidden:
        claims_panels.downloads(results)
    keys = pick(results, own.VERDICT_NAMES[values["judged"]], values["section"])
    st.caption(say("claims_shown", shown=len(keys), all=len(CLAIMS)))
    if not keys:
        st.info(say("claims_none"))
    _rows(keys, results, hidden)


def _sidebar(hidden: frozenset[str]) -> dict:
    """Draws the filters; name -> value. A filter by verdict would give hidden verdicts away."""
    gone = hidden | ({"judged"} if "verdicts" in hidden else set())
    values = {
        "judged": controls.show(own.JUDGED, gone, lambda name: say(f"judged={name}")),
        "section": controls.show(own.SECTION, gone, _section),
    }
    if "verdicts" in hidden:
        values["judged"] = own.JUDGED.default
    with st.container(horizontal=True):
        frame.reset_buttons()
    st.caption(say("claims_parts"))
    return values


def _section(name: str) -> str:
    return say("section=any") if name == own.SECTION.default else name


def _rows(keys: list[str], results: dict, hidden: frozenset[str]) -> None:
    """A row each; the open one, and it alone, is drawn, and the link names it."""
    opened = links.values()["row"]
    for key in keys:
        name = _box(key)
        st.session_state[name] = key == opened
        label = claims_panels.label(key, results.get(key), hidden)
        with st.expander(label, key=name, on_change=_choose, args=(key,)):
            if key == opened:
                claims_panels.row(key, results.get(key), hidden)
    if "row" not in hidden:
        controls.keep_in_link(own.ROW, opened)


def _box(key: str) -> str:
    return f"claim_{key}"


def _choose(key: str) -> None:
    """Callback: this row is the open one, or none is."""
    links.put({"row": key if st.session_state[_box(key)] else own.ROW.default})


main()
