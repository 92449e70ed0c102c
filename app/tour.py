"""The tour of a first visit: five things to do on the Simulator, each done by the visitor or by a button.

It opens when a session begins on the Simulator without a link, from a link with tour=open, and from the corner. The
session holds the index of the open step; None: closed.
"""

from collections.abc import Callable
from typing import NamedTuple

import gallery_panel
import links
import parts
import runs
import streamlit as st
from language import PARAMETER
from runs import Run
from texts import say

PLACE, BEFORE = "tour", "tour_before"  # in the session: the step, and (step, writes per 1,000 when it came up)
OPEN = {"tour": "open"}  # in a link
TAU, BETA, FAILURE, STREAM = 0.2, 0.0, "tau_high", "novelty_burst"
NEXT_PAGE = "app_pages/anatomy.py"


class Stop(NamedTuple):
    """One step: what the button does for the visitor, and whether it has been done."""

    name: str
    do: Callable[[Run], object]
    done: Callable[[Run], bool]


def show_button(page: st.Page, here: bool) -> None:
    """Opens the tour, on the page that it is about, unless the link hides it."""
    if "tour" in links.hide_list():
        return
    if here:
        parts.button("tour_open", _go, 0, icon="help", label="", type="tertiary")
    else:
        look = {"icon": ":material/help:", "help": say("tour_open?")}
        st.page_link(page, label="", query_params=OPEN, width="content", **look)


def begin() -> None:
    """Before the Simulator reads its link: a first visit, or a link that asks for it, opens the tour."""
    if st.query_params.get("tour") == OPEN["tour"]:
        st.session_state[PLACE] = 0
        del st.query_params["tour"]
    elif PLACE not in st.session_state:
        first = "page" not in st.session_state and not set(st.query_params) - {PARAMETER}
        st.session_state[PLACE] = 0 if first else None


def show(run: Run) -> None:
    """The panel of the step that is open, if any."""
    place = st.session_state.get(PLACE)
    if place is None or "tour" in links.hidden():
        return
    stop, last = STOPS[place], place == len(STOPS) - 1
    writes = run.trace.summary()["writes_per_1k"]
    if st.session_state.get(BEFORE, (None,))[0] != place:
        st.session_state[BEFORE] = (place, writes)
    words = {"before": f"{st.session_state[BEFORE][1]:.1f}", "after": f"{writes:.1f}"}
    done = stop.done(run)
    lines = [say("tour_step", step=place + 1, steps=len(STOPS), text=say(f"tour={stop.name}"))]
    lines += [say("tour_done", text=say(f"tour_done={stop.name}", **words))] if done else []
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small", key="tour_panel"):
        st.markdown("  \n".join(lines), width="stretch")
        with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
            parts.button("tour_do", stop.do, run, icon="touch_app", disabled=done)
            parts.button("tour_previous", _go, place - 1, icon="arrow_back", label="", disabled=place == 0)
            if last:
                st.page_link(NEXT_PAGE, label=say("tour_anatomy"), icon=":material/grid_on:", width="content")
            else:
                look = "primary" if done else "secondary"
                parts.button("tour_on", _go, place + 1, icon="arrow_forward", type=look)
            parts.button("tour_close", _go, None, icon="close", label="")


def _go(place: int | None) -> None:
    """Callback: another step, or none. A failure is not kept for the next step, which needs the usual gate."""
    now = st.session_state.get(PLACE)
    if place is not None and now is not None and STOPS[now].name == "fail" and place != now:
        links.reset()
    st.session_state[PLACE] = place


def _compare(run: Run) -> None:
    runs.pin(run)
    links.put({"beta": BETA})


def _compared(run: Run) -> bool:
    other = runs.pinned()
    return run.trace.settings.beta == BETA and other is not None and other.trace.settings.beta != BETA


STOPS = (
    Stop("tau", lambda run: links.put({"tau": TAU}), lambda run: run.trace.settings.tau <= TAU),
    Stop("compare", _compare, _compared),
    Stop(
        "fail",
        lambda run: gallery_panel.open_row(FAILURE, run.trace.settings),
        lambda run: gallery_panel.active(run.trace.settings, run.source) == FAILURE,
    ),
    Stop("stream", lambda run: links.put({"stream": STREAM}), lambda run: run.trace.settings.scenario == STREAM),
    Stop("end", lambda run: links.reset(), lambda run: runs.pinned() is None and links.values() == links.first()),
)
