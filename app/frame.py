"""What all pages have: their title, the lines about their link, and the two buttons that reset them."""

from __future__ import annotations

from collections.abc import Callable

import links
import parts
import streamlit as st
from texts import say


def title(*lines: str | None, sidebar: bool = True) -> None:
    """The open page's title and its warnings: what was wrong with the link, then each of `lines` that there is."""
    name = st.session_state.page.name
    st.markdown(f"#### {say(f'{name}_title')}")
    if sidebar:  # which is closed on a phone
        st.html(f'<p class="phone-hint">{say(f"{name}_phone")}</p>')
    for line in (links.problem_line(), *lines):
        if line:
            st.warning(line)


def reset_buttons(after: Callable[[], None] | None = None) -> None:
    """The buttons that go back to the settings the page opened with, and to its own; `after` is called then."""
    name = st.session_state.page.name
    parts.button("reset", _restart, links.reset, after, **_named(f"{name}_reset"), icon="restart_alt")
    parts.button("defaults", _restart, links.defaults, after, **_named(f"{name}_defaults"))


def _named(key: str) -> dict[str, str]:
    return {"key": key, "help": say(f"{key}?")}


def _restart(restart: Callable[[], None], after: Callable[[], None] | None) -> None:
    restart()
    if after is not None:
        after()
