"""The tour: one thing to do on each page, four on the Simulator, each done by the visitor or by a button.

A step begins with its page's own settings, and the end of the tour brings back what the visitor had before it. The
session holds the number of the open step; None: closed.
"""

from collections.abc import Callable
from typing import NamedTuple

import links
import parts
import streamlit as st
from texts import say

# In the session: the open step; whether it leads to another page; page -> (its settings, what its reset forgets) before
# the tour; page -> what its reset forgets, still to be put back.
PLACE, LEADS, BEFORE, HELD = "tour", "tour_leads", "tour_before", "tour_held"
OPEN = "open"  # in a link, tour=open opens the tour


class Stop(NamedTuple):
    """One step: its page, what the button sets for the visitor, and whether the page's settings show it as done."""

    page: str
    name: str
    do: dict[str, object]
    done: Callable[[dict], bool]


STOPS = (
    Stop("simulator", "tau", {"tau": 0.0}, lambda now: now["tau"] <= 0.1),
    Stop("simulator", "rule", {"gate": "constant"}, lambda now: now["gate"] == "constant"),
    Stop("simulator", "stream", {"stream": "novelty_burst"}, lambda now: now["stream"] == "novelty_burst"),
    Stop("simulator", "fail", {"tau": 0.9}, lambda now: now["tau"] >= 0.8),
    Stop("anatomy", "apart", {"auto": False, "theta": 0.05}, lambda now: not now["auto"] and now["theta"] >= 0.05),
    Stop("variants", "place", {"variant": "mal"}, lambda now: now["variant"] == "mal"),
    Stop("miras", "outliers", {"outlier_share": 0.3}, lambda now: now["outlier_share"] >= 0.3),
    Stop("tuning", "objective", {}, lambda now: True),
    Stop("operations", "incident", {"incident": "random_bytes"}, lambda now: now["incident"] == "random_bytes"),
    Stop("claims", "row", {"row": "writes"}, lambda now: now["row"] != "none"),
)


def begin(page: str) -> None:
    """Before a page reads its link: tour=open in it opens the tour at the first step of this page."""
    _put_back(page)
    if st.query_params.get("tour") == OPEN:
        del st.query_params["tour"]
        st.session_state[PLACE] = _first(page)


def show_button(page: str) -> None:
    """Opens the tour at the first step of this page, unless the link hides it."""
    if "tour" not in links.hide_list():
        parts.button("tour_open", _go, _first(page), icon="help", type="tertiary")


def show(page: str) -> None:
    """Once the page has been drawn: the panel of the open step, or the step's own page where the tour leads there."""
    place = st.session_state.get(PLACE)
    if place is None or "tour" in links.hidden():
        return
    stop = STOPS[place]
    if st.session_state.pop(LEADS, False) and stop.page != page:
        st.switch_page(f"app_pages/{stop.page}.py", query_params={})  # without them it refuses, since widgets own some
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small", key="tour_panel"):
        if stop.page == page:
            _remember(page)
            _show_step(place)
        else:
            st.markdown(say("tour_elsewhere", page=say(stop.page)), width="stretch")
            parts.button("tour_return", _go, place, icon="undo")
        parts.button("tour_close", _go, None, icon="close")


def _show_step(place: int) -> None:
    stop, last = STOPS[place], place == len(STOPS) - 1
    done = stop.done(links.values())
    lines = [say("tour_step", step=place + 1, steps=len(STOPS), text=say(f"tour={stop.name}"))]
    lines += [say("tour_done", text=say(f"tour_done={stop.name}"))] if done else []
    st.markdown("  \n".join(lines), width="stretch")
    with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
        if stop.do:
            parts.button("tour_do", links.put, stop.do, icon="touch_app", disabled=done)
        parts.button("tour_previous", _go, place - 1, icon="arrow_back", disabled=place == 0)
        look = {"icon": "check" if last else "arrow_forward", "type": "primary" if done else "secondary"}
        parts.button("tour_end" if last else "tour_on", _go, None if last else place + 1, **look)


def _first(page: str) -> int:
    return next(place for place, stop in enumerate(STOPS) if stop.page == page)


def _go(place: int | None) -> None:
    """Callback: opens a step with its page's own settings. None: closes the tour, and all is as it was before it."""
    state = st.session_state
    state[PLACE] = place
    if place is None:
        _bring_back()
        return
    page = STOPS[place].page
    _remember(page)
    if page == state.page.name:
        links.reset()
    else:
        state.kept.pop(page, None)
        state[LEADS] = True


def _remember(page: str) -> None:
    """Keeps the settings that a page has before the tour, and what a reset of the open page forgets."""
    state, before = st.session_state, st.session_state.setdefault(BEFORE, {})
    if page in before:
        return
    if page == state.page.name:
        before[page] = links.values(), {name: state.get(name) for name in state.page.forget}
    else:
        before[page] = state.kept.get(page), {}


def _bring_back() -> None:
    """Gives each page that the tour has changed what it had before; a closed page gets the rest when it opens."""
    state = st.session_state
    for page, (values, held) in state.pop(BEFORE, {}).items():
        state.setdefault(HELD, {})[page] = held
        if page != state.page.name:
            state.kept[page] = values or {}
        elif values is None:
            links.reset()
        else:
            links.put(values)
    _put_back(state.page.name)


def _put_back(page: str) -> None:
    """What a page's reset forgets, as it was before the tour. Streamlit drops what is set while its widget is away."""
    for name, value in st.session_state.get(HELD, {}).pop(page, {}).items():
        if value is None:
            st.session_state.pop(name, None)
        else:
            st.session_state[name] = value
