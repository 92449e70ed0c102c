"""Claims: the audit of the recipe article, row by row; each verdict with its figures, its rule and its command."""

import controls
import links
import parts
import streamlit as st
from claims import controls as own
from claims import panels as claims_panels
from claims import runs as claims_runs
from texts import say

from titans_course.claims import CLAIMS
from titans_course.claims.view import pick

BOX = "claim_{}"  # of a row, in the session: whether it is open


def main() -> None:
    """The page. A small measurement runs in the page itself, not in a fragment: only so can a click stop it."""
    hidden = links.open_link(own.PAGE)
    with st.sidebar:
        values = _sidebar(hidden)
    parts.title()
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
        "section": controls.show(own.SECTION, gone, lambda name: say("section=any") if name == own.ANY else name),
    }
    if "verdicts" in hidden:
        values["judged"] = own.JUDGED.default
    parts.reset_buttons()
    st.caption(say("claims_parts"))
    return values


def _rows(keys: list[str], results: dict, hidden: frozenset[str]) -> None:
    """The head of each row; only the open one is drawn in full, and the link names it."""
    opened = links.values()["row"]
    for key in keys:
        name = BOX.format(key)
        st.session_state[name] = key == opened
        label = claims_panels.label(key, results.get(key), hidden)
        with st.expander(label, key=name, on_change=_choose, args=(key,)):
            if key == opened:
                claims_panels.row(key, results.get(key), hidden)
    if "row" not in hidden:
        controls.keep_in_link("row", None if opened == own.NOTHING else opened)


def _choose(key: str) -> None:
    """Callback: this row is the open one, or none is."""
    links.put({"row": key if st.session_state[BOX.format(key)] else own.ROW.default})


main()
