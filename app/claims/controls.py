"""The Claims page's filters, and what its link may set and hide."""

from __future__ import annotations

from collections.abc import Callable

import links
import streamlit as st
from controls import Control, keep_in_link, labels, one_of
from links import Page
from texts import say

from titans_course.claims import CLAIMS
from titans_course.claims.finding import FAILS, HOLDS, PART, UNTESTED
from titans_course.claims.view import ANY, MISSING, sections

VERDICT_NAMES = {ANY: ANY, "holds": HOLDS, "part": PART, "fails": FAILS, "untested": UNTESTED, "missing": MISSING}
NAMES = {verdict: name for name, verdict in VERDICT_NAMES.items()}  # verdict -> its name in links and texts
NOTHING = "none"  # no row is open

JUDGED = Control("judged", "choice", ANY, options=tuple(VERDICT_NAMES))
SECTION = Control("section", "choice", ANY, options=(ANY, *sections()))
ROW = Control("row", "choice", NOTHING, options=(NOTHING, *CLAIMS))
ALL = (JUDGED, SECTION, ROW)
PAGE = Page(
    "claims",
    {control.name: control for control in ALL},
    ("counts", "verdicts", "papers", "measured", "figures", "rule", "command", "measure", "downloads"),
    {},
)


def show_choice(control: Control, hidden: frozenset[str], spell: Callable[[str], str]) -> str:
    """Draws a choice under its labels, unless the link hides it; returns it, and keeps the link as it is.

    A widget that is bound to the link would put its labels there.
    """
    value = links.values()[control.name]
    if control.name in hidden:
        return value
    st.session_state[control.name] = value
    value = st.selectbox(
        say(control.name), control.options, key=control.name, help=say(control.name + "?"),
        format_func=labels(control.options, spell),
    )  # fmt: skip
    value = one_of(control, value)
    keep_in_link(control, value)
    return value
