"""The Anatomy page's controls: the Simulator's where they mean the same, for a memory that reads byte by byte."""

from dataclasses import replace

import streamlit as st
from controls import CONTROLS, GATE, MAIN, STREAM, TOKEN, Control, decades, flat, steps, to_settings
from links import Page
from texts import option, plain, say

from titans_mini import SimulationConfig

SHAPE = (replace(CONTROLS["depth"], default=1), Control("dim", "slider", 16, 4, 64, 4))
MORE = tuple(CONTROLS[name] for name in ("normaliser", "scale", "decay", "tokens", "seed"))
LAYER = Control("layer", "number", 1, 1, 4)
AUTO = Control("auto", "switch", True)
HAND = (steps("theta", 0.01, decades(-5, 0)), steps("alpha", 0.0, decades(-4, 0)))
SIDEBAR = (GATE, STREAM, *MAIN, *SHAPE, *MORE)
DEFAULT = to_settings({control.name: control.default for control in SIDEBAR}, "text")
PAGE = Page(
    "anatomy",
    (*SIDEBAR, TOKEN, AUTO, *HAND, LAYER),
    ("more", "tape", "player", "text", "vectors", "hand", "numbers", "maps", "formula", "curve", "guide"),
    {"more": MORE, "hand": (AUTO, *HAND), "maps": (LAYER,)},
    forget=("cursor", "source", "paste"),
)
TAKEN = "carried_to_anatomy"  # in the session: what of the Simulator this page has opened with


def brought() -> dict:
    """What the Simulator shows, as far as this page has controls for it; nothing if that has been taken before."""
    carried = st.session_state.get("carried")
    if carried is None or carried == st.session_state.get(TAKEN):
        return {}
    st.session_state[TAKEN] = dict(carried)
    values = flat(carried["settings"]) | {"stream": carried["source"].stream, "token": carried["token"]}
    return {name: value for name, value in values.items() if name in PAGE.controls}


def unlike(settings: SimulationConfig) -> list[str]:
    """A line for each setting of the Simulator's run that this page cannot have, so that its numbers differ."""
    here = there = flat(settings)
    if TAKEN in st.session_state:
        there = flat(st.session_state[TAKEN]["settings"])
    others = {name: plain(there[name]) for name in ("chunk", "encoding") if there[name] != here[name]}
    return [say("anatomy_unlike", name=option("setting", name), value=value) for name, value in others.items()]
