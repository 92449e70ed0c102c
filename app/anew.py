"""What a link cannot hold: it says that there was something, so that a page opened again can tell that it is gone."""

import controls
import links
import streamlit as st
from controls import Control
from texts import say


def mark(name: str) -> Control:
    """A control that stands in the link only: whether the session has what the link cannot hold."""
    return Control(name, "switch", False)


def tell(name: str, here: bool) -> None:
    """Sets the mark to `here`; where the link that opened the page had it, one line until there is something again."""
    state, gone = st.session_state, f"{name}_gone"
    state[gone] = (links.values()[name] if gone not in state else state[gone]) and not here
    if state[gone]:
        st.info(say(f"{name}=gone"))
    state[name] = here
    if name not in links.hidden():
        controls.keep_in_link(name, "true" if here else None)
